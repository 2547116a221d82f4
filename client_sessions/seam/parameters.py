"""Parameters of an endpoint, from query and JSON body, into Python values.

The query speaks the SDKs' serializer: repeated keys for arrays, ``name.member=value`` for objects, an empty value for
null or for no items. With ``_strict=true`` that is all; without it also ``a,b``, ``name[]=a`` and yes and no for
booleans. The body wins where both give a parameter. What nobody declared is ignored.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.http import QueryDict
from rest_framework.request import Request

from client_sessions.seam.errors import SeamError, Validation
from sessions_core.texts import LONGEST_TEXT, is_storable

__all__ = [
    "Choice",
    "Email",
    "Flag",
    "Instant",
    "Number",
    "Parameter",
    "Parameters",
    "Problem",
    "Text",
    "Texts",
    "Unsupported",
    "Url",
    "expected",
]

MOST_ITEMS = 10_000

# RFC 3339, section 5.6, with the zone that makes it an instant.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_WHOLE_NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)

_JSON_TYPES = {bool: "boolean", str: "string", list: "array", dict: "object", type(None): "null"}


class Problem(Exception):
    """What is wrong with a value, in zod's words, and with which item of it."""

    def __init__(self, text: str, *, item: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.item = item


def expected(what: str, value: object) -> Problem:
    return Problem(f"Expected {what}, received {_JSON_TYPES.get(type(value), 'number')}")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One declared parameter. ``nullable`` admits null; ``required`` insists that it is there."""

    required: bool = False
    nullable: bool = False
    takes_many: ClassVar[bool] = False
    takes_members: ClassVar[bool] = False

    def from_json(self, value: Any) -> Any:
        """The value of a JSON member. Raises Problem."""
        raise NotImplementedError

    def from_query(self, values: Sequence[str], *, strict: bool) -> Any:
        """The value of all the occurrences of a key in the query. Raises Problem."""
        return self.from_json(None if self.nullable and values[0] == "" else values[0])


@dataclass(frozen=True, kw_only=True)
class Text(Parameter):
    min_length: int = 0
    max_length: int = LONGEST_TEXT

    def from_json(self, value: Any) -> str | None:
        if value is None and self.nullable:
            return None
        if not isinstance(value, str):
            raise expected("string", value)
        if len(value) < self.min_length:
            raise Problem(f"String must contain at least {self.min_length} character(s)")
        if len(value) > self.max_length:
            raise Problem(f"String must contain at most {self.max_length} character(s)")
        if not is_storable(value):
            raise Problem("Invalid string: it has a character that is no text")
        return value


@dataclass(frozen=True, kw_only=True)
class Choice(Text):
    """One of some words."""

    options: Sequence[str]

    def from_json(self, value: Any) -> str | None:
        text = super().from_json(value)
        if text is not None and text not in self.options:
            listed = " | ".join(f"'{option}'" for option in self.options)
            raise Problem(f"Invalid enum value. Expected {listed}, received '{text}'")
        return text


@dataclass(frozen=True, kw_only=True)
class Url(Text):
    """Where a browser may be sent: http or https, and nothing that runs."""

    form: ClassVar[re.Pattern[str]] = re.compile(r"https?://[^\s/?#@\\]+([/?#][^\s\\]*)?", re.ASCII)

    def from_json(self, value: Any) -> str | None:
        text = super().from_json(value)
        if text is not None and not (self.form.fullmatch(text) and _has_host(text)):
            raise Problem("Invalid url")
        return text


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


@dataclass(frozen=True, kw_only=True)
class Email(Text):
    """Something that could be an email address."""

    form: ClassVar[re.Pattern[str]] = re.compile(r"[^\s@]+@[^\s@]+")

    def from_json(self, value: Any) -> str | None:
        text = super().from_json(value)
        if text is not None and not self.form.fullmatch(text):
            raise Problem("Invalid email")
        return text


@dataclass(frozen=True, kw_only=True)
class Texts(Parameter):
    """A list of texts, each an ``item``; ``length`` asks for exactly so many, the others for at least and at most."""

    takes_many: ClassVar[bool] = True
    item: Text = Text()
    length: int | None = None
    min_length: int = 0
    max_length: int = MOST_ITEMS

    def from_json(self, value: Any) -> list[str]:
        if not isinstance(value, list):
            raise expected("array", value)
        if self.length is not None and len(value) != self.length:
            raise Problem(f"Array must contain exactly {self.length} element(s)")
        if len(value) < self.min_length:
            raise Problem(f"Array must contain at least {self.min_length} element(s)")
        if len(value) > self.max_length:
            raise Problem(f"Array must contain at most {self.max_length} element(s)")
        return [self._item(index, item) for index, item in enumerate(value)]

    def from_query(self, values: Sequence[str], *, strict: bool) -> list[str]:
        if list(values) == [""]:
            return self.from_json([])
        if not strict:
            values = [item for value in values for item in value.split(",")]
        return self.from_json(list(values))

    def _item(self, index: int, item: Any) -> str:
        try:
            return self.item.from_json(item) or ""
        except Problem as problem:
            raise Problem(problem.text, item=index) from None


@dataclass(frozen=True, kw_only=True)
class Flag(Parameter):
    """True or false."""

    words: ClassVar[Mapping[str, bool]] = {"true": True, "false": False}
    generous_words: ClassVar[Mapping[str, bool]] = {**words, "yes": True, "1": True, "no": False, "0": False}

    def from_json(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise expected("boolean", value)
        return value

    def from_query(self, values: Sequence[str], *, strict: bool) -> bool:
        word = values[0] if strict else values[0].lower()
        return self.from_json((self.words if strict else self.generous_words).get(word, word))


@dataclass(frozen=True, kw_only=True)
class Number(Parameter):
    """A whole number above zero, up to ``most``."""

    most: int

    def from_json(self, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, float):
            raise Problem("Expected integer, received float")
        if isinstance(value, bool) or not isinstance(value, int):
            raise expected("number", value)
        if value <= 0:
            raise Problem("Number must be greater than 0")
        if value > self.most:
            raise Problem(f"Number must be less than or equal to {self.most}")
        return value

    def from_query(self, values: Sequence[str], *, strict: bool) -> int:
        return self.from_json(int(values[0]) if _WHOLE_NUMBER.fullmatch(values[0]) else values[0])


@dataclass(frozen=True, kw_only=True)
class Instant(Parameter):
    """A date and time with its zone (RFC 3339), in UTC."""

    def from_json(self, value: Any) -> datetime:
        if not isinstance(value, str):
            raise expected("string", value)
        try:
            if not _INSTANT.fullmatch(value):
                raise ValueError
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise Problem("Invalid datetime") from None


@dataclass(frozen=True, kw_only=True)
class Unsupported(Parameter):
    """A filter of the dialect that this server cannot apply. Refuse it: without it a list is wider than asked."""

    takes_many: ClassVar[bool] = True

    def from_json(self, value: Any) -> None:
        raise Problem("This server does not support the parameter")


class Parameters:
    """The parameters of an endpoint, by name."""

    def __init__(self, **declared: Parameter) -> None:
        self.declared = declared

    def read(self, request: Request) -> dict[str, Any]:
        """Values of the parameters that were given. Raises SeamError with everything that is wrong with them."""
        body = {} if request.method == "GET" else self._body(request)
        return self.read_values(body, request.query_params)

    def read_values(self, body: Mapping[str, Any], query: QueryDict | None = None) -> dict[str, Any]:
        """The same from JSON members and a query."""
        query = query or QueryDict()
        strict = query.get("_strict") == "true"
        body = {**_objects(query, self.declared), **body}
        validation = Validation()
        values = {}
        for name, parameter in self.declared.items():
            given = _occurrences(query, name, parameter, strict=strict)
            try:
                if name in body:
                    values[name] = parameter.from_json(body[name])
                elif given:
                    values[name] = parameter.from_query(given, strict=strict)
                elif parameter.required:
                    raise Problem("Required")
            except Problem as problem:
                validation.add(problem.text, field=name, item=problem.item)
        validation.raise_if_any()
        return values

    @staticmethod
    def _body(request: Request) -> Mapping[str, Any]:
        body: Any = request.data
        if not isinstance(body, Mapping):
            Validation.refuse(expected("object", body).text)
        return body


def _objects(query: QueryDict, declared: Mapping[str, Parameter]) -> dict[str, dict[str, str | None]]:
    """Objects whose members are in the query, as ``name.member=value``; an empty value is null."""
    objects: dict[str, dict[str, str | None]] = {}
    for full_name, values in query.lists():
        name, dot, member = full_name.partition(".")
        if not dot or name not in declared or not declared[name].takes_members:
            continue
        if len(values) > 1:
            raise _given_twice(full_name)
        objects.setdefault(name, {})[member] = values[0] or None
    return objects


def _given_twice(name: str) -> SeamError:
    return SeamError("invalid_query_params", f'"{name}" was given more than once in the query.')


def _occurrences(query: QueryDict, name: str, parameter: Parameter, *, strict: bool) -> Sequence[str]:
    given = query.getlist(name)
    if parameter.takes_many:
        return given if strict else [*given, *query.getlist(f"{name}[]")]
    if len(given) > 1:
        raise _given_twice(name)
    return given
