"""The texts that every database stores as they are."""

import re
from collections.abc import Mapping

__all__ = ["LONGEST_ACTOR", "LONGEST_REASON", "LONGEST_TEXT", "is_storable", "is_storable_json", "text"]

# Characters, as the columns of events and sessions hold them.
LONGEST_ACTOR = 200
LONGEST_REASON = 200

# Characters of a parameter. Ids, keys and searches are shorter.
LONGEST_TEXT = 255

# NUL, which PostgreSQL does not store, and halves of characters.
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Return True if every database stores this text as it is."""
    return not _NOT_TEXT.search(text)


def is_storable_json(value: object) -> bool:
    """Return True if every database stores the texts in this JSON value as they are."""
    if isinstance(value, str):
        return is_storable(value)
    if isinstance(value, Mapping):
        return all(is_storable_json(each) for item in value.items() for each in item)
    return not isinstance(value, list | tuple) or all(map(is_storable_json, value))


def text(value: str, *, name: str, longest: int, shortest: int = 0) -> str:
    """Return a text that its column holds on every database. Raises ValueError, which names the argument."""
    given: object = value
    if not isinstance(given, str) or not shortest <= len(given) <= longest or not is_storable(given):
        raise ValueError(f"{name} must be text of {shortest} to {longest} characters, without NUL or lone surrogates.")
    return value
