"""The shortcodes of JWT templates, such as ``{{user.id}}``, in the values of a JSON object.

The value of a shortcode is data: it keeps its JSON type, is never parsed as a template, and cannot add or close JSON
structure. Only a fixed list of paths exists, and paths look up plain mappings only.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from sys import float_info
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from user_sessions.profiles import UserProfile

__all__ = [
    "RESERVED",
    "RESERVED_IN_SESSION_TOKENS",
    "SHORTCODES",
    "OutputTooLarge",
    "Shortcode",
    "Template",
    "TemplateError",
    "TooLarge",
    "parts_of",
    "reserved_in",
    "values_of",
]

# Bytes of compact JSON in UTF-8: of a template, and of its output.
MAX_SIZE = 16 * 1024
MAX_OUTPUT = 64 * 1024
# Nested objects and arrays: in a template, including the outer object, and in one substituted value.
MAX_DEPTH = 16
MAX_DATA_DEPTH = 32
# In one template. Operands are separated by ``||``.
MAX_SHORTCODES = 256
MAX_OPERANDS = 1024

# Claims that only the server sets, in upper or lower case.
RESERVED = frozenset(["azp", "exp", "iat", "iss", "jti", "nbf", "sub", "fva", "sid", "v", "pla", "fea"])
# The same for the template that customises session tokens. Other templates need these names: Convex, Supabase and
# others read the organisation from them.
RESERVED_IN_SESSION_TOKENS = RESERVED | {"sts", "act", "o", "org_id", "org_slug", "org_role", "org_permissions"}

_FACTS = (
    *("external_id", "username", "first_name", "last_name", "full_name", "primary_email_address"),
    *("primary_phone_number", "email_verified", "phone_number_verified", "image_url", "has_image"),
    *("two_factor_enabled", "public_metadata", "unsafe_metadata", "organizations"),
)
_TIMES = ("created_at", "updated_at", "last_sign_in_at")
_UNKNOWN = (
    *("org.id", "org.name", "org.slug", "org.role", "org.public_metadata"),
    *("org_membership.public_metadata", "org_membership.permissions"),
)
_SESSION_PATHS = ("session.actor", "session.amr", "session.auth_time", "session.reverification_id")
# Every shortcode. A path may continue into a value that is an object.
SHORTCODES = frozenset(["user.id", *(f"user.{name}" for name in _FACTS + _TIMES), *_UNKNOWN, *_SESSION_PATHS])

_BLANKS = r"[ \t\r\n]*+"
_NAME = r"[\w$-]++(?:\[[0-9]++\])*"
_OPERAND = (
    r"(?:'[^']*+'"
    r"|-?+(?:0|[1-9][0-9]{0,17}+)(?:\.[0-9]{1,18}+)?(?:[eE][+-]?+[0-9]{1,2}+)?(?![\w.$-])"
    rf"|(?=[^\W\d]){_NAME}(?:\.{_NAME})*)"
)
# Linear time: possessive quantifiers prevent backtracking over characters. Groups can backtrack, at one character each,
# because possessive groups are broken before Python 3.11.5. Two failing scans overlap only inside quotes.
_EXPRESSION = re.compile(rf"\{{\{{{_BLANKS}({_OPERAND}(?:{_BLANKS}\|\|{_BLANKS}{_OPERAND})*){_BLANKS}\}}\}}")


class TemplateError(ValueError):
    """The claims are not a valid template."""


class NotJson(TemplateError):
    """The claims contain a value that is not JSON."""


class TooLarge(TemplateError):
    """The claims are longer than MAX_SIZE."""


class TooDeep(TemplateError):
    """The claims are nested deeper than MAX_DEPTH."""


class TooManyShortcodes(TemplateError):
    """The claims have more than MAX_SHORTCODES shortcodes, or MAX_OPERANDS operands."""


class OutputTooLarge(ValueError):
    """The output of the template is longer than MAX_OUTPUT."""


@dataclass(frozen=True)
class _Literal:
    value: Any


@dataclass(frozen=True)
class Shortcode:
    """``{{ a || b }}``. An operand is a path, as a string, or a literal."""

    operands: tuple[str | _Literal, ...]


def parts_of(text: str) -> tuple[str | Shortcode, ...]:
    """Return the shortcodes and the text around them, in order, without empty strings."""
    parts: list[str | Shortcode] = []
    end = 0
    for match in _EXPRESSION.finditer(text):
        operands = tuple(_operand(operand) for operand in re.findall(_OPERAND, match[1]))
        parts += [text[end : match.start()], Shortcode(operands)]
        end = match.end()
    return tuple(part for part in [*parts, text[end:]] if part != "")


def _operand(text: str) -> str | _Literal:
    if text in ("true", "false", "null") or text[0] in "-0123456789":
        return _Literal(json.loads(text))
    return _Literal(text[1:-1]) if text[0] == "'" else text


@dataclass(frozen=True, eq=False)
class Template:
    """Compiled claims. Immutable, so it can be cached."""

    root: Mapping[str, Any]
    paths: frozenset[str]

    @classmethod
    def compile(cls, claims: Mapping[str, Any]) -> "Template":
        """Compile claims. Raise a TemplateError."""
        root = dict(claims)
        try:
            size = _size(root)
        except RecursionError:
            raise TooDeep(f"nested deeper than {MAX_DEPTH}") from None
        except (TypeError, ValueError):
            raise NotJson("the claims are not JSON") from None
        if size > MAX_SIZE:
            raise TooLarge(f"{size} bytes, of {MAX_SIZE}")
        found: list[Shortcode] = []
        root = _compiled(root, found, depth=1)
        if len(found) > MAX_SHORTCODES or sum(len(shortcode.operands) for shortcode in found) > MAX_OPERANDS:
            raise TooManyShortcodes(f"more than {MAX_SHORTCODES}, or than {MAX_OPERANDS} operands")
        return cls(root, frozenset(path for shortcode in found for path in shortcode.operands if isinstance(path, str)))

    def render(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return new claims with the values from ``values_of``. Raise OutputTooLarge."""
        claims: dict[str, Any] = _Rendering(values).of(self.root)
        if _size(claims) > MAX_OUTPUT:
            raise OutputTooLarge(f"more than {MAX_OUTPUT} bytes")
        return claims


