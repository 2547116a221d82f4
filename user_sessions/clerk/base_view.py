"""What every endpoint of this dialect shares: what is looked up by name, and how errors are answered."""

from django.core.exceptions import DisallowedHost, SuspiciousOperation
from django.db.models import QuerySet
from rest_framework import exceptions
from rest_framework.response import Response

from sessions_core.http.base_view import ApiView
from sessions_core.http.bodies import BodyNotJson, BodyTooLarge, BodyUnreadable, BodyWithoutLength
from sessions_core.models import Workspace
from sessions_core.texts import is_storable
from user_sessions.clerk.errors import ClerkError, envelope, of_parameter
from user_sessions.models import (
    AudienceRefused,
    ImpersonationRefused,
    JwtTemplate,
    KeyMissing,
    NameRefused,
    NameTaken,
    OfSessionTokens,
    ReservedClaim,
    TemplateGone,
    TooManySessions,
    UserInactive,
    UserSessionError,
)
from user_sessions.templating.shortcodes import OutputTooLarge, TemplateError, TooLarge

__all__ = ["ClerkView", "one_template", "session_not_found", "template_named"]


class ClerkView(ApiView):
    """Base of the endpoints of both APIs; each says how its callers authenticate."""

    # What a caller is told whose credential opens nothing here.
    credential_refused: str

    def error_response(self, error: Exception) -> Response | None:
        refused_credentials = exceptions.NotAuthenticated, exceptions.AuthenticationFailed, exceptions.PermissionDenied
        if isinstance(error, refused_credentials):
            return self.answer(ClerkError(self.credential_refused))
        api_error = _translated(error)
        return self.answer(api_error) if api_error else None

    def busy_response(self) -> Response:
        return self.answer(ClerkError("service_unavailable", "The database is busy or away; try again."))

    def answer(self, error: ClerkError) -> Response:
        headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
        if error.status == 401:  # RFC 9110, section 11.6.1
            headers["WWW-Authenticate"] = "Bearer"
        return Response(envelope(error, trace=self.trace), status=error.status, headers=headers)


def template_named(workspace: Workspace, name: str) -> JwtTemplate:
    """The JWT template that tokens are minted from by this name."""
    return one_template(JwtTemplate.objects.mintable().filter(workspace=workspace, name=name), name)


def one_template(templates: QuerySet[JwtTemplate], text: str) -> JwtTemplate:
    """The one of these that the text names."""
    template = templates.select_related("workspace").first() if is_storable(text) else None
    if template is None:
        raise ClerkError("resource_not_found", f"There is no JWT template {text}.", message="JWT template not found")
    return template


def session_not_found(session_id: str) -> ClerkError:
    return ClerkError("resource_not_found", f"No session was found with id {session_id}.", message="Session not found")


def _refusal(error: UserSessionError) -> ClerkError:
    match error:
        case UserInactive():
            return ClerkError("user_banned", "The user's account is not active.")
        case ImpersonationRefused():
            return of_parameter("form_param_value_invalid", "user_id", "This user cannot be impersonated.")
        case TooManySessions():
            return ClerkError("session_creation_not_allowed", "The user has as many live sessions as are allowed.")
        case NameTaken():
            return of_parameter("form_already_exists", "name", "There is a JWT template of this name.")
        case NameRefused():
            return of_parameter(
                "form_param_format_invalid",
                "name",
                "name must be printable text that can stand in a path, without / \\ ? # %, and not one of ours.",
            )
        case ReservedClaim():
            return of_parameter(
                "jwt_template_reserved_claim", "claims", f"The claim {error.claim} is set by the server alone."
            )
        case AudienceRefused():
            return of_parameter("form_param_value_invalid", "claims", "aud must be text, or a list of texts.")
        case KeyMissing():
            return of_parameter(
                "form_conditional_param_missing", "signing_key", "signing_key must be included with custom_signing_key."
            )
        case TemplateGone():
            return ClerkError("resource_not_found", "It was deleted meanwhile.", message="JWT template not found")
        case OfSessionTokens():
            return ClerkError("session_token_jwt_template", "This template customises session tokens and stays.")
    return ClerkError("resource_not_found", "The session is over.", message="Session not found")


def _translated(error: Exception) -> ClerkError | None:
    """Any foreseen error in the words of this dialect, None for the rest."""
    match error:
        case ClerkError():
            return error
        case exceptions.MethodNotAllowed():
            return ClerkError("method_not_allowed", "This endpoint does not accept that method.")
        case UserSessionError():
            return _refusal(error)
        case TooLarge():
            return of_parameter("form_param_value_too_large", "claims", f"claims: {error}.")
        case TemplateError():
            return of_parameter("form_param_value_invalid", "claims", f"claims: {error}.")
        case OutputTooLarge():
            return ClerkError("bad_request", "What the JWT template gives for this session is too large for a token.")
        case DisallowedHost():
            return ClerkError("host_invalid")
        case SuspiciousOperation():
            return ClerkError("malformed_request_parameters", "The query has too many parameters.")
        case BodyWithoutLength():
            return ClerkError("content_length_required", "Send the body with a Content-Length, not in chunks.")
        case BodyNotJson():
            return ClerkError("unsupported_content_type", "Send the body as application/json.")
        case BodyTooLarge():
            return ClerkError("request_body_too_large")
        case BodyUnreadable():
            return ClerkError("request_body_invalid", "The body is not JSON, or has two members of one name.")
    return None
