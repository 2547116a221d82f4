"""Who is calling: a backend with an API key, a browser with a client session token, or one with a publishable key.

A route says which of them it is open to; what it is closed to is not even looked at. Where a client session token is in
a header of its own, the request is that session's whatever else it carries: the least privilege wins.
"""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from client_sessions.errors import ApiError
from client_sessions.models import CLIENT_SESSION, TOKEN, ClientSession, State
from sessions_core.api import bearer_of
from sessions_core.models import ApiKey
from sessions_core.permissions import API_KEY, PUBLISHABLE_KEY

__all__ = ["CredentialAuthentication", "client_session_of"]

TOKEN_HEADERS = ("seam-client-session-token", "client-session-token")
TOKEN_PREFIX = "seam_cst"


class CredentialAuthentication(BaseAuthentication):
    """``request.auth`` becomes the ClientSession or ApiKey that calls. Raises ApiError for one that does not hold."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ClientSession | ApiKey]:
        view: Any = (request.parser_context or {})["view"]
        bearer = bearer_of(request)
        auth: ClientSession | ApiKey | None = None
        if CLIENT_SESSION in view.open_to and (token := _client_session_token(request, bearer)):
            auth = client_session_of(token, at=timezone.now())
        elif API_KEY in view.open_to and bearer:
            auth = ApiKey.objects.authenticate(bearer)
        elif PUBLISHABLE_KEY in view.open_to and not request.headers.get("authorization"):
            auth = _publishable_key(request.headers.get("seam-publishable-key", ""), action=view.action)
        if auth is None:
            raise ApiError("unauthorized")
        return AnonymousUser(), auth


def client_session_of(token: str, *, at: datetime) -> ClientSession:
    """The live session of a token: no query for a forgery, else one. Raises ApiError, 401."""
    presented = TOKEN.check(token)
    session = ClientSession.objects.of_token(presented) if presented else None
    if session is None:
        raise ApiError("client_session_not_found", "The client session token is not known.", status=401)
    if (state := session.state_at(at)) is not State.LIVE:
        raise ApiError(f"client_session_{state}")
    return session


def _client_session_token(request: Request, bearer: str) -> str:
    """The client session token in a header of its own, else in the bearer; empty if there is none."""
    for header in TOKEN_HEADERS:
        if header in request.headers:
            token = request.headers[header]
            if not token.startswith(TOKEN_PREFIX):
                raise ApiError("invalid_client_session_token")
            return token
    return bearer if bearer.startswith(TOKEN_PREFIX) else ""


def _publishable_key(text: str, *, action: str | None) -> ApiKey | None:
    """The publishable key of a workspace that allows them. An unknown one is 400 to get_or_create and 401 elsewhere."""
    if not text:
        return None
    key = ApiKey.objects.authenticate_publishable(text)
    if key is None:
        raise ApiError("workspace_not_found", status=400 if action == "get_or_create" else 401)
    return key if key.workspace.allows_publishable_keys else None
