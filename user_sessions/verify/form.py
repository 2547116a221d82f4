"""Parse a signed token strictly: every accepted token has one spelling and one meaning.

The subset of the JWS compact serialisation (RFC 7515, section 7.1) that session tokens need.
"""

import json
import re
from binascii import a2b_base64
from dataclasses import dataclass
from math import isfinite
from typing import Any, NoReturn

from user_sessions.verify.rejections import Malformed

__all__ = ["Parts", "parse"]

MAX_CHARACTERS = 16 * 1024
MAX_DEPTH = 32
MAX_KID_CHARACTERS = 100

COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")

# Header members that change how the rest is parsed. Others are ignored; a key is never taken from a header.
REFUSED_MEMBERS = {"crit", "zip", "b64"}

STANDARD_BASE64 = bytes.maketrans(b"-_", b"+/")

# The last characters without unused bits, by the rest of the length: others would spell the same bytes a second time.
LAST_CHARACTERS = {1: "", 2: "AQgw", 3: "AEIMQUYcgkosw048"}


@dataclass(frozen=True)
class Parts:
    header: dict[str, Any]
    payload: dict[str, Any]
    signed: bytes
    signature: bytes

    @property
    def kid(self) -> str | None:
        kid: str | None = self.header.get("kid")
        return kid


def parse(token: object) -> Parts:
    """Split a token into its parts, which are not verified yet. Raise Malformed."""
    match = COMPACT.fullmatch(token) if isinstance(token, str) and len(token) <= MAX_CHARACTERS else None
    if match is None:
        raise Malformed
    try:
        header, payload, signature = map(_bytes, match.groups())
        parts = Parts(_object(header), _object(payload), match.string[: match.end(2)].encode(), signature)
    except (ValueError, RecursionError):
        # ``from None``: the context quotes the token.
        raise Malformed from None
    if REFUSED_MEMBERS & parts.header.keys() or not _is_kid(parts.header):
        raise Malformed
    return parts


def _is_kid(header: dict[str, Any]) -> bool:
    kid = header.get("kid", "")
    return isinstance(kid, str) and len(kid) <= MAX_KID_CHARACTERS


def _bytes(part: str) -> bytes:
    rest = len(part) % 4
    if rest and part[-1] not in LAST_CHARACTERS[rest]:
        raise ValueError("a second spelling of the same bytes")
    return a2b_base64(part.encode().translate(STANDARD_BASE64) + b"=" * (-rest % 4))


def _object(data: bytes) -> dict[str, Any]:
    value = _JSON.decode(data.decode())
    if not isinstance(value, dict):
        raise ValueError("not an object")
    # Only an escape can write a surrogate, and nothing is deeper than the number of its brackets.
    if b"\\u" in data or data.count(b"{") + data.count(b"[") > MAX_DEPTH:
        _check_inside(value, depth=1)
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member given twice")
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError("too large for a float")
    return number


_JSON = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_refuse, parse_float=_finite)


def _check_inside(value: Any, *, depth: int) -> None:
    """Raise ValueError if containers are nested too deep or a string has an unpaired surrogate."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise ValueError("too deep")
        for inner in value if isinstance(value, list) else [*value, *value.values()]:
            _check_inside(inner, depth=depth + 1)
