"""One table that maps errors of the models, of REST framework and of request bodies to Clerk's errors.

The Frontend API has other messages for a few of them: see ``frontend_errors``.
"""

import logging
from collections.abc import Callable

from django.core.exceptions import DisallowedHost, SuspiciousOperation
from rest_framework import exceptions

from sessions_core.http.bodies import BodyNotJson, BodyTooLarge, BodyUnreadable, BodyWithoutLength
from sessions_core.http.refusals import Refusals, refusal_in
from sessions_core.http.routes import ScopeMissing
from sessions_core.models.refusal_counts import RefusalKind
from user_sessions.clerk.errors import ClerkError, of_parameter
from user_sessions.exceptions import (
    AlreadySignedIn,
    AudienceRefused,
    ForeignClient,
    Impersonated,
    ImpersonationRefused,
    KeyMissing,
    NameRefused,
    NameTaken,
    NonceSpent,
    NotLive,
    NotPending,
    OfSessionTokens,
    ReservedClaim,
    ReverificationMissing,
    SessionExists,
    SignInRefused,
    StaleClient,
    TemplateChanged,
    TemplateGone,
    TicketExpired,
    TooManySessions,
    UserInactive,
    UserSessionError,
)
from user_sessions.templating.shortcodes import OutputTooLarge, TemplateError, TooLarge

__all__ = ["REFUSALS", "counted_kind", "refusal_of"]

logger = logging.getLogger(__name__)


def _always(code: str, long_message: str = "", *, message: str = "") -> Callable[[Exception], ClerkError]:
    return lambda error: ClerkError(code, long_message, message=message)


def _always_of(code: str, name: str, long_message: str) -> Callable[[Exception], ClerkError]:
    return lambda error: of_parameter(code, name, long_message)


REFUSALS: Refusals[ClerkError] = {
    # Sessions, clients and tickets
    NotLive: _always("resource_not_found", "The session is over.", message="Session not found"),
    UserInactive: _always("user_banned", "The user's account is not active."),
    TooManySessions: _always("session_creation_not_allowed", "The user has as many live sessions as are allowed."),
    SignInRefused: _always("not_allowed_access", "This sign-in was refused."),
    SessionExists: _always("session_exists", "You are signed in already, and one session at a time is allowed."),
    AlreadySignedIn: lambda error: ClerkError("identifier_already_signed_in", session_id=error.session.pk),
    Impersonated: _always("session_creation_not_allowed", "Nobody signs in beside somebody who impersonates a user."),
    ImpersonationRefused: _always_of("form_param_value_invalid", "user_id", "This user cannot be impersonated."),
    ReverificationMissing: _always("session_reverification_missing", "Ask for a verification first."),
    StaleClient: _always("authentication_invalid", "The client has a newer token than this one."),
    ForeignClient: _always("resource_not_found", "The client was not found.", message="Client not found"),
    TicketExpired: _always("ticket_expired_code", "The ticket has expired. Ask for another."),
    NotPending: _always("ticket_invalid_code", "The ticket was already used or revoked."),
    NonceSpent: _always("invalid_handshake", "The nonce was used, is too old, or is none."),
    # JWT templates
    NameTaken: _always_of("form_already_exists", "name", "There is a JWT template of this name."),
    NameRefused: _always_of(
        "form_param_format_invalid",
        "name",
        "name must be printable text that can stand in a path, without / \\ ? # %, and not one of ours.",
    ),
    ReservedClaim: lambda error: of_parameter(
        "jwt_template_reserved_claim", "claims", f"The claim {error.claim} is set by the server alone."
    ),
    AudienceRefused: _always_of("form_param_value_invalid", "claims", "aud must be text, or a list of texts."),
    KeyMissing: _always_of(
        "form_conditional_param_missing", "signing_key", "signing_key must be included with custom_signing_key."
    ),
    TemplateChanged: _always("bad_request", "The template was changed meanwhile. Read it again."),
    TemplateGone: _always("resource_not_found", "It was deleted meanwhile.", message="JWT template not found"),
    OfSessionTokens: _always("session_token_jwt_template", "This template customises session tokens and stays."),
    TooLarge: lambda error: of_parameter("form_param_value_too_large", "claims", f"claims: {error}."),
    TemplateError: lambda error: of_parameter("form_param_value_invalid", "claims", f"claims: {error}."),
    OutputTooLarge: _always("bad_request", "What the JWT template gives for this session is too large for a token."),
    # Requests
    ScopeMissing: lambda error: ClerkError("authorization_invalid", f"The secret key needs the scope {error.scope}."),
    exceptions.MethodNotAllowed: _always("method_not_allowed", "This endpoint does not accept that method."),
    DisallowedHost: _always("host_invalid"),
    SuspiciousOperation: _always("malformed_request_parameters", "The query has too many parameters."),
    BodyWithoutLength: _always("content_length_required", "Send the body with a Content-Length, not in chunks."),
    BodyNotJson: _always("unsupported_content_type", "Send the body as application/json."),
    BodyTooLarge: _always("request_body_too_large"),
    BodyUnreadable: _always("request_body_invalid", "The body is not JSON, or has two members of one name."),
}

# Codes of refused credentials that have another status than 401.
OF_CREDENTIALS = {
    "ticket_expired_code",
    "ticket_invalid_code",
    "sign_in_token_revoked_code",
    "sign_in_token_already_used_code",
    "actor_token_revoked_code",
    "actor_token_already_used_code",
    "cookie_invalid",
    "invalid_session_token",
}


def counted_kind(error: ClerkError) -> RefusalKind | None:
    """Return what the dashboard counts this error as, or None if it does not. Wrong passwords count by signal."""
    if error.status == 429:
        return RefusalKind.RATE_LIMIT
    if error.code == "form_code_incorrect":
        return RefusalKind.WRONG_CODE
    is_of_credential = error.status == 401 or error.code in OF_CREDENTIALS
    return RefusalKind.INVALID_CREDENTIAL if is_of_credential else None


def refusal_of(error: Exception, refusals: Refusals[ClerkError]) -> ClerkError | None:
    """Return the ClerkError for an error, or None for an error that is not ours.

    A UserSessionError without a row is logged and answered with 500.
    """
    if isinstance(error, ClerkError):
        return error
    refusal = refusal_in(refusals, error)
    if refusal is None and isinstance(error, UserSessionError):
        logger.error("%s has no row in REFUSALS of %s.", type(error).__name__, __name__, exc_info=error)
        return ClerkError("internal_server_error")
    return refusal
