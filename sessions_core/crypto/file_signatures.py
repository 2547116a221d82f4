"""Signatures of files that the console writes, so that a later change of a file is noticed."""

import hmac
from collections.abc import Iterable, Iterator

from sessions_core.conf import settings

__all__ = ["is_signed_by_us", "signing_lines"]

# What stands before the signature in the last line.
MARK = "# signature: hmac-sha256 "

PURPOSE = b"signature of a file"


def signing_lines(lines: Iterable[str], *, before: str = MARK, after: str = "") -> Iterator[str]:
    """Yield the lines, and a last one with the signature of all of them under the newest of the TOKEN_KEYS."""
    signature = _new(settings.token_keys[0])
    for line in lines:
        signature.update(line.encode())
        yield line
    yield f"{before}{signature.hexdigest()}{after}\n"


def is_signed_by_us(content: bytes) -> bool:
    """Return True if this is a whole file that ``signing_lines`` wrote, under one of the TOKEN_KEYS."""
    signed, _, last = content.removesuffix(b"\n").rpartition(b"\n")
    signed += b"\n"
    for key in settings.token_keys:
        signature = _new(key)
        signature.update(signed)
        if hmac.compare_digest(signature.hexdigest().encode(), _signature_in(last)):
            return True
    return False


def _signature_in(line: bytes) -> bytes:
    """Return the 64 hex digits of the last line of a CSV file or of one of JSON lines."""
    digits: bytes = line.removesuffix(b'"}')[-64:]
    return digits


def _new(key: str) -> "hmac.HMAC":
    return hmac.new(hmac.digest(key.encode(), PURPOSE, "sha256"), digestmod="sha256")
