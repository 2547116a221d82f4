"""Authenticate callers of your own views: a client session token, or an API key."""

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from client_sessions.exceptions import TokenRefused
from client_sessions.models import (
    ClientSession,
)
from client_sessions.presented_tokens import CLIENT_SESSION_HEADERS, client_session_of, presented_token
from sessions_core.crypto.tokens import is_api_key
from sessions_core.http.caching import keep_rest_answer_private
from sessions_core.http.caller import bearer_of
from sessions_core.models import ApiKey

__all__ = ["ApiKeyAuthentication", "ClientSessionAuthentication"]


class ClientSessionAuthentication(BaseAuthentication):
    """For a view of your own: ``request.auth`` is the client session whose token the caller shows.

    A caller without one is left to the view's other authenticators; a token that does not hold is 401 in your own
    project's form of errors, with the reason as its code: ``client_session_revoked``, ``client_session_expired``.
    """

    credential_headers = CLIENT_SESSION_HEADERS

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ClientSession] | None:
        keep_rest_answer_private(request, self.credential_headers)
        try:
            token = presented_token(request)
            return (AnonymousUser(), client_session_of(token, at=timezone.now())) if token else None
        except TokenRefused as refused:
            raise AuthenticationFailed(refused.message, code=refused.code) from None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class ApiKeyAuthentication(BaseAuthentication):
    """For a view of your own: ``request.auth`` is the secret API key that the caller, a backend, shows."""

    credential_headers = ("Authorization",)

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        keep_rest_answer_private(request, self.credential_headers)
        bearer = bearer_of(request)
        if not is_api_key(bearer):
            return None
        if key := ApiKey.objects.authenticate(bearer):
            return AnonymousUser(), key
        raise AuthenticationFailed("The API key is not known.", code="unauthorized")

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
