"""Who is calling: a backend with an API key or a person's access token, a browser with a client session token, or one
with a publishable key.

A route says which of them it is open to; what it is closed to is not even looked at. Where a client session token is in
a header of its own, the request is that session's whatever else it carries: the least privilege wins.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from client_sessions.errors import ApiError
from client_sessions.models import (
    CLIENT_SESSION,
    PERSONAL_ACCESS_TOKEN,
    TOKEN,
    ClientSession,
    PersonalAccess,
    PersonalAccessToken,
    State,
)
from client_sessions.scoping import Auth
from sessions_core.api import bearer_of
from sessions_core.caching import keep_rest_answer_private
from sessions_core.models import ApiKey
from sessions_core.permissions import API_KEY, PUBLISHABLE_KEY
from sessions_core.tokens import is_api_key

__all__ = [
    "CLIENT_SESSION_HEADERS",
    "ApiKeyAuthentication",
    "ClientSessionAuthentication",
    "CredentialAuthentication",
    "client_session_of",
    "presented_token",
]

TOKEN_HEADERS = ("seam-client-session-token", "client-session-token")
TOKEN_PREFIX = "seam_cst"

# Where a client session token may be.
CLIENT_SESSION_HEADERS = ("Authorization", *TOKEN_HEADERS)
PERSONAL_PREFIX = "seam_at"


class CredentialAuthentication(BaseAuthentication):
    """``request.auth`` becomes whoever calls, of the kinds the route is open to. Raises ApiError for one that fails."""

    credential_headers = (*CLIENT_SESSION_HEADERS, "seam-publishable-key", "seam-workspace")

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Auth]:
        view: Any = (request.parser_context or {})["view"]
        bearer = bearer_of(request)
        auth: Auth | None = None
        if CLIENT_SESSION in view.open_to and (token := presented_token(request)):
            auth = client_session_of(token, at=timezone.now())
        elif PERSONAL_ACCESS_TOKEN in view.open_to and bearer.startswith(PERSONAL_PREFIX):
            auth = _personal_access(bearer, request.headers.get("seam-workspace"))
        elif API_KEY in view.open_to and bearer:
            auth = ApiKey.objects.authenticate(bearer)
        elif PUBLISHABLE_KEY in view.open_to and not request.headers.get("authorization"):
            auth = _publishable_key(request.headers.get("seam-publishable-key", ""), action=view.action)
        if auth is None or auth.credential not in view.open_to:
            raise ApiError("unauthorized")
        return AnonymousUser(), auth


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
        except ApiError as error:
            raise AuthenticationFailed(error.message, code=error.type) from None

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


def client_session_of(token: str, *, at: datetime) -> ClientSession:
    """The live session of a token: no query for a forgery, else one. Raises ApiError, 401."""
    presented = TOKEN.check(token)
    session = ClientSession.of_token(presented) if presented else None
    if session is None:
        raise ApiError("client_session_not_found", "The client session token is not known.", status=401)
    if (state := session.state_at(at)) is not State.LIVE:
        raise ApiError(f"client_session_{state}")
    return session


def presented_token(request: Request | HttpRequest) -> str:
    """The client session token in a header of its own, else in the bearer; empty if there is none.

    Raises ApiError for a header that holds something else.
    """
    for header in TOKEN_HEADERS:
        if header in request.headers:
            token = request.headers[header]
            if not token.startswith(TOKEN_PREFIX):
                raise ApiError("invalid_client_session_token")
            return token
    bearer = bearer_of(request)
    return bearer if bearer.startswith(TOKEN_PREFIX) else ""


def _personal_access(text: str, workspace_id: str | None) -> PersonalAccess | None:
    """The token, at work in the workspace it asks for among those it was given; in none if it asks for none."""
    token = PersonalAccessToken.objects.authenticate(text)
    if token is None or workspace_id is None:
        return PersonalAccess(token, None) if token else None
    try:
        chosen = token.workspaces.filter(pk=UUID(workspace_id)).first()
    except ValueError:
        chosen = None
    return PersonalAccess(token, chosen) if chosen else None


def _publishable_key(text: str, *, action: str | None) -> ApiKey | None:
    """The publishable key of a workspace that allows them. An unknown one is 400 to get_or_create and 401 elsewhere."""
    if not text:
        return None
    key = ApiKey.objects.authenticate_publishable(text)
    if key is None:
        raise ApiError("workspace_not_found", status=400 if action == "get_or_create" else 401)
    return key if key.workspace.allows_publishable_keys else None
