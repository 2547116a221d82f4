"""Authenticate a client by the token in its cookie or header. A caller without a valid token is an anonymous visitor.

Browsers also send the cookie with requests of other sites. A request that changes something must therefore have an
``Origin`` that the workspace lists. A native app sends its token in ``Authorization``.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from sessions_core.http.cors import is_allowed
from sessions_core.models import Workspace
from sessions_core.texts import is_storable
from user_sessions.clerk.cookies import CLIENT_COOKIE
from user_sessions.clerk.errors import ClerkError
from user_sessions.models import Client, UserSessionPolicy
from user_sessions.tokens.client_tokens import ClientClaims, read_client_token

__all__ = ["CLIENT", "VISITOR", "Caller", "ClientAuthentication"]

CLIENT = "client"
VISITOR = "visitor"

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

# Schemes that a browser adds by itself for a proxy with a password (RFC 7617, RFC 7616, RFC 4559).
BROWSER_SCHEMES = ("basic", "digest", "negotiate")

# Longer than any origin that a workspace can list.
LONGEST_ORIGIN = 255

# A request with the client's previous token may still arrive within this time.
STALE_FOR = timedelta(seconds=10)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The caller. ``page`` is the origin of the calling page, if the workspace lists it; a native app has none."""

    workspace: Workspace
    client: Client | None = None
    page: str | None = None
    is_native: bool = False
    # Rotation of the presented token. A client with a newer token gets that one in the response.
    rotation: str = field(default="", repr=False)
    # The token was replaced a moment ago, so the browser will receive or already has the new one.
    is_stale: bool = False

    @property
    def workspace_id(self) -> UUID:
        return self.workspace.pk

    @property
    def credential(self) -> str:
        return CLIENT if self.client else VISITOR


class ClientAuthentication(BaseAuthentication):
    """Set ``request.auth`` to a Caller. Raise ClerkError.

    An invalid client token is treated as absent: a 401 would make SDKs retry with the same token.
    """

    credential_headers = ("Authorization", "Cookie")

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Caller]:
        origin, header, host = _origin_of(request), _authorization_of(request), request.get_host()
        is_native = bool(header) or request.query_params.get("_is_native") in ("1", "true")
        text = _client_token(request, header, is_native=is_native)
        if header and origin:
            raise ClerkError("origin_authorization_headers_conflict", "A page sends its cookie, not Authorization.")
        claims = read_client_token(text) if text else None
        claimed = _client_of(claims, host, origin)
        client = claimed if claimed and claims and claims.is_of(claimed) else None
        workspace = client.workspace if client else _workspace_at(host)
        page = None if is_native and not origin else _page(request, workspace, origin, client)
        caller = Caller(
            workspace=workspace,
            client=client,
            page=page,
            is_native=is_native,
            rotation=client.rotation if client else "",
            is_stale=bool(claimed and claims and _is_stale(claims, claimed, at=timezone.now())),
        )
        if not is_native and page is None and request.method not in SAFE_METHODS:
            raise ClerkError("origin_missing", "A change must say by its Origin which page asks for it.")
        return AnonymousUser(), caller


def _origin_of(request: Request) -> str:
    origin: str = request.META.get("HTTP_ORIGIN", "")
    if "," in origin:
        raise ClerkError("multiple_origin_header_values_forbidden")
    if len(origin) > LONGEST_ORIGIN or not is_storable(origin):
        raise ClerkError("origin_invalid")
    return origin


def _client_token(request: Request, header: str, *, is_native: bool) -> str:
    """Return the client's token, or an empty string. Refuse two different tokens."""
    cookies = set(_cookies_of(request))
    if len(cookies) > 1 or (header and cookies - {header}):
        raise ClerkError("authentication_invalid", "There are two clients' tokens that disagree.")
    return header if is_native else next(iter(cookies), "")


def _authorization_of(request: Request) -> str:
    """Return the token in ``Authorization``. Apps send it with or without ``Bearer``."""
    header: str = request.META.get("HTTP_AUTHORIZATION", "").strip(" ")
    if "," in header:
        raise ClerkError("multiple_authorization_header_values_forbidden")
    scheme, _, token = header.partition(" ")
    if token and scheme.lower() in BROWSER_SCHEMES:
        return ""
    return token.strip(" ") if scheme.lower() == "bearer" else header


def _cookies_of(request: Request) -> list[str]:
    """Return every value of the client's cookie: a browser sends two if another was set for a parent domain."""
    pairs = (part.strip(" \t").partition("=") for part in request.META.get("HTTP_COOKIE", "").split(";"))
    return [value for name, _, value in pairs if name == CLIENT_COOKIE and value]


def _client_of(claims: ClientClaims | None, host: str, origin: str) -> Client | None:
    """Return the client of a token, current or not, if the host is that of its workspace."""
    client = Client.of_id(claims.client_id, origin=origin) if claims else None
    return client if client and UserSessionPolicy.of(client.workspace).is_at(host) else None


def _is_stale(claims: ClientClaims, client: Client, *, at: datetime) -> bool:
    """Return True if the client received a newer token a moment ago.

    A closed client has no newer token in use, so its old token is only invalid.
    """
    is_closed = client.last_active_session_id is None
    return claims.rotation != client.rotation and not is_closed and at - client.updated_at < STALE_FOR


def _workspace_at(host: str) -> Workspace:
    """Return the workspace whose frontend API is at this host. Raise ClerkError."""
    workspace = UserSessionPolicy.objects.workspace_at(host)
    if workspace is None:
        raise ClerkError("host_invalid", "No workspace has its frontend API at this host.")
    return workspace


def _page(request: Request, workspace: Workspace, origin: str, client: Client | None) -> str | None:
    """Return the origin of the calling page, or None. Raise ClerkError.

    Browsers omit ``Origin`` on same-origin reads, but send ``Sec-Fetch-Site``, which no script can set.
    """
    own = UserSessionPolicy.of(workspace).frontend_api
    if not origin:
        return own if request.META.get("HTTP_SEC_FETCH_SITE") == "same-origin" else None
    if origin == own or (client and client.lists_origin) or is_allowed(origin, workspace):
        return origin
    raise ClerkError("origin_invalid", "The workspace does not list this origin.")
