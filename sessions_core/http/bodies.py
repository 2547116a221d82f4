"""Parse request bodies: JSON of a limited size."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from django.core.exceptions import RequestDataTooBig
from django.http.request import RawPostDataException
from rest_framework.parsers import BaseParser

__all__ = ["BodyNotJson", "BodyTooLarge", "BodyUnreadable", "BodyWithoutLength", "JsonParser", "read_body"]


# Bytes. The largest valid body is a list of some thousand ids.
LARGEST_BODY = 1024 * 1024


class BodyError(Exception):
    """Base of the errors of request bodies."""


class BodyNotJson(BodyError):
    """The content type of the body is not JSON."""


class BodyTooLarge(BodyError):
    """The body is larger than LARGEST_BODY."""


class BodyWithoutLength(BodyError):
    """The body is chunked, which WSGI does not support: Django would read an empty body."""


class BodyUnreadable(BodyError):
    """The body is not valid JSON."""


class JsonParser(BaseParser):
    """Parses any JSON value. Raises one of the errors above. REST framework does not call it for an empty body."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        if not _is_json(media_type or ""):
            raise BodyNotJson(media_type)
        body = read_body(stream)
        try:
            return json.loads(body.decode(), parse_constant=_refuse_constant, object_pairs_hook=_object_of)
        except (ValueError, RecursionError) as malformed:
            raise BodyUnreadable from malformed


def read_body(stream: Any) -> bytes:
    """Return the whole body. Raise BodyTooLarge or BodyUnreadable."""
    try:
        body: bytes = stream.read(LARGEST_BODY + 1)
    except RequestDataTooBig as large:
        raise BodyTooLarge from large
    except (RawPostDataException, OSError) as unreadable:
        raise BodyUnreadable from unreadable
    if len(body) > LARGEST_BODY:
        raise BodyTooLarge
    return body


def _is_json(media_type: str) -> bool:
    essence = media_type.partition(";")[0].strip().lower()
    return essence == "application/json" or (essence.startswith("application/") and essence.endswith("+json"))


def _object_of(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a dict. Raise ValueError for duplicate names, which parsers read differently (RFC 8259, section 4)."""
    found = dict(members)
    if len(found) < len(members):
        raise ValueError("duplicate member name")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON (RFC 8259, section 6)")
