"""Parse bodies of the Frontend API: forms, which need no CORS preflight, or JSON."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from django.http import QueryDict
from rest_framework.request import Request

from sessions_core.http.bodies import JsonParser, read_body
from user_sessions.clerk import parameters
from user_sessions.clerk.errors import ClerkError

__all__ = ["FormParser", "body_of"]

FORM = "application/x-www-form-urlencoded"

MOST_FIELDS = 100


class FormParser(JsonParser):
    """Parse a form to a QueryDict, so that the host's backends and receivers find it in ``request.POST``."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        essence = (media_type or "").partition(";")[0].strip().lower()
        if essence == "application/json":
            return super().parse(stream, media_type, parser_context)
        if essence != FORM:
            raise ClerkError("unsupported_content_type", f"Send the body as {FORM}.")
        try:
            text = read_body(stream).decode()
            # QueryDict alone would accept invalid UTF-8 and insert replacement characters.
            parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
        except ValueError as malformed:
            raise ClerkError(
                "request_body_invalid", f"The body is no form of at most {MOST_FIELDS} fields."
            ) from malformed
        return QueryDict(text, encoding="utf-8")


def body_of(request: Request) -> Mapping[str, Any]:
    """Return the fields of the body, or an empty mapping.

    In a form an empty value is null, as SDKs send it. A repeated field is a list, which every parameter refuses.
    """
    body = parameters.body_of(request)
    if not isinstance(body, QueryDict):
        return body
    return {name: values if len(values) > 1 else values[0] or None for name, values in body.lists()}
