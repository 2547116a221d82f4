"""Asynchronous twins of verbs, as ``asave`` is of ``save``."""

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from asgiref.sync import sync_to_async

__all__ = ["is_twin_of", "twin_of"]

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")


def twin_of(verb: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], Coroutine[Any, Any, R]]:
    """Return a method that takes what the verb takes and runs it in a thread, as Django's own twins do. Its name must
    be that of the verb after an ``a``."""

    async def twin(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await sync_to_async(verb)(self, *args, **kwargs)

    twin.__name__ = f"a{verb.__name__}"
    twin.__qualname__ = f"{verb.__qualname__.rpartition('.')[0]}.{twin.__name__}"
    twin.__module__, twin.__doc__ = verb.__module__, verb.__doc__
    twin.__wrapped__ = verb  # type: ignore[attr-defined]  # for its signature
    return twin


def is_twin_of(
    verb: Callable[Concatenate[S, P], R],
) -> Callable[[Callable[[S], Any]], Callable[Concatenate[S, P], Coroutine[Any, Any, R]]]:
    """Put ``twin_of`` in the place of an empty method. Type checkers find only methods of a queryset on its manager."""
    return lambda _: twin_of(verb)
