"""How bodies of this API are read: forms, which a page may send without asking first, or JSON."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from sessions_core.api import JsonParser, read_body
from user_sessions.dialect.errors import ApiError

__all__ = ["FormParser"]

FORM = "application/x-www-form-urlencoded"

MOST_FIELDS = 100


class FormParser(JsonParser):
    """Empty is null, as SDKs send it; what is given twice becomes a list, which no parameter is."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        essence = (media_type or "").partition(";")[0].strip().lower()
        if essence == "application/json":
            return super().parse(stream, media_type, parser_context)
        if essence != FORM:
            raise ApiError("unsupported_content_type", f"Send the body as {FORM}.")
        try:
            pairs = parse_qsl(
                read_body(stream).decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS
            )
        except ValueError as malformed:
            raise ApiError(
                "request_body_invalid", f"The body is no form of at most {MOST_FIELDS} fields."
            ) from malformed
        form: dict[str, Any] = {}
        for name, value in pairs:
            form[name] = [form[name], value] if name in form else value or None
        return form
