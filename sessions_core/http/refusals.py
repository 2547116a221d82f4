"""How a dialect answers errors: one table, by the class of the error."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

__all__ = ["Refusals", "refusal_in"]

R = TypeVar("R")

# Class of an error -> the dialect's answer to such an error.
Refusals: TypeAlias = Mapping[type[BaseException], Callable[[Any], R]]


def refusal_in(refusals: Refusals[R], error: Exception) -> R | None:
    """Return the answer of the error's class, or of the nearest class that it extends. None if there is no row."""
    for each in type(error).__mro__:
        if issubclass(each, BaseException) and each in refusals:
            return refusals[each](error)
    return None
