"""Declarations of the parameters of an endpoint, and the problems of their values.

The limits of a declaration are fields, so that a schema can be generated from them. A ``Problem`` has no text: each
dialect parses the query and the body, and words the problems.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import isfinite
from typing import Any, ClassVar
from urllib.parse import urlsplit

from sessions_core.texts import LONGEST_TEXT, is_storable

__all__ = [
    "MOST_ITEMS",
    "Choice",
    "DeclaredParameters",
    "Email",
    "Flag",
    "Instant",
    "Kind",
    "Number",
    "Object",
    "Parameter",
    "Problem",
    "Text",
    "Texts",
    "Unsupported",
    "Url",
]

MOST_ITEMS = 10_000

# RFC 3339, section 5.6; the time zone is required.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Kind(StrEnum):
    """The kind of a problem."""

    MISSING = "missing"
    NULL = "null"
    WRONG_TYPE = "wrong_type"
    UNSUPPORTED = "unsupported"
    # Of a text
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NOT_STORABLE = "not_storable"
    NOT_ONE_OF = "not_one_of"
    MALFORMED = "malformed"
    # Of a number
    FRACTION = "fraction"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    # Of an array or an object
    WRONG_COUNT = "wrong_count"
    TOO_FEW = "too_few"
    TOO_MANY = "too_many"
    NOT_PLAIN = "not_plain"
    TOO_MANY_BYTES = "too_many_bytes"
    # Of one member of an object; the value of the problem is its name.
    MEMBER_NAME = "member_name"
    MEMBER_TYPE = "member_type"
    MEMBER_TEXT = "member_text"
    MEMBER_NUMBER = "member_number"
    MEMBER_EMPTY = "member_empty"


class Problem(Exception):
    """An invalid value, the declaration it violates, and the index of the item in an array."""

    def __init__(self, kind: Kind, parameter: "Parameter", value: object = None, *, item: int | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.parameter = parameter
        self.value = value
        self.item = item


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A declared parameter. ``nullable`` allows null; ``required`` makes a missing parameter a problem."""

    required: bool = False
    nullable: bool = False
    json_type: ClassVar[str] = ""

    def read(self, value: object) -> Any:
        """Return the Python value of a JSON value. Raise Problem."""
        if value is not None:
            return self.check(value)
        if not self.nullable:
            raise Problem(Kind.NULL, self)
        return None

    def check(self, value: object) -> Any:
        """Return the Python value of a JSON value that is not null. Raise Problem."""
        raise NotImplementedError


class DeclaredParameters:
    """The parameters of an endpoint by name. Base of the class of each dialect that parses them."""

    def __init__(self, **declared: Parameter) -> None:
        self.declared = declared


@dataclass(frozen=True, kw_only=True)
class Text(Parameter):
    json_type: ClassVar[str] = "string"
    min_length: int = 0
    max_length: int = LONGEST_TEXT

    def check(self, value: object) -> str:
        if not isinstance(value, str):
            raise Problem(Kind.WRONG_TYPE, self, value)
        if len(value) < self.min_length:
            raise Problem(Kind.TOO_SHORT, self, value)
        if len(value) > self.max_length:
            raise Problem(Kind.TOO_LONG, self, value)
        if not is_storable(value):
            raise Problem(Kind.NOT_STORABLE, self, value)
        return value

    def are_valid(self, values: list[Any]) -> bool:
        """Return True if ``read`` returns each of these values unchanged. If False, call ``read`` for each value."""
        if type(self) is not Text or set(map(type, values)) != {str}:
            return False
        lengths = set(map(len, values))
        return self.min_length <= min(lengths) and max(lengths) <= self.max_length and is_storable("".join(values))


@dataclass(frozen=True, kw_only=True)
class Choice(Text):
    """One of several options."""

    options: Sequence[str]

    def check(self, value: object) -> str:
        text = super().check(value)
        if text not in self.options:
            raise Problem(Kind.NOT_ONE_OF, self, text)
        return text


@dataclass(frozen=True, kw_only=True)
class Url(Text):
    """An http or https URL."""

    format: ClassVar[str] = "url"
    form: ClassVar[re.Pattern[str]] = re.compile(r"https?://[^\s/?#@\\]+([/?#][^\s\\]*)?", re.ASCII)

    def check(self, value: object) -> str:
        text = super().check(value)
        if not (self.form.fullmatch(text) and _has_host(text)):
            raise Problem(Kind.MALFORMED, self, text)
        return text


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


