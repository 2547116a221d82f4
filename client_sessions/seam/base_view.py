"""Base view of the endpoints of this dialect: credentials, permissions, responses and errors."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from client_sessions.models.statements import WITH_WORKSPACE
from client_sessions.scoping import Auth
from client_sessions.seam.credentials import CredentialAuthentication
from client_sessions.seam.errors import SeamError, envelope
from client_sessions.seam.refusals import counted_kind, refusal_of
from client_sessions.seam.throttling import CredentialThrottle, anonymous_wait
from sessions_core.http.base_view import ApiView
from sessions_core.http.cors import Cors
from sessions_core.http.counted_refusals import count_refusal
from sessions_core.http.responses import Response
from sessions_core.models.refusal_counts import RefusalKind

__all__ = ["SeamView", "not_found"]

# The headers that SDKs send from a browser, including old names, and those that they read.
CORS = Cors(
    methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    request_headers=[
        "authorization",
        "client-session-token",
        "content-type",
        "seam-client-session-token",
        "seam-lts-version",
        "seam-publishable-key",
        "seam-sdk-name",
        "seam-sdk-version",
        "seam-user-identifier-key",
        "seam-workspace",
        "user-identifier-key",
    ],
    response_headers=["seam-request-id", "retry-after"],
)


class SeamView(ApiView):
    """Base of the endpoints. ``auth`` is the caller: an ApiKey, a PersonalAccess or a ClientSession."""

    authentication_classes: Sequence[type[BaseAuthentication]] = (CredentialAuthentication,)
    throttle_classes: Sequence[type[BaseThrottle]] = (CredentialThrottle,)
    with_workspace = WITH_WORKSPACE
    cors = CORS

    @property
    def auth(self) -> Auth:
        """The authenticated caller."""
        auth: Auth = self.request.auth  # type: ignore[assignment]  # set by CredentialAuthentication
        return auth

    @property
    def request_id(self) -> str:
        return f"request_{self.trace}"

    def ok(self, **answer: Any) -> Response:
        """Return 200 with these members and ``ok``."""
        return Response({**answer, "ok": True})

    def error_response(self, error: Exception) -> Response | None:
        if isinstance(error, MethodNotAllowed):
            error = SeamError("method_not_allowed", f"Accepted methods: {', '.join(self.allowed_methods)}.")
        api_error = refusal_of(error)
        if api_error is None:
            return None
        is_of_credential = counted_kind(api_error) == RefusalKind.INVALID_CREDENTIAL
        if is_of_credential and (seconds := anonymous_wait(self.request)):
            api_error = SeamError("too_many_requests", retry_after=seconds)
        if kind := counted_kind(api_error):
            count_refusal(self, kind)
        return self._answer(api_error)

    def busy_response(self) -> Response:
        return self._answer(SeamError("service_unavailable"))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        response.headers["seam-request-id"] = self.request_id
        return response

    def _answer(self, error: SeamError) -> Response:
        response = Response(envelope(error, request_id=self.request_id), status=error.status)
        if error.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        if error.retry_after:
            response.headers["Retry-After"] = str(error.retry_after)
        return response


class NotFound(SeamView):
    """Answers every method of an unknown path."""

    authentication_classes = ()
    permission_classes = ()

    def refuse(self, request: Request) -> Response:
        raise SeamError("not_found")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """A ``handler404`` that answers unknown paths in this dialect."""
    return NotFound.as_view(dict.fromkeys(NotFound.http_method_names, "refuse"))(request)
