"""The client session token of a request, and its session. Works without REST framework."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.http import HttpRequest

from client_sessions.exceptions import TokenExpired, TokenMalformed, TokenRevoked, TokenUnknown
from client_sessions.models import ClientSession, Status
from client_sessions.models.querysets import TOKEN
from client_sessions.models.statements import WITH_WORKSPACE
from sessions_core.http.caller import bearer_of

if TYPE_CHECKING:
    from rest_framework.request import Request

__all__ = ["CLIENT_SESSION_HEADERS", "client_session_of", "presented_token"]

TOKEN_HEADERS = ("seam-client-session-token", "client-session-token")
TOKEN_PREFIX = "seam_cst"

_META_NAMES = tuple(f"HTTP_{header.upper().replace('-', '_')}" for header in TOKEN_HEADERS)

# Headers that may contain a client session token.
CLIENT_SESSION_HEADERS = ("Authorization", *TOKEN_HEADERS)


def client_session_of(token: str, *, at: datetime, related: Sequence[str] = WITH_WORKSPACE) -> ClientSession:
    """Return the live session of a token. One query, which joins ``related``, none for a forged token.

    Raise TokenRefused.
    """
    presented = TOKEN.check(token)
    session = ClientSession.of_token(presented, related=related) if presented else None
    if session is None:
        raise TokenUnknown
    match session.status_at(at):
        case Status.EXPIRED:
            raise TokenExpired
        case Status.REVOKED:
            raise TokenRevoked
    return session


def presented_token(request: "Request | HttpRequest") -> str:
    """Return the client session token of a request, from its own header or the bearer, or an empty string.

    Raise TokenMalformed if the header for client session tokens contains another value.
    """
    for name in _META_NAMES:
        token: str | None = request.META.get(name)
        if token is not None:
            if not token.startswith(TOKEN_PREFIX):
                raise TokenMalformed
            return token
    bearer = bearer_of(request)
    return bearer if bearer.startswith(TOKEN_PREFIX) else ""
