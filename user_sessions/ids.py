"""Ids that sort by creation time: a prefix that names the kind, and a KSUID.

A KSUID is 20 bytes in base62, 27 characters: seconds since 2014-05-13 16:53:20 UTC, then 16 random bytes
(the format of github.com/segmentio/ksuid).
"""

import os
from datetime import datetime

from sessions_core.moments import moment
from sessions_core.texts import is_storable

__all__ = ["can_be_looked_up", "new_id"]

EPOCH = 1_400_000_000
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH = 27
RANDOM_BYTES = 16


def new_id(prefix: str, *, at: datetime) -> str:
    """Return ``<prefix>_<KSUID>``. The KSUID contains ``at`` in whole seconds."""
    seconds = max(int(moment(at).timestamp()) - EPOCH, 0)
    number = (seconds << 8 * RANDOM_BYTES) | int.from_bytes(os.urandom(RANDOM_BYTES))
    characters = []
    for _ in range(LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        characters.append(ALPHABET[digit])
    return f"{prefix}_{''.join(reversed(characters))}"


def can_be_looked_up(id: object) -> bool:
    """Return True if every database takes this value for an id."""
    return isinstance(id, str) and is_storable(id)
