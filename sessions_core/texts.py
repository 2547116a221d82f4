"""The texts that every database stores as they are."""

import re

__all__ = ["is_storable"]

# PostgreSQL stores no NUL, and no encoding has surrogates.
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Return True if every database stores this text as it is."""
    return not _NOT_TEXT.search(text)
