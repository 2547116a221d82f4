"""What every endpoint of this dialect shares: the secret key, the version, and how errors are answered."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import SuspiciousOperation
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_core.api import ApiView, BodyNotJson, BodyTooLarge, BodyUnreadable, BodyWithoutLength
from sessions_core.models import ApiKey
from user_sessions.backend_api.authentication import SecretKeyAuthentication
from user_sessions.backend_api.errors import ApiError, envelope
from user_sessions.backend_api.versions import version_of
from user_sessions.models import NotLive, UserInactive

__all__ = ["BackendView"]


class BackendView(ApiView):
    """Base of the endpoints. ``auth`` is the ApiKey that calls, ``api_version`` the version it asked for."""

    authentication_classes: Sequence[type[BaseAuthentication]] = (SecretKeyAuthentication,)

    api_version: str

    @property
    def auth(self) -> ApiKey:
        auth: ApiKey = self.request.auth  # type: ignore[assignment]  # what our authentication sets
        return auth

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.api_version = version_of(request)

    def error_response(self, error: Exception) -> Response | None:
        api_error = _translated(error)
        return self._answer(api_error) if api_error else None

    def busy_response(self) -> Response:
        return self._answer(ApiError("service_unavailable", "The database is busy or away; try again."))

    def _answer(self, error: ApiError) -> Response:
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
        return Response(envelope(error, trace=self.trace), status=error.status, headers=headers)


def _translated(error: Exception) -> ApiError | None:
    """Any foreseen error in the words of this dialect, None for the rest."""
    match error:
        case ApiError():
            return error
        case exceptions.MethodNotAllowed():
            return ApiError("method_not_allowed", "This endpoint does not accept that method.")
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed() | exceptions.PermissionDenied():
            return ApiError("clerk_key_invalid")
        case UserInactive():
            return ApiError("user_banned", "The user's account is not active.")
        case NotLive():
            return ApiError("resource_not_found", "The session is over.", message="Session not found")
        case SuspiciousOperation():
            return ApiError("malformed_request_parameters", "The query has too many parameters.")
        case BodyWithoutLength():
            return ApiError("content_length_required", "Send the body with a Content-Length, not in chunks.")
        case BodyNotJson():
            return ApiError("unsupported_content_type", "Send the body as application/json.")
        case BodyTooLarge():
            return ApiError("request_body_too_large")
        case BodyUnreadable():
            return ApiError("request_body_invalid", "The body is not JSON.")
    return None
