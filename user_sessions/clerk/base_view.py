"""The base view of both APIs: look-ups by name, and error responses."""

from rest_framework import exceptions

from sessions_core.http.base_view import ApiView
from sessions_core.http.counted_refusals import count_refusal
from sessions_core.http.refusals import Refusals
from sessions_core.http.responses import Response
from sessions_core.models import Workspace
from sessions_core.texts import is_storable
from user_sessions.clerk.errors import ClerkError, envelope
from user_sessions.clerk.refusals import REFUSALS, counted_kind, refusal_of
from user_sessions.models import JwtTemplate

__all__ = ["ClerkView", "session_not_found", "template_named", "template_not_found"]


class ClerkView(ApiView):
    """Base view of both APIs. Subclasses set the authentication."""

    # Error code for an invalid credential.
    credential_refused: str

    refusals: Refusals[ClerkError] = REFUSALS

    def error_response(self, error: Exception) -> Response | None:
        refused_credentials = exceptions.NotAuthenticated, exceptions.AuthenticationFailed, exceptions.PermissionDenied
        if isinstance(error, refused_credentials):
            return self.answer(ClerkError(self.credential_refused))
        api_error = refusal_of(error, self.refusals)
        return self.answer(api_error) if api_error else None

    def busy_response(self) -> Response:
        return self.answer(ClerkError("service_unavailable", "The database is busy or away; try again."))

    def answer(self, error: ClerkError) -> Response:
        if kind := counted_kind(error):
            count_refusal(self, kind)
        headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
        if error.status == 401:  # RFC 9110, section 11.6.1
            headers["WWW-Authenticate"] = "Bearer"
        return Response(envelope(error, trace=self.trace), status=error.status, headers=headers)


def template_named(workspace: Workspace, name: str) -> JwtTemplate:
    """Return the mintable JWT template with this name. Raise ClerkError."""
    template = JwtTemplate.named(workspace, name) if is_storable(name) else None
    if template is None:
        raise template_not_found(name)
    return template


def template_not_found(text: str) -> ClerkError:
    return ClerkError("resource_not_found", f"There is no JWT template {text}.", message="JWT template not found")


def session_not_found(session_id: str) -> ClerkError:
    return ClerkError("resource_not_found", f"No session was found with id {session_id}.", message="Session not found")
