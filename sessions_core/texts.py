"""Checks of texts: length, and characters that a database cannot store."""

import re
import unicodedata
from collections.abc import Mapping

__all__ = [
    "LONGEST_ACTOR",
    "LONGEST_REASON",
    "LONGEST_TEXT",
    "is_storable",
    "is_storable_json",
    "printable",
    "reason_data",
    "text",
]

# Characters; the length of columns of events and sessions.
LONGEST_ACTOR = 200
LONGEST_REASON = 200

# Maximum number of characters of a parameter.
LONGEST_TEXT = 255

# PostgreSQL stores no NUL, and unpaired surrogates cannot be encoded as UTF-8.
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Return True if every database can store this text unchanged."""
    return "\0" not in text if text.isascii() else not _NOT_TEXT.search(text)


def is_storable_json(value: object) -> bool:
    """Return True if every database can store the texts in this JSON value unchanged."""
    if isinstance(value, str):
        return is_storable(value)
    if isinstance(value, Mapping):
        return all(is_storable_json(each) for item in value.items() for each in item)
    return not isinstance(value, list | tuple) or all(map(is_storable_json, value))


def printable(text: str, *, longest: int) -> str:
    """Return what can be shown of a text that a caller made up: at most ``longest`` characters, on one line.

    Control characters, marks without width and those that change the direction of writing are dropped.
    """
    kept = "".join(character for character in unicodedata.normalize("NFC", text) if character.isprintable())
    return kept[:longest].strip()


def text(value: str, *, name: str, longest: int, shortest: int = 0) -> str:
    """Return the text. Raise ValueError, with the name of the argument, if a database cannot store it."""
    given: object = value
    if not isinstance(given, str) or not shortest <= len(given) <= longest or not is_storable(given):
        raise ValueError(
            f"{name} must be text of {shortest} to {longest} characters, without NUL or unpaired surrogates."
        )
    return value


def reason_data(reason: str) -> dict[str, str]:
    """Return the data of an event with this reason, or with none. Raise ValueError for one that is too long."""
    return {"reason": text(reason, name="reason", longest=LONGEST_REASON)} if reason else {}
