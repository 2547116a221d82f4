"""What this API says when it refuses: one table of codes, and the envelope they travel in.

``{"errors": [{"message": …, "long_message": …, "code": …, "meta": {…}}], "clerk_trace_id": …}``
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["CATALOGUE", "ApiError", "envelope"]

# Code -> status and message.
CATALOGUE: Mapping[str, tuple[int, str]] = {
    "authorization_header_format_invalid": (401, "Invalid Authorization header format"),
    "clerk_key_invalid": (401, "The provided secret key is invalid"),
    "user_banned": (403, "This user may not sign in"),
    "resource_not_found": (404, "not found"),
    "method_not_allowed": (405, "Method not allowed"),
    "api_version_invalid": (400, "Invalid API version"),
    "missing_query_parameter": (400, "Missing query parameter"),
    "request_body_invalid": (400, "Request body invalid"),
    "request_invalid_for_environment": (400, "Request only valid in a sandbox"),
    "malformed_request_parameters": (400, "Malformed request parameters"),
    "content_length_required": (411, "Content-Length required"),
    "request_body_too_large": (413, "Request body too large"),
    "unsupported_content_type": (415, "Content-Type is not supported"),
    "form_param_missing": (422, "is missing"),
    "form_param_nil": (422, "cannot be null"),
    "form_param_type_invalid": (422, "has the wrong type"),
    "form_param_value_invalid": (422, "is invalid"),
    "form_param_duplicate": (422, "was given more than once"),
    "service_unavailable": (503, "Temporarily unavailable"),
}


class ApiError(Exception):
    """An answer other than success. ``code`` is one of CATALOGUE; ``meta`` holds names in snake case."""

    def __init__(self, code: str, long_message: str = "", *, message: str = "", **meta: Any) -> None:
        super().__init__(code)
        self.code = code
        self.status, default = CATALOGUE[code]
        self.message = message or default
        self.long_message = long_message or self.message
        self.meta = meta


def of_parameter(code: str, name: str, long_message: str) -> ApiError:
    """An error that names the parameter it is about."""
    return ApiError(code, long_message, param_name=name)


def envelope(error: ApiError, *, trace: str) -> dict[str, Any]:
    """``meta`` is left out when there is nothing to say there; SDKs insist on the rest."""
    first = {"message": error.message, "long_message": error.long_message, "code": error.code}
    return {"errors": [first | ({"meta": error.meta} if error.meta else {})], "clerk_trace_id": trace}
