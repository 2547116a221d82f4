"""Map errors to the responses of a dialect, by the class of the error."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

__all__ = ["Refusals", "refusal_in"]

R = TypeVar("R")

# Error class -> function that returns the response of the dialect.
Refusals: TypeAlias = Mapping[type[BaseException], Callable[[Any], R]]


def refusal_in(refusals: Refusals[R], error: Exception) -> R | None:
    """Return the response for the class of the error or its nearest base class, or None if there is no row."""
    for each in type(error).__mro__:
        if issubclass(each, BaseException) and each in refusals:
            return refusals[each](error)
    return None
