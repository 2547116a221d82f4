"""Simplify the ``Content-Type`` of a request before Django reads it.

Django decodes the query with the charset of the request before any middleware runs. There, a charset that is not a text
encoding, a malformed parameter or a query with too many fields causes a plain 500. This server reads everything as
UTF-8, so it passes on only the media type and the boundary of a multipart body.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

__all__ = ["asgi_with_plain_types", "plain_type", "wsgi_with_plain_types"]

# RFC 2046, section 5.1.1.
_BOUNDARY = re.compile(r""";[ \t]*boundary="?([0-9A-Za-z'()+_,./:=?-]{1,70})"?[ \t]*(?:;|$)""", re.IGNORECASE)

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
Scope = dict[str, Any]
Asgi = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


def plain_type(content_type: str) -> str:
    """Return the media type, with the boundary if there is one."""
    media_type = content_type.partition(";")[0].strip()
    boundary = _BOUNDARY.search(content_type)
    return f'{media_type}; boundary="{boundary[1]}"' if boundary else media_type


def wsgi_with_plain_types(application: Wsgi) -> Wsgi:
    def with_plain_type(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if ";" in environ.get("CONTENT_TYPE", ""):
            environ["CONTENT_TYPE"] = plain_type(environ["CONTENT_TYPE"])
        return application(environ, start_response)

    return with_plain_type


def asgi_with_plain_types(application: Asgi) -> Asgi:
    async def with_plain_type(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": [_plain_header(*header) for header in scope["headers"]]}
        await application(scope, receive, send)

    return with_plain_type


def _plain_header(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    if name.lower() != b"content-type":
        return name, value
    return name, plain_type(value.decode("latin-1")).encode("latin-1")
