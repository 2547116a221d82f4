"""The base view of both APIs: look-ups by name, and error responses."""

from django.db.models import QuerySet
from rest_framework import exceptions

from sessions_core.http.base_view import ApiView
from sessions_core.http.refusals import Refusals
from sessions_core.http.responses import Response
from sessions_core.models import Workspace
from sessions_core.models.policies import with_policies
from sessions_core.texts import is_storable
from user_sessions.clerk.errors import ClerkError, envelope
from user_sessions.clerk.refusals import REFUSALS, refusal_of
from user_sessions.models import JwtTemplate, UserSessionPolicy

__all__ = ["ClerkView", "one_template", "session_not_found", "template_named"]


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
        headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
        if error.status == 401:  # RFC 9110, section 11.6.1
            headers["WWW-Authenticate"] = "Bearer"
        return Response(envelope(error, trace=self.trace), status=error.status, headers=headers)


def template_named(workspace: Workspace, name: str) -> JwtTemplate:
    """Return the mintable JWT template with this name. Raise ClerkError."""
    return one_template(JwtTemplate.objects.mintable().filter(workspace=workspace, name=name), name)


def one_template(templates: QuerySet[JwtTemplate], text: str) -> JwtTemplate:
    """Return the first of the templates. Raise ClerkError, which quotes ``text``, if there is none."""
    template = (
        templates.select_related(*with_policies("workspace", UserSessionPolicy)).first() if is_storable(text) else None
    )
    if template is None:
        raise ClerkError("resource_not_found", f"There is no JWT template {text}.", message="JWT template not found")
    return template


def session_not_found(session_id: str) -> ClerkError:
    return ClerkError("resource_not_found", f"No session was found with id {session_id}.", message="Session not found")
