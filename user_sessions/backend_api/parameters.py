"""Parameters from query and JSON body. Each function answers the value, or raises ApiError that names the parameter.

What nobody asks for is ignored: SDKs of other versions send more than this one reads.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from rest_framework.request import Request

from sessions_core.api import LONGEST_TEXT, is_storable
from user_sessions.backend_api.errors import ApiError, of_parameter

__all__ = [
    "body_of",
    "query_choice",
    "query_flag",
    "query_number",
    "query_text",
    "required_text",
    "whole_number",
]

_DIGITS = re.compile(r"-?\d{1,18}", re.ASCII)


def query_text(request: Request, name: str) -> str | None:
    """The value of a key in the query, None if it is not there. An empty one is refused: it would narrow nothing."""
    given = request.query_params.getlist(name)
    if len(given) > 1:
        raise of_parameter("form_param_duplicate", name, f"{name} was given {len(given)} times in the query.")
    if given == [""]:
        raise of_parameter("form_param_value_invalid", name, f"{name} is empty; leave it out instead.")
    return _text(given[0], name) if given else None


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
    """The JSON object of the body, empty if there is no body."""
    body: Any = request.data
    if not isinstance(body, Mapping):
        raise ApiError("request_body_invalid", "The body must be a JSON object.")
    return body


def required_text(body: Mapping[str, Any], name: str) -> str:
    if name not in body:
        raise of_parameter("form_param_missing", name, f"{name} must be included.")
    if body[name] is None:
        raise of_parameter("form_param_nil", name, f"{name} cannot be null.")
    if not isinstance(body[name], str):
        raise of_parameter("form_param_type_invalid", name, f"{name} must be a string.")
    return _text(body[name], name)


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


def _text(text: str, name: str) -> str:
    if len(text) > LONGEST_TEXT or not is_storable(text):
        raise of_parameter("form_param_value_invalid", name, f"{name} is too long, or has a character that is no text.")
    return text
