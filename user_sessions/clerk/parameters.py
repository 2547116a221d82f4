"""Read Clerk's parameters from query and body, and report problems in Clerk's errors.

The first problem is reported, in the order of the declaration. Unknown parameters are ignored, because SDKs of other
versions send more than these.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rest_framework.request import Request

from sessions_core.http.parameters import Choice, DeclaredParameters, Flag, Kind, Number, Parameter, Problem, Text
from sessions_core.texts import LONGEST_TEXT
from user_sessions.clerk.errors import ClerkError, of_parameter
from user_sessions.verify.form import MAX_CHARACTERS as LONGEST_TOKEN

__all__ = ["LONGEST_TOKEN", "ClosedParameters", "Organization", "Parameters", "body_of"]

_DIGITS = re.compile(r"-?\d{1,18}", re.ASCII)

_QUERY_FLAG = Choice(options=("true", "false"))
_QUERY_TEXT = Text()

_TYPES = {"string": "a string", "object": "an object", "boolean": "true or false", "number": "a whole number"}

_WRONG_TYPE = ("form_param_type_invalid", "{name} must be {type}.")
_WRONG_TEXT = (
    "form_param_value_invalid",
    "{name} has more than {parameter.max_length} characters, or one that is no text.",
)
_OUT_OF_RANGE = ("form_param_value_invalid", "{name} must be from {parameter.within.start} to {parameter.most}.")

# Code and long message.
_ERRORS: Mapping[Kind, tuple[str, str]] = {
    Kind.MISSING: ("form_param_missing", "{name} must be included."),
    Kind.NULL: ("form_param_nil", "{name} cannot be null."),
    Kind.WRONG_TYPE: _WRONG_TYPE,
    Kind.FRACTION: _WRONG_TYPE,
    Kind.TOO_LONG: _WRONG_TEXT,
    Kind.NOT_STORABLE: _WRONG_TEXT,
    Kind.NOT_ONE_OF: ("form_param_value_invalid", "{name} must be one of {options}."),
    Kind.TOO_SMALL: _OUT_OF_RANGE,
    Kind.TOO_LARGE: _OUT_OF_RANGE,
    Kind.NOT_PLAIN: ("form_param_value_invalid", "{name} is too deep, or holds what is no text or number."),
    Kind.TOO_MANY_BYTES: (
        "form_param_value_too_large",
        "{name} is longer than {parameter.largest} bytes of JSON.",
    ),
    Kind.UNSUPPORTED: ("form_resource_not_found", "There are no organisations here."),
}


@dataclass(frozen=True, kw_only=True)
class Organization(Text):
    """The id of an organisation. There are none; ignoring the id would give access to something else."""

    def check(self, value: object) -> str:
        if text := super().check(value):
            raise Problem(Kind.UNSUPPORTED, self, text)
        return text


class Parameters(DeclaredParameters):
    def read(self, body: Mapping[str, Any], *names: str) -> dict[str, Any]:
        """Return the values in a body: of all parameters in order, or of the named ones. Raise ClerkError.

        Null counts as missing, unless the parameter is ``nullable``.
        """
        values = {}
        for name in names or self.declared:
            parameter, given = self.declared[name], body.get(name)
            try:
                if given is not None:
                    values[name] = parameter.read(given)
                elif parameter.required:
                    raise Problem(Kind.NULL if name in body else Kind.MISSING, parameter)
                elif parameter.nullable and name in body:
                    values[name] = None
            except Problem as problem:
                raise _error(problem, name) from problem
        return values

    def read_query(self, request: Request) -> dict[str, Any]:
        """Return the values in the query. Raise ClerkError, also for an empty value, which would not filter."""
        values = {}
        for name, parameter in self.declared.items():
            given = request.query_params.getlist(name)
            if len(given) > 1:
                raise of_parameter("form_param_duplicate", name, f"{name} was given {len(given)} times in the query.")
            if given == [""]:
                raise of_parameter("form_param_value_invalid", name, f"{name} is empty; leave it out instead.")
            if given:
                values[name] = _from_query(parameter, name, given[0])
        return values


class ClosedParameters(Parameters):
    """Refuse unknown members of the body, where ignoring a misspelt one would do too much."""

    def read(self, body: Mapping[str, Any], *names: str) -> dict[str, Any]:
        for name in body:
            if name not in self.declared:
                raise of_parameter("form_param_unknown", name[:LONGEST_TEXT], f"{name[:40]} is not a parameter here.")
        return super().read(body, *names)


def body_of(request: Request) -> Mapping[str, Any]:
    """Return the fields of the body, or an empty mapping. Raise ClerkError."""
    body: Any = request.data
    if not isinstance(body, Mapping):
        raise ClerkError("request_body_invalid", "The body must be a JSON object.")
    return body


def _from_query(parameter: Parameter, name: str, text: str) -> Any:
    try:
        match parameter:
            case Flag():
                return _QUERY_FLAG.check(text) == "true"
            case Number():
                _QUERY_TEXT.check(text)
                return parameter.check(int(text) if _DIGITS.fullmatch(text) else text)
        return parameter.check(text)
    except Problem as problem:
        if isinstance(problem.parameter, Number):
            least, most = problem.parameter.within.start, problem.parameter.most
            message = f"{name} must be a whole number from {least} to {most}."
            raise of_parameter("form_param_value_invalid", name, message) from problem
        raise _error(problem, name) from problem


def _error(problem: Problem, name: str) -> ClerkError:
    parameter = problem.parameter
    code, message = _ERRORS[problem.kind]
    type, options = _TYPES.get(parameter.json_type), ", ".join(getattr(parameter, "options", ()))
    return of_parameter(code, name, message.format(name=name, parameter=parameter, type=type, options=options))
