"""REST framework authentication for your own views: client session tokens and API keys."""

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from client_sessions.exceptions import TokenRefused
from client_sessions.models import (
    ClientSession,
)
from client_sessions.presented_tokens import CLIENT_SESSION_HEADERS, client_session_of, presented_token
from sessions_core.api_key_scopes import ScopeFamily
from sessions_core.crypto.tokens import is_api_key
from sessions_core.http.caching import keep_rest_answer_private
from sessions_core.http.caller import bearer_of
from sessions_core.models import ApiKey

__all__ = ["ApiKeyAuthentication", "ClientSessionAuthentication"]


class ClientSessionAuthentication(BaseAuthentication):
    """Authenticate a client session token; ``request.auth`` is the client session.

    Without a token, the other authentication classes of the view decide. An invalid token is answered with 401 in the
    error format of your project and a code such as ``client_session_revoked`` or ``client_session_expired``.
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
    """Authenticate a secret API key of a backend; ``request.auth`` is the API key.

    A key with a list of scopes is answered with 403, unless a subclass has a ``family`` and the key has its scope: to
    read for safe methods, to change for others.
    """

    credential_headers = ("Authorization",)

    family: ScopeFamily | None = None

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        keep_rest_answer_private(request, self.credential_headers)
        bearer = bearer_of(request)
        if not is_api_key(bearer):
            return None
        key = ApiKey.authenticate(bearer)
        if key is None:
            raise AuthenticationFailed(_("The API key is unknown."), code="unauthorized")
        if key.scopes is not None and not self._has_scope(key, request):
            raise PermissionDenied(_("The API key does not have the scope of this view."), code="insufficient_scope")
        return AnonymousUser(), key

    def _has_scope(self, key: ApiKey, request: Request) -> bool:
        if self.family is None:
            return False
        return key.has_scope(self.family.read if request.method in SAFE_METHODS else self.family.write)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
