"""Parse Seam's parameters from query and JSON body, and word their problems.

The query has the format of the SDKs: repeated keys for arrays, ``name.member=value`` for objects, an empty value for
null or for an empty array. Without ``_strict=true`` it also accepts ``a,b``, ``name[]=a``, and yes and no for booleans.
The body takes precedence over the query. Unknown parameters are ignored.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import QueryDict
from rest_framework.request import Request

from client_sessions.seam.errors import SeamError, Validation
from client_sessions.seam.metadata import MetadataFilter
from sessions_core.http.parameters import (
    DeclaredParameters,
    Flag,
    Kind,
    Number,
    Object,
    Parameter,
    Problem,
    Text,
    Texts,
    Unsupported,
)

__all__ = ["Parameters"]

_WHOLE_NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)

_STRICT_WORDS = {"true": True, "false": False}
_WORDS = {**_STRICT_WORDS, "yes": True, "1": True, "no": False, "0": False}

# Parameters that may occur several times in the query.
_REPEATABLE = (Texts, Unsupported)

_JSON_TYPES = {bool: "boolean", str: "string", list: "array", dict: "object", type(None): "null"}

# The wording of zod, which Seam's server uses for validation.
_SENTENCES: Mapping[Kind, str] = {
    Kind.MISSING: "Required",
    Kind.NULL: "Expected {parameter.json_type}, received {received}",
    Kind.WRONG_TYPE: "Expected {parameter.json_type}, received {received}",
    Kind.UNSUPPORTED: "This server does not support the parameter",
    Kind.TOO_SHORT: "String must contain at least {parameter.min_length} character(s)",
    Kind.TOO_LONG: "String must contain at most {parameter.max_length} character(s)",
    Kind.NOT_STORABLE: "Invalid string: it has a character that is no text",
    Kind.NOT_ONE_OF: "Invalid enum value. Expected {options}, received '{value}'",
    Kind.MALFORMED: "Invalid {parameter.format}",
    Kind.FRACTION: "Expected integer, received float",
    Kind.TOO_SMALL: "Number must be greater than {floor}",
    Kind.TOO_LARGE: "Number must be less than or equal to {parameter.most}",
    Kind.WRONG_COUNT: "Array must contain exactly {parameter.length} element(s)",
    Kind.TOO_FEW: "Array must contain at least {parameter.min_length} element(s)",
    Kind.TOO_MANY: "{container} must contain at most {parameter.max_length} {contained}(s)",
    Kind.MEMBER_NAME: "Invalid key: at most {parameter.longest_name} characters of text",
    Kind.MEMBER_TYPE: "Invalid value of {value!r}: expected string, number, boolean or null",
    Kind.MEMBER_TEXT: "Invalid value of {value!r}: at most {parameter.longest_value} characters of text",
    Kind.MEMBER_NUMBER: "Invalid value of {value!r}: a number that not every reader keeps",
    Kind.MEMBER_EMPTY: "Invalid value: give null to match a key that is not set",
}


class Parameters(DeclaredParameters):
    def read(self, request: Request) -> dict[str, Any]:
        """Return the values of the given parameters. Raise SeamError with all problems."""
        body = {} if request.method == "GET" else _body_of(request)
        return self.read_values(body, request.query_params)

    def read_values(self, body: Mapping[str, Any], query: QueryDict | None = None) -> dict[str, Any]:
        """Do the same with the members of a JSON object and a query."""
        query = query or QueryDict()
        strict = query.get("_strict") == "true"
        body = {**_objects(query, self.declared), **body}
        validation = Validation()
        values = {}
        for name, parameter in self.declared.items():
            given = _occurrences(query, name, parameter, strict=strict) if query else ()
            try:
                if name in body:
                    values[name] = parameter.read(body[name])
                elif given:
                    values[name] = parameter.read(_json_of(parameter, given, strict=strict))
                elif parameter.required:
                    raise Problem(Kind.MISSING, parameter)
            except Problem as problem:
                validation.add(_sentence(problem), field=name, item=problem.item)
        validation.raise_if_any()
        return values


def _body_of(request: Request) -> Mapping[str, Any]:
    body: Any = request.data
    if not isinstance(body, Mapping):
        Validation.refuse(_sentence(Problem(Kind.WRONG_TYPE, Object(), body)))
    return body


def _sentence(problem: Problem) -> str:
    parameter: Any = problem.parameter
    facts = {"parameter": parameter, "value": problem.value}
    match problem.kind:
        case Kind.NULL | Kind.WRONG_TYPE:
            facts["received"] = _JSON_TYPES.get(type(problem.value), "number")
        case Kind.NOT_ONE_OF:
            facts["options"] = " | ".join(f"'{option}'" for option in parameter.options)
        case Kind.TOO_SMALL:
            facts["floor"] = parameter.within.start - 1
        case Kind.TOO_MANY:
            is_array = isinstance(parameter, Texts)
            facts["container"], facts["contained"] = ("Array", "element") if is_array else ("Object", "key")
    return _SENTENCES[problem.kind].format(**facts)


def _json_of(parameter: Parameter, values: Sequence[str], *, strict: bool) -> Any:
    """Convert the values of a key in the query to the JSON value of a body."""
    match parameter:
        case Texts():
            if list(values) == [""]:
                return []
            return list(values) if strict else [item for value in values for item in value.split(",")]
        case Flag():
            word = values[0] if strict else values[0].lower()
            return (_STRICT_WORDS if strict else _WORDS).get(word, word)
        case Number():
            return int(values[0]) if _WHOLE_NUMBER.fullmatch(values[0]) else values[0]
        case Text():
            return None if parameter.nullable and values[0] == "" else values[0]
    return values[0]


def _objects(query: QueryDict, declared: Mapping[str, Parameter]) -> dict[str, dict[str, str | None]]:
    """Return objects from ``name.member=value`` in the query; an empty value is null."""
    objects: dict[str, dict[str, str | None]] = {}
    for full_name, values in query.lists():
        name, dot, member = full_name.partition(".")
        if not dot or not isinstance(declared.get(name), MetadataFilter):
            continue
        if len(values) > 1:
            raise _given_twice(full_name)
        objects.setdefault(name, {})[member] = values[0] or None
    return objects


def _given_twice(name: str) -> SeamError:
    return SeamError("invalid_query_params", f'"{name}" was given more than once in the query.')


def _occurrences(query: QueryDict, name: str, parameter: Parameter, *, strict: bool) -> Sequence[str]:
    given = query.getlist(name)
    if isinstance(parameter, _REPEATABLE):
        return given if strict else [*given, *query.getlist(f"{name}[]")]
    if len(given) > 1:
        raise _given_twice(name)
    return given