@dataclass(frozen=True, kw_only=True)
class Email(Text):
    """A text in the form of an email address."""

    format: ClassVar[str] = "email"
    form: ClassVar[re.Pattern[str]] = re.compile(r"[^\s@]+@[^\s@]+")

    def check(self, value: object) -> str:
        text = super().check(value)
        if not self.form.fullmatch(text):
            raise Problem(Kind.MALFORMED, self, text)
        return text


@dataclass(frozen=True, kw_only=True)
class Instant(Parameter):
    """A date and time with a time zone (RFC 3339), converted to UTC."""

    json_type: ClassVar[str] = "string"
    format: ClassVar[str] = "datetime"

    def check(self, value: object) -> datetime:
        if not isinstance(value, str):
            raise Problem(Kind.WRONG_TYPE, self, value)
        try:
            if not _INSTANT.fullmatch(value):
                raise ValueError
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise Problem(Kind.MALFORMED, self, value) from None


@dataclass(frozen=True, kw_only=True)
class Texts(Parameter):
    """A list of texts, each declared by ``item``. ``length`` is the exact number of items."""

    json_type: ClassVar[str] = "array"
    item: Text = Text()
    length: int | None = None
    min_length: int = 0
    max_length: int = MOST_ITEMS

    def check(self, value: object) -> list[str]:
        if not isinstance(value, list):
            raise Problem(Kind.WRONG_TYPE, self, value)
        if self.length is not None and len(value) != self.length:
            raise Problem(Kind.WRONG_COUNT, self, value)
        if len(value) < self.min_length:
            raise Problem(Kind.TOO_FEW, self, value)
        if len(value) > self.max_length:
            raise Problem(Kind.TOO_MANY, self, value)
        if self.item.are_valid(value):
            return value
        return [self._item(index, item) for index, item in enumerate(value)]

    def _item(self, index: int, item: object) -> str:
        try:
            return self.item.read(item) or ""
        except Problem as problem:
            raise Problem(problem.kind, problem.parameter, problem.value, item=index) from None


@dataclass(frozen=True, kw_only=True)
class Flag(Parameter):
    """True or false."""

    json_type: ClassVar[str] = "boolean"

    def check(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise Problem(Kind.WRONG_TYPE, self, value)
        return value


@dataclass(frozen=True, kw_only=True)
class Number(Parameter):
    """An integer in a range."""

    json_type: ClassVar[str] = "number"
    within: range

    @property
    def most(self) -> int:
        return self.within[-1]

    def check(self, value: object) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, float):
            raise Problem(Kind.FRACTION, self, value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Problem(Kind.WRONG_TYPE, self, value)
        if value < self.within.start:
            raise Problem(Kind.TOO_SMALL, self, value)
        if value > self.most:
            raise Problem(Kind.TOO_LARGE, self, value)
        return value


@dataclass(frozen=True, kw_only=True)
class Object(Parameter):
    """A JSON object that every database can store. ``largest`` is the size of its JSON in bytes, ``deepest`` the number
    of nested objects and arrays."""

    json_type: ClassVar[str] = "object"
    largest: int = 64 * 1024
    deepest: int = 32

    def check(self, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Problem(Kind.WRONG_TYPE, self, value)
        if not _is_plain(value, self.deepest):
            raise Problem(Kind.NOT_PLAIN, self, value)
        if len(json.dumps(value, ensure_ascii=False).encode()) > self.largest:
            raise Problem(Kind.TOO_MANY_BYTES, self, value)
        return value


def _is_plain(value: object, depth: int) -> bool:
    match value:
        case str():
            return is_storable(value)
        case float():
            return isfinite(value)  # Python reads 1e400 as infinity
        case dict():
            return depth > 0 and all(is_storable(key) and _is_plain(each, depth - 1) for key, each in value.items())
        case list():
            return depth > 0 and all(_is_plain(each, depth - 1) for each in value)
    return True


@dataclass(frozen=True, kw_only=True)
class Unsupported(Parameter):
    """A parameter of the dialect that this server does not support and must not ignore."""

    def read(self, value: object) -> Any:
        raise Problem(Kind.UNSUPPORTED, self, value)
