"""Lint a JWT template: report probable mistakes before a token is minted from it. It refuses nothing."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from user_sessions.templating.shortcodes import RESERVED, SHORTCODES, Shortcode, parts_of
from user_sessions.tokens.claims import is_audience

__all__ = ["Finding", "lint"]

# The largest cookie in bytes that browsers store, name and value, and the cookie name of SDKs.
COOKIE_SIZE = 4096
COOKIE = "__session"
# Bytes of compact JSON: custom claims up to this size always fit into a cookie.
CLAIMS_SIZE = 1200

# A shorter string or smaller number can match private metadata by chance.
SPECIFIC_LENGTH = 6
SPECIFIC_NUMBER = 1000

_OBJECTS = (
    *("user.public_metadata", "user.unsafe_metadata", "user.organizations", "session.actor"),
    *("org.public_metadata", "org_membership.public_metadata"),
)


@dataclass(frozen=True)
class Finding:
    """``code`` is stable, ``path`` a JSON pointer into the claims (RFC 6901)."""

    code: str
    path: str
    message: str


def lint(
    claims: Mapping[str, Any],
    *,
    rendered: Mapping[str, Any] | None = None,
    token: str | None = None,
    private_metadata: Mapping[str, Any] | None = None,
    reserved: frozenset[str] = RESERVED,
) -> list[Finding]:
    """Return findings on the claims in their order, then on the rendered claims and the token, if given."""
    return [
        *(finding for path, node in _values(claims) for finding in _findings_at(path, node, reserved)),
        *_findings_on_audience(rendered or {}),
        *_findings_on_size(rendered or {}, token or ""),
        *_findings_on_secrets(rendered or {}, private_metadata or {}),
    ]


def _values(json_value: Any) -> Iterator[tuple[str, Any]]:
    """Yield a JSON pointer to each value, in order, and the value."""
    pending = [("", json_value)]
    while pending:
        path, value = pending.pop()
        yield path, value
        inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
        pending += [(f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}", one) for key, one in inner][::-1]


def _findings_at(path: str, value: Any, reserved: frozenset[str]) -> Iterator[Finding]:
    if path[1:].casefold() in reserved:
        yield Finding("reserved_claim", path, f"Only the server sets {path[1:]}.")
    if "{{" in path.rpartition("/")[2]:
        yield Finding("shortcode_in_key", path, "A name stays as it is; shortcodes are for values.")
    for part in parts_of(value) if isinstance(value, str) else ():
        if isinstance(part, Shortcode):
            paths = [operand for operand in part.operands if isinstance(operand, str)]
            yield from (_unknown(shortcode, path) for shortcode in paths if not _exists(shortcode))
        elif "{{" in part or "}}" in part:
            yield Finding("malformed_shortcode", path, "Braces that enclose no shortcode stay in the token as text.")


def _exists(shortcode: str) -> bool:
    root, rest = _split(shortcode)
    return root in SHORTCODES and (not rest or root in _OBJECTS) and "[" not in rest


def _split(shortcode: str) -> tuple[str, str]:
    """Return the shortcode, and the path into its value."""
    names = shortcode.split(".")
    return ".".join(names[:2]), "".join(f".{name}" for name in names[2:])


def _unknown(shortcode: str, path: str) -> Finding:
    root, rest = _split(shortcode)
    if root == "user.private_metadata":
        return Finding("private_metadata", path, "Private metadata reach no token; this gives null.")
    close = get_close_matches(root, sorted(SHORTCODES), 1) if root not in SHORTCODES else []
    advice = f" Did you mean {close[0]}{rest}?" if close else ""
    return Finding("unknown_shortcode", path, f"There is no {shortcode}; it gives null.{advice}")


def _findings_on_audience(rendered: Mapping[str, Any]) -> Iterator[Finding]:
    if not is_audience(rendered.get("aud", "")):
        yield Finding("audience", "/aud", "An audience is a text or a list of texts; verifiers refuse this one.")


def _findings_on_size(rendered: Mapping[str, Any], token: str) -> Iterator[Finding]:
    size = len(f"{COOKIE}={token}")
    if size > COOKIE_SIZE:
        yield Finding("token_too_large", "", f"A cookie with this token has {size} bytes; browsers keep {COOKIE_SIZE}.")
    size = len(json.dumps(rendered, ensure_ascii=False, separators=(",", ":")).encode())
    if size > CLAIMS_SIZE:
        yield Finding("token_too_large", "", f"The claims have {size} bytes; a token fits up to {CLAIMS_SIZE}.")


def _findings_on_secrets(rendered: Mapping[str, Any], private_metadata: Mapping[str, Any]) -> Iterator[Finding]:
    private = {value for _, value in _values(private_metadata) if _is_specific(value)}
    for path, value in _values(rendered):
        if _is_specific(value) and value in private:
            yield Finding("private_metadata", path, "The private metadata of this user hold the same value.")


def _is_specific(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) >= SPECIFIC_LENGTH
    return isinstance(value, int | float) and abs(value) >= SPECIFIC_NUMBER