def _compiled(node: Any, found: list[Shortcode], *, depth: int) -> Any:
    """Replace each string that has shortcodes by a Shortcode, or by a tuple of parts. Keys are not compiled."""
    if isinstance(node, str):
        parts = parts_of(node)
        shortcodes = [part for part in parts if isinstance(part, Shortcode)]
        found += shortcodes
        return node if not shortcodes else shortcodes[0] if len(parts) == 1 else parts
    if not isinstance(node, dict | list | tuple):
        return node
    if depth > MAX_DEPTH:
        raise TooDeep(f"nested deeper than {MAX_DEPTH}")
    if isinstance(node, dict):
        if not all(isinstance(key, str) for key in node):
            raise NotJson("a key is not a string")
        return {key: _compiled(value, found, depth=depth + 1) for key, value in node.items()}
    return [_compiled(value, found, depth=depth + 1) for value in node]


class _Rendering:
    """One run of a template. It counts the minimum size of the values, so that large output stops early."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values
        self.left = MAX_OUTPUT

    def of(self, node: Any) -> Any:
        if isinstance(node, Shortcode):
            return self.value(node)
        if isinstance(node, tuple):
            return "".join(value if isinstance(value, str) else _json(value) for value in map(self.of, node))
        if isinstance(node, dict):
            return {key: self.of(value) for key, value in node.items()}
        return [self.of(value) for value in node] if isinstance(node, list) else node

    def value(self, shortcode: Shortcode) -> Any:
        """Return the first operand that is neither null nor false, or the last one."""
        value = None
        for operand in shortcode.operands:
            value = operand.value if isinstance(operand, _Literal) else self.data(self.at(operand), 1)
            if value is not None and value is not False:
                break
        return value

    def at(self, path: str) -> Any:
        """Return the value at the path, or None."""
        first, *names = path.split(".")
        value = self.values.get(f"{first}.{names[0]}") if names else None
        for name in names[1:]:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def data(self, value: Any, depth: int) -> Any:
        """Return a copy that is JSON.

        Dates, times, decimals and UUIDs become strings, a lone surrogate becomes U+FFFD, and a tuple an array. A value
        that is not JSON, does not fit a double, or is nested deeper than MAX_DATA_DEPTH becomes null. Keys that are not
        strings are dropped.
        """
        if isinstance(value, str):
            self.count(len(value))
            return re.sub(r"[\ud800-\udfff]", "\ufffd", value)
        if isinstance(value, int | float):
            return value if abs(value) <= float_info.max else None
        if isinstance(value, date | time | Decimal | UUID):
            return value.isoformat() if isinstance(value, date | time) else str(value)
        if depth > MAX_DATA_DEPTH or not isinstance(value, Mapping | list | tuple):
            return None
        self.count(len(value))
        if isinstance(value, Mapping):
            items = [(key, inner) for key, inner in value.items() if isinstance(key, str)]
            return {self.data(key, depth): self.data(inner, depth + 1) for key, inner in items}
        return [self.data(inner, depth + 1) for inner in value]

    def count(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise OutputTooLarge(f"more than {MAX_OUTPUT} bytes")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _size(value: Any) -> int:
    return len(_json(value).encode())


def values_of(
    profile: "UserProfile",
    *,
    user_id: str,
    impersonator: Mapping[str, Any] | None = None,
    reverification_id: str | None = None,
    amr: Sequence[str] = (),
    verified_at: datetime | None = None,
) -> dict[str, Any]:
    """Return the value of each shortcode, without private metadata. Times are whole seconds since the epoch.

    ``impersonator``, ``reverification_id``, ``amr`` and ``verified_at`` are the session's. A session has no active
    organisation, so the ``org`` shortcodes are None.
    """
    facts = {f"user.{name}": getattr(profile, name) for name in _FACTS}
    times = {f"user.{name}": at and int(at.timestamp()) for name in _TIMES for at in [getattr(profile, name)]}
    of_session = {
        "session.actor": impersonator,
        "session.amr": amr,
        # At 0 the time is unknown: such a session was adopted from Django.
        "session.auth_time": verified_at and (int(verified_at.timestamp()) or None),
        "session.reverification_id": reverification_id,
    }
    return {"user.id": user_id, **facts, **times, **dict.fromkeys(_UNKNOWN), **of_session}


def reserved_in(claims: Mapping[str, Any], reserved: frozenset[str] = RESERVED) -> str | None:
    """Return the first top-level claim that only the server may set, or None."""
    return next((name for name in claims if name.casefold() in reserved), None)
