"""Who is calling: a client, by the token in its cookie or its header, or a visitor whom nobody knows yet.

A browser sends the cookie by itself, also for pages of others. So whatever changes anything must say by its ``Origin``
which page asks, and the workspace must list that. An app that is no browser shows its token in ``Authorization``.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

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

# What a browser sends by itself to a proxy that asks for a password (RFC 7617, RFC 7616, RFC 4559): none of ours.
BROWSER_SCHEMES = ("basic", "digest", "negotiate")

# Longer than any that a workspace can list.
LONGEST_ORIGIN = 255

# A request with the client's former token may be on its way for so long.
UNDER_WAY = timedelta(seconds=10)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """``page`` is the origin of the page that asks, if the workspace lists it; a native app has none."""

    workspace: Workspace
    client: Client | None = None
    page: str | None = None
    is_native: bool = False
    # Of the token that was presented: a client that has another by now is to be told.
    rotation: str = field(default="", repr=False)
    # The token was good until a moment ago, and somebody holds the one that took its place.
    is_late: bool = False

    @property
    def credential(self) -> str:
        return CLIENT if self.client else VISITOR


class ClientAuthentication(BaseAuthentication):
    """``request.auth`` becomes a Caller. Raises ClerkError.

    A token that opens nothing is as good as none, and never adopted: its browser can do nothing about it, and SDKs ask
    who they are after every 401, with the same token.
    """

    credential_headers = ("Authorization", "Cookie")

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Caller]:
        origin, header, host = _origin_of(request), _authorization_of(request), request.get_host()
        is_native = bool(header) or request.query_params.get("_is_native") in ("1", "true")
        text = _presented(request, header, is_native=is_native)
        if header and origin:
            raise ClerkError("origin_authorization_headers_conflict", "A page sends its cookie, not Authorization.")
        said = read_client_token(text) if text else None
        known = _client_named(said, host, origin)
        client = known if known and said and said.is_of(known) else None
        workspace = client.workspace if client else _workspace_at(host)
        page = None if is_native and not origin else _page(request, workspace, origin, client)
        caller = Caller(
            workspace=workspace,
            client=client,
            page=page,
            is_native=is_native,
            rotation=client.rotation if client else "",
            is_late=bool(known and said and _is_late(said, known, at=timezone.now())),
        )
        if not is_native and page is None and request.method not in SAFE_METHODS:
            raise ClerkError("origin_missing", "A change must say by its Origin which page asks for it.")
        return AnonymousUser(), caller


def _origin_of(request: Request) -> str:
    origin: str = request.headers.get("origin", "")
    if "," in origin:
        raise ClerkError("multiple_origin_header_values_forbidden")
    if len(origin) > LONGEST_ORIGIN or not is_storable(origin):
        raise ClerkError("origin_invalid")
    return origin


def _presented(request: Request, header: str, *, is_native: bool) -> str:
    """The client's token, empty if there is none. Two that disagree are refused."""
    cookies = set(_cookies_of(request))
    if len(cookies) > 1 or (header and cookies - {header}):
        raise ClerkError("authentication_invalid", "There are two clients' tokens that disagree.")
    return header if is_native else next(iter(cookies), "")


def _authorization_of(request: Request) -> str:
    """With or without ``Bearer``, as apps send it."""
    header: str = request.headers.get("authorization", "").strip(" ")
    if "," in header:
        raise ClerkError("multiple_authorization_header_values_forbidden")
    scheme, _, token = header.partition(" ")
    if token and scheme.lower() in BROWSER_SCHEMES:
        return ""
    return token.strip(" ") if scheme.lower() == "bearer" else header


def _cookies_of(request: Request) -> list[str]:
    """Every value of the client's cookie: a browser sends two if somebody set another for a parent domain."""
    pairs = (part.strip(" \t").partition("=") for part in request.headers.get("cookie", "").split(";"))
    return [value for name, _, value in pairs if name == CLIENT_COOKIE and value]


def _client_named(said: ClientClaims | None, host: str, origin: str) -> Client | None:
    """The client whose token says this, be it the present one or not, at the address of its own workspace."""
    client = Client.of_id(said.client_id, origin=origin) if said else None
    return client if client and UserSessionPolicy.of(client.workspace).is_at(host) else None


def _is_late(said: ClientClaims, client: Client, *, at: datetime) -> bool:
    """Whether the client got another token just now. Of one that was closed nobody holds another: whoever shows the
    former begins anew."""
    is_closed = client.last_active_session_id is None
    return said.rotation != client.rotation and not is_closed and at - client.updated_at < UNDER_WAY


def _workspace_at(host: str) -> Workspace:
    """The one whose frontend API is there: which one a visitor signs in to is no secret."""
    workspace = UserSessionPolicy.objects.workspace_at(host)
    if workspace is None:
        raise ClerkError("host_invalid", "No workspace has its frontend API at this host.")
    return workspace


def _page(request: Request, workspace: Workspace, origin: str, client: Client | None) -> str | None:
    """The origin of the page that asks. A page of the frontend API's own origin need not name it when it reads, and a
    browser then says so in a header that no script can set."""
    own = UserSessionPolicy.of(workspace).frontend_api
    if not origin:
        return own if request.headers.get("sec-fetch-site") == "same-origin" else None
    if origin == own or (client and client.lists_origin) or is_allowed(origin, workspace):
        return origin
    raise ClerkError("origin_invalid", "The workspace does not list this origin.")
