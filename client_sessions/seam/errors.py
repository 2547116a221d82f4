"""The error types of this API with status and message, and the envelope of an error.

``{"error": {"type": …, "message": …, "request_id": …}, "ok": false}``
"""

from collections.abc import Mapping
from typing import Any, NoReturn

__all__ = ["CATALOGUE", "SeamError", "Validation", "envelope", "invalid"]

# Error type -> status and default message. A view may use another message and, where the dialect does, another status.
CATALOGUE: Mapping[str, tuple[int, str]] = {
    "unauthorized": (401, "Unauthorized: send a credential that this endpoint accepts."),
    "client_session_expired": (401, "The client session has expired."),
    "client_session_revoked": (401, "The client session was revoked."),
    "invalid_client_session_token": (400, "A client session token starts with seam_cst."),
    "workspace_not_found": (401, "No workspace belongs to this publishable key."),
    "publishable_key_requires_user_identifier_key": (401, "With a publishable key, user_identifier_key is required."),
    "publishable_keys_must_create_empty_client_sessions": (
        403,
        "A publishable key opens empty client sessions only; grant resources from your backend.",
    ),
    "insufficient_scope": (403, "The API key does not have the scope of this endpoint."),
    "client_session_token_already_exists": (
        400,
        "A client session with this user_identifier_key exists. Use /client_sessions/get_or_create to get it.",
    ),
    "client_session_not_found": (404, "Client session not found."),
    "connected_account_not_found": (404, "Connected account not found."),
    "connect_webview_not_found": (404, "Connect Webview not found."),
    "user_identity_not_found": (404, "User identity not found."),
    "customer_not_found": (404, "Customer not found."),
    "device_not_found": (404, "Device not found."),
    "resource_not_found": (404, "Resource not found."),
    "not_found": (404, "There is no such endpoint."),
    "invalid_input": (400, "The parameters are not valid."),
    "invalid_options": (400, "These parameters do not go together."),
    "invalid_query_params": (400, "A parameter was given more than once in the query."),
    "invalid_content_type": (400, "Send parameters as JSON, with Content-Type: application/json."),
    "invalid_json": (400, "The body is not JSON, or has two members of one name."),
    "length_required": (411, "Send the body with a Content-Length, not in chunks."),
    "request_too_large": (413, "The body is too large."),
    "mismatched_page_parameters": (400, "A page_cursor works only with parameters identical to the first page's."),
    "method_not_allowed": (405, "This endpoint does not accept that method."),
    "too_many_requests": (429, "Too many requests: wait as long as Retry-After says."),
    "service_unavailable": (503, "The service cannot answer just now; try again."),
    "internal_server_error": (500, "Something went wrong on our side."),
}


class SeamError(Exception):
    """An error response. ``type`` is one of CATALOGUE; ``extra`` is added to the error object.

    ``retry_after`` is the number of seconds after which the caller can try again.
    """

    def __init__(self, type: str, message: str = "", *, status: int = 0, retry_after: int = 0, **extra: Any) -> None:
        super().__init__(type)
        self.type = type
        self.retry_after = retry_after
        default_status, default_message = CATALOGUE[type]
        self.status = status or default_status
        self.message = message or default_message
        self.extra = extra


class Validation:
    """Problems of the parameters of a request, in the format of zod's formatted error."""

    def __init__(self) -> None:
        self._whole: list[str] = []
        self._fields: dict[str, dict[str, Any]] = {}
        self._sentences: list[str] = []

    def add(self, text: str, *, field: str = "", item: int | None = None) -> None:
        """Add a problem of the whole input, of a field, or of one item of an array."""
        if not field:
            self._whole.append(text)
            self._sentences.append(text)
            return
        entry = self._fields.setdefault(field, {"_errors": []})
        if item is not None:
            entry = entry.setdefault(str(item), {"_errors": []})
        entry["_errors"].append(text)
        self._sentences.append(f"{field} is required" if text == "Required" else f'{text} for "{field}"')

    @classmethod
    def refuse(cls, text: str) -> NoReturn:
        """Raise SeamError for one problem of the whole input."""
        raise SeamError("invalid_input", text, validation_errors={"_errors": [text]})

    def raise_if_any(self) -> None:
        """Raise SeamError ``invalid_input`` with all added problems."""
        if not self._sentences:
            return
        message = self._sentences[0]
        if len(self._sentences) > 1:
            message = f"{len(self._sentences)} Input Errors: {', '.join(self._sentences)}"
        raise SeamError("invalid_input", message, validation_errors={"_errors": self._whole, **self._fields})


def invalid(field: str, text: str) -> SeamError:
    """Return ``invalid_input`` with one problem of a field that was found after parsing."""
    return SeamError(
        "invalid_input",
        f'{text} for "{field}"',
        validation_errors={"_errors": [], field: {"_errors": [text]}},
    )


def envelope(error: SeamError, **more: str) -> dict[str, Any]:
    """Return the body of an error response; ``more`` is added to the error object."""
    return {"error": {"type": error.type, "message": error.message, **error.extra, **more}, "ok": False}
