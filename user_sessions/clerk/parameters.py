"""Parameters from query and JSON body. Each function answers the value, or raises ClerkError that names the parameter.

What nobody asks for is ignored: SDKs of other versions send more than this one reads.
"""

import json
import re
from collections.abc import Collection, Mapping
from math import isfinite
from typing import Any

from rest_framework.request import Request

from sessions_core.texts import LONGEST_TEXT, is_storable
from user_sessions.clerk.errors import ClerkError, of_parameter
from user_sessions.verify.form import MAX_CHARACTERS as LONGEST_TOKEN

__all__ = [
    "LONGEST_TOKEN",
    "body_of",
    "choice",
    "flag",
    "no_organization",
    "only",
    "optional_text",
    "query_choice",
    "query_flag",
    "query_number",
    "query_text",
    "required",
    "required_object",
    "required_text",
    "whole_number",
]

# Objects and arrays within each other.
DEEPEST = 32

# Bytes of JSON; what an object is for may allow less.
LARGEST_OBJECT = 64 * 1024

_DIGITS = re.compile(r"-?\d{1,18}", re.ASCII)


def query_text(request: Request, name: str, *, longest: int = LONGEST_TEXT) -> str | None:
    """The value of a key in the query, None if it is not there. An empty one is refused: it would narrow nothing."""
    given = request.query_params.getlist(name)
    if len(given) > 1:
        raise of_parameter("form_param_duplicate", name, f"{name} was given {len(given)} times in the query.")
    if given == [""]:
        raise of_parameter("form_param_value_invalid", name, f"{name} is empty; leave it out instead.")
    return _text(given[0], name, longest) if given else None


def query_number(request: Request, name: str, *, default: int, within: range) -> int:
    text = query_text(request, name)
    if text is None:
        return default
    number = int(text) if _DIGITS.fullmatch(text) else None
    if number is None or number not in within:
        raise of_parameter(
            "form_param_value_invalid", name, f"{name} must be a whole number from {within[0]} to {within[-1]}."
        )
    return number


def query_flag(request: Request, name: str) -> bool:
    return query_choice(request, name, among=("true", "false")) == "true"


def query_choice(request: Request, name: str, *, among: Collection[str]) -> str | None:
    text = query_text(request, name)
    if text is not None and text not in among:
        raise of_parameter("form_param_value_invalid", name, f"{name} must be one of {', '.join(among)}.")
    return text


def body_of(request: Request) -> Mapping[str, Any]:
    """The fields of the body, empty if there is no body."""
    body: Any = request.data
    if not isinstance(body, Mapping):
        raise ClerkError("request_body_invalid", "The body must be a JSON object.")
    return body


def required_text(body: Mapping[str, Any], name: str, *, longest: int = LONGEST_TEXT) -> str:
    given = required(body, name)
    if not isinstance(given, str):
        raise of_parameter("form_param_type_invalid", name, f"{name} must be a string.")
    return _text(given, name, longest)


def required(body: Mapping[str, Any], name: str) -> Any:
    """A value of any kind but null."""
    if name not in body:
        raise of_parameter("form_param_missing", name, f"{name} must be included.")
    if body[name] is None:
        raise of_parameter("form_param_nil", name, f"{name} cannot be null.")
    return body[name]


def required_object(body: Mapping[str, Any], name: str, *, largest: int = LARGEST_OBJECT) -> dict[str, Any]:
    """A JSON object that every database keeps as it is; ``largest`` is bytes of its JSON."""
    given = required(body, name)
    if not isinstance(given, dict):
        raise of_parameter("form_param_type_invalid", name, f"{name} must be an object.")
    if not _is_plain(given, DEEPEST):
        raise of_parameter("form_param_value_invalid", name, f"{name} is too deep, or holds what is no text or number.")
    if len(json.dumps(given, ensure_ascii=False).encode()) > largest:
        raise of_parameter("form_param_value_too_large", name, f"{name} is longer than {largest} bytes of JSON.")
    return given


def only(body: Mapping[str, Any], *names: str) -> None:
    """Refuse what is not a parameter, where ignoring it would give more than was asked for."""
    for name in body:
        if name not in names:
            raise of_parameter("form_param_unknown", name[:LONGEST_TEXT], f"{name[:40]} is not a parameter here.")


def no_organization(body: Mapping[str, Any], name: str) -> None:
    """Refuse to sign anybody in to an organisation: there are none, and to ignore it would be to do something else."""
    if optional_text(body, name):
        raise of_parameter("form_resource_not_found", name, "There are no organisations here.")


def optional_text(body: Mapping[str, Any], name: str, *, longest: int = LONGEST_TEXT) -> str | None:
    """Null means that it was left out."""
    return None if body.get(name) is None else required_text(body, name, longest=longest)


def choice(body: Mapping[str, Any], name: str, *, among: Collection[str]) -> str | None:
    """One of some words; null means that it was left out."""
    text = optional_text(body, name)
    if text is not None and text not in among:
        raise of_parameter("form_param_value_invalid", name, f"{name} must be one of {', '.join(among)}.")
    return text


def flag(body: Mapping[str, Any], name: str) -> bool:
    """True or false; false if it was left out."""
    given = body.get(name)
    if given is not None and not isinstance(given, bool):
        raise of_parameter("form_param_type_invalid", name, f"{name} must be true or false.")
    return given is True


def whole_number(body: Mapping[str, Any], name: str, *, within: range) -> int | None:
    """An optional number; null means that it was left out."""
    number = body.get(name)
    if number is None:
        return None
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int):
        raise of_parameter("form_param_type_invalid", name, f"{name} must be a whole number.")
    if number not in within:
        raise of_parameter("form_param_value_invalid", name, f"{name} must be from {within[0]} to {within[-1]}.")
    return number


def _is_plain(value: Any, depth: int) -> bool:
    match value:
        case str():
            return is_storable(value)
        case float():
            return isfinite(value)  # 1e400 is JSON, and more than a float holds
        case dict():
            return depth > 0 and all(is_storable(key) and _is_plain(each, depth - 1) for key, each in value.items())
        case list():
            return depth > 0 and all(_is_plain(each, depth - 1) for each in value)
    return True


def _text(text: str, name: str, longest: int = LONGEST_TEXT) -> str:
    if len(text) > longest or not is_storable(text):
        raise of_parameter(
            "form_param_value_invalid", name, f"{name} has more than {longest} characters, or one that is no text."
        )
    return text
