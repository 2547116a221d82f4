"""Responses of both APIs: JSON, written once."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from rest_framework.utils.encoders import JSONEncoder

__all__ = ["JSON", "Response", "json_of"]

JSON = "application/json"

_ENCODER = JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def json_of(data: Any) -> bytes:
    """Return compact JSON in ASCII."""
    return _ENCODER.encode(data).encode()


class Response(HttpResponse):
    """A JSON response. It is not rendered late as REST framework's, which costs as much again as the JSON itself."""

    def __init__(self, data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(json_of(data), status=status, headers=headers, content_type=JSON)
