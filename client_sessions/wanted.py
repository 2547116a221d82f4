"""The argument ``wanted`` of client session methods: resource ids by resource type."""

from collections.abc import Iterable, Mapping
from uuid import UUID

__all__ = ["NormalizedWanted", "Wanted", "normalize_wanted"]

# Resource ids to grant, by resource type: {"connected_account": ["8062d457-…"]}.
Wanted = Mapping[str, Iterable[str | int | UUID]]

# The result of normalize_wanted.
NormalizedWanted = Mapping[str, list[str]]


def normalize_wanted(wanted: Wanted) -> NormalizedWanted:
    """Return the ids as lists of text. Raise ValueError unless they are lists of ids by resource type.

    A text is iterable as well: without this check, "12" would be the ids "1" and "2".
    """
    given: object = wanted
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise ValueError('wanted must be a dict of lists by resource type, such as {"building": ["12"]}.')
    return {name: _ids(name, ids) for name, ids in given.items()}


def _ids(name: str, given: object) -> list[str]:
    is_collection = isinstance(given, Iterable) and not isinstance(given, str | bytes | bytearray | Mapping)
    ids = list(given) if is_collection and isinstance(given, Iterable) else [None]
    kinds = set(map(type, ids))
    if not all(issubclass(kind, str | int | UUID) and kind is not bool for kind in kinds):
        raise ValueError(f"wanted[{name!r}] must be a list of ids, each a string, an integer or a UUID.")
    return list(map(str, ids))
