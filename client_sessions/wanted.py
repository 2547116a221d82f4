"""Which resources a caller wants: ids by resource type, as the verbs of client sessions take them."""

from collections.abc import Iterable, Mapping
from uuid import UUID

__all__ = ["NormalizedWanted", "Wanted", "normalize_wanted"]

# Resource ids to grant, by resource type: {"connected_account": ["8062d457-…"]}.
Wanted = Mapping[str, Iterable[str | int | UUID]]

# The same once it is checked.
NormalizedWanted = Mapping[str, list[str]]


def normalize_wanted(wanted: Wanted) -> NormalizedWanted:
    """Return the ids as lists of text. Raises ValueError for what is not ids by resource type.

    Text is iterable too: without this, "12" would be the ids "1" and "2".
    """
    given: object = wanted
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise ValueError('wanted must be a dict of lists by resource type, such as {"building": ["12"]}.')
    return {name: _ids(name, ids) for name, ids in given.items()}


def _ids(name: str, given: object) -> list[str]:
    is_collection = isinstance(given, Iterable) and not isinstance(given, str | bytes | bytearray | Mapping)
    ids = list(given) if is_collection and isinstance(given, Iterable) else [None]
    if not all(isinstance(each, str | int | UUID) and not isinstance(each, bool) for each in ids):
        raise ValueError(f"wanted[{name!r}] must be a list of ids, each of them text, a whole number or a UUID.")
    return [str(each) for each in ids]
