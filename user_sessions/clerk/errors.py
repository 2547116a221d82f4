"""The errors of both APIs: one table of codes, and their envelope.

``{"errors": [{"message": …, "long_message": …, "code": …, "meta": {…}}], "clerk_trace_id": …}``
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["CATALOGUE", "ClerkError", "envelope", "of_parameter"]

# Code -> status and message.
CATALOGUE: Mapping[str, tuple[int, str]] = {
    "authorization_header_format_invalid": (401, "Invalid Authorization header format"),
    "clerk_key_invalid": (401, "The provided secret key is invalid"),
    "expired_session_token_invalid": (401, "Expired session token invalid"),
    "expired_session_token_missing_sid": (401, "Expired session token without sid"),
    "expired_session_token_missing_azp": (401, "Expired session token without azp"),
    "refresh_request_origin_invalid": (401, "Request origin invalid"),
    "refresh_request_origin_azp_mismatch": (401, "Request origin is not the token's"),
    "refresh_sid_mismatch": (401, "Session is not the token's"),
    "refresh_token_not_found": (401, "Refresh token not found"),
    "session_refresh_expired_session_token_missing_iat": (401, "Expired session token without iat"),
    "session_refresh_expired_session_token_too_old": (401, "Expired session token too old"),
    "session_refresh_expired_session_token_consumed": (401, "Expired session token was refreshed already"),
    "session_refresh_session_token_ineligible": (401, "Token cannot be refreshed"),
    "session_refresh_session_not_found": (401, "Session not found"),
    "session_refresh_inactive_session": (401, "Session is not active"),
    "session_refresh_user_not_found": (401, "User not found"),
    "authentication_invalid": (401, "Invalid authentication"),
    "signed_out": (401, "Signed out"),
    "not_allowed_access": (403, "Access not allowed"),
    "authorization_invalid": (403, "You are not authorized to perform this request"),
    "user_banned": (403, "This user may not sign in"),
    "user_locked": (403, "This account is locked"),
    "session_token_jwt_template": (403, "This template customises session tokens"),
    "resource_not_found": (404, "not found"),
    "method_not_allowed": (405, "Method not allowed"),
    "session_creation_not_allowed": (409, "Session creation not allowed"),
    "bad_request": (400, "Bad request"),
    "host_invalid": (400, "Invalid host"),
    "origin_invalid": (400, "Invalid origin"),
    "origin_missing": (400, "Origin is missing"),
    "origin_authorization_headers_conflict": (400, "Origin and Authorization exclude each other"),
    "multiple_origin_header_values_forbidden": (400, "More than one Origin"),
    "multiple_authorization_header_values_forbidden": (400, "More than one Authorization"),
    "session_exists": (400, "Session already exists"),
    "identifier_already_signed_in": (400, "User is already signed in"),
    "invalid_action_for_session": (400, "Invalid action for session"),
    "session_reverification_missing": (400, "No reverification was begun"),
    "invalid_action_for_session_reverification": (400, "Invalid action for reverification"),
    "strategy_for_user_invalid": (400, "Invalid strategy for this user"),
    "invalid_action_for_sign_in": (400, "Invalid action for sign-in"),
    "ticket_expired_code": (400, "Ticket has expired"),
    "ticket_invalid_code": (400, "Ticket is invalid"),
    "sign_in_token_revoked_code": (400, "Sign-in token was revoked"),
    "sign_in_token_already_used_code": (400, "Sign-in token was used already"),
    "actor_token_revoked_code": (400, "Actor token was revoked"),
    "actor_token_cannot_be_used_code": (400, "Actor token cannot be used"),
    "actor_token_already_used_code": (400, "Actor token was used already"),
    "invalid_handshake": (400, "Invalid handshake"),
    "cookie_invalid": (400, "Client token invalid"),
    "invalid_session_token": (400, "Session token invalid"),
    "jwt_template_reserved_claim": (400, "Reserved claim"),
    "sign_in_token_cannot_be_revoked_code": (400, "Sign-in token cannot be revoked"),
    "actor_token_cannot_be_revoked_code": (400, "Actor token cannot be revoked"),
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
    "form_param_format_invalid": (422, "has the wrong form"),
    "form_param_value_invalid": (422, "is invalid"),
    "form_param_value_too_large": (422, "is too large"),
    "form_param_duplicate": (422, "was given more than once"),
    "form_param_unknown": (422, "is not a parameter here"),
    "form_conditional_param_missing": (422, "is missing"),
    "form_identifier_not_found": (422, "Couldn't find your account"),
    "form_password_incorrect": (422, "Password is incorrect"),
    "form_code_incorrect": (422, "Code is incorrect"),
    "form_already_exists": (422, "is taken"),
    "form_resource_not_found": (422, "was not found"),
    "too_many_requests": (429, "Too many requests"),
    "internal_server_error": (500, "Something went wrong on our side."),
    "service_unavailable": (503, "Temporarily unavailable"),
}


class ClerkError(Exception):
    """An error response. ``code`` is a key of CATALOGUE; ``meta`` has keys in snake case."""

    def __init__(self, code: str, long_message: str = "", *, message: str = "", **meta: Any) -> None:
        super().__init__(code)
        self.code = code
        self.status, default = CATALOGUE[code]
        self.message = message or default
        self.long_message = long_message or self.message
        self.meta = meta
        # Seconds until a retry can succeed; 0 if unknown.
        self.retry_after = 0


def of_parameter(code: str, name: str, long_message: str) -> ClerkError:
    """Return an error about a parameter."""
    return ClerkError(code, long_message, param_name=name)


def envelope(error: ClerkError, *, trace: str) -> dict[str, Any]:
    """Return the JSON of an error. An empty ``meta`` is left out; SDKs require the other members."""
    first = {"message": error.message, "long_message": error.long_message, "code": error.code}
    return {"errors": [first | ({"meta": error.meta} if error.meta else {})], "clerk_trace_id": trace}
