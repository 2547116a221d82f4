"""Cookies: by which a browser is known here, and by which an app's server knows its user.

The first is set on answers. The others travel as ``Set-Cookie`` directives in JSON, to be set by the app's server.
"""

from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpResponseBase
from publicsuffixlist import PublicSuffixList

from sessions_core.models import Workspace
from user_sessions.models import Client, UserSessionPolicy
from user_sessions.tokens.client_tokens import client_token
from user_sessions.tokens.cookie_names import cookie_suffix

__all__ = [
    "CLIENT_COOKIE",
    "dev_browser_cookies",
    "drop_client",
    "handshake_cookies_dropped",
    "is_told_signed_in",
    "publishable_key",
    "session_cookies",
    "set_client",
    "set_handshake",
    "signed_in_cookies",
    "signed_out_cookies",
    "tell_signed_in",
]

# Seconds, longer than any session: what a cookie holds expires by itself, and an old one still tells whose it was.
MAX_AGE = 365 * 24 * 60 * 60

# Seconds; after it the app's server would take it for one that was used.
HANDSHAKE_MAX_AGE = 10

# Characters: browsers keep 4096 of a whole cookie.
LARGEST_VALUE = 3800

CLIENT_COOKIE = "__client"

HANDSHAKE_COOKIES = ("__clerk_handshake", "__clerk_handshake_nonce")


def publishable_key(workspace: Workspace) -> str:
    """The key that tells the SDKs of this dialect where the workspace is: its host, in base64."""
    host = urlsplit(_issuer(workspace)).netloc
    kind = "test" if workspace.is_sandbox else "live"
    return f"pk_{kind}_{b64encode(f'{host}$'.encode()).decode().rstrip('=')}"


# On our own answers


def set_client(response: HttpResponseBase, client: Client) -> None:
    """Let the browser be known as this client. No script reads it, and only this host gets it."""
    _set(response, CLIENT_COOKIE, client_token(client), client.workspace, max_age=MAX_AGE, httponly=True)


def drop_client(response: HttpResponseBase) -> None:
    response.delete_cookie(CLIENT_COOKIE, path="/", samesite="Lax")


def tell_signed_in(response: HttpResponseBase, workspace: Workspace, since: datetime | None) -> None:
    """Tell the app's server, by ``__client_uat``, whether anybody is signed in on this client, and since when; it asks
    us in a handshake if its session token does not fit. Its value is no secret, and pages read it. Set for the whole
    site whichever page asks: a cookie for one host beside it would give that host two answers."""
    domain = _domain(_issuer(workspace))
    for name in _names("__client_uat", workspace):
        _set(response, name, _seconds(since), workspace, max_age=MAX_AGE, domain=domain)


def is_told_signed_in(cookies: Mapping[str, str], workspace: Workspace) -> bool:
    """Whether the browser's cookies tell an app's server that somebody is signed in."""
    return any(cookies.get(name) not in (None, "", "0") for name in _names("__client_uat", workspace))


def set_handshake(response: HttpResponseBase, name: str, value: str, workspace: Workspace, *, page: str) -> bool:
    """Hand something to the app's server by a cookie, which no script reads; False if none of ours reaches it, or it is
    too large for one."""
    domain = _handshake_domain(page, _issuer(workspace))
    reaches = domain is not None or _is_one_host(page, _issuer(workspace))
    if not reaches or len(value) > LARGEST_VALUE:
        return False
    _set(response, name, value, workspace, max_age=HANDSHAKE_MAX_AGE, domain=domain, httponly=True)
    return True


def _set(response: HttpResponseBase, name: str, value: str, workspace: Workspace, **how: Any) -> None:
    response.set_cookie(name, value, path="/", secure=_is_secure(workspace), samesite="Lax", **how)


def _domain(url: str) -> str | None:
    """The domain that every host of a site can set cookies for: one label more than a public suffix, by the list that
    browsers use. None for an address, for a single label and for a public suffix such as ``onrender.com``."""
    host = urlsplit(url).hostname or ""
    with suppress(UnicodeError):  # the list, and cookies, have the form of the DNS
        host = host.encode("idna").decode()
    return None if _is_address(host) else _public_suffixes().privatesuffix(host)


def _shared_domain(page: str, issuer: str) -> str | None:
    """The domain for cookies that both are to get: the same for every page of a site, however deep. None if they are of
    two sites, or the site has no such domain."""
    domain = _domain(issuer)
    return domain if domain == _domain(page) else None


def _handshake_domain(page: str, issuer: str) -> str | None:
    """The same, but None on one host: what a handshake carries is for no other host of the site then."""
    return None if _is_one_host(page, issuer) else _shared_domain(page, issuer)


def _is_one_host(page: str, issuer: str) -> bool:
    return urlsplit(page).hostname == urlsplit(issuer).hostname


@cache
def _public_suffixes() -> PublicSuffixList:
    """The list that comes with the package. Read once, and only where a cookie is set."""
    return PublicSuffixList()


# Directives for an app's server


def session_cookies(token: str, workspace: Workspace, *, suffixed: bool) -> list[str]:
    """``__session``, which pages may read, and its twin with a suffix where it is asked for; the last one counts."""
    return _directives("__session", token, workspace, suffixed=suffixed)


def signed_in_cookies(
    token: str, refresh_token: str, workspace: Workspace, *, since: datetime | None, page: str, suffixed: bool
) -> list[str]:
    """All by which an app's server knows who is signed in, for how long the token is good, and how to get the next.

    ``__client_uat`` replaces what ``tell_signed_in`` set, for the same domain: of two an app's server reads the older.
    """
    _, refresh = _names("__refresh", workspace)
    told = _directives("__client_uat", _seconds(since), workspace, suffixed=suffixed)
    return [
        *_shared(told, _shared_domain(page, _issuer(workspace))),
        f"{_directive(refresh, refresh_token, workspace)}; HttpOnly",
        *session_cookies(token, workspace, suffixed=suffixed),
    ]


def signed_out_cookies(workspace: Workspace, *, page: str, suffixed: bool) -> list[str]:
    """That nobody is signed in."""
    return signed_in_cookies("", "", workspace, since=None, page=page, suffixed=suffixed)


def dev_browser_cookies(id: str, workspace: Workspace, *, suffixed: bool) -> list[str]:
    """What SDKs want to see with the key of a sandbox before they look at anything else."""
    return _directives("__clerk_db_jwt", id, workspace, suffixed=suffixed)


def handshake_cookies_dropped(workspace: Workspace, *, page: str) -> list[str]:
    """What takes away again what ``set_handshake`` gave: an app's server that found it twice would take its user for
    signed out, because it opens nothing any more."""
    dropped = [_directive(name, "", workspace) for name in HANDSHAKE_COOKIES]
    return _shared(dropped, _handshake_domain(page, _issuer(workspace)))


def _shared(directives: list[str], domain: str | None) -> list[str]:
    """For the domain that we set the same cookies for."""
    return [f"{each}; Domain={domain}" for each in directives] if domain else directives


def _directives(name: str, value: str, workspace: Workspace, *, suffixed: bool) -> list[str]:
    names = _names(name, workspace) if suffixed else (name,)
    return [_directive(each, value, workspace) for each in names]


def _directive(name: str, value: str, workspace: Workspace) -> str:
    """An empty value takes the cookie away."""
    secure = "; Secure" if _is_secure(workspace) else ""
    return f"{name}={value}; Path=/; Max-Age={MAX_AGE if value else 0}; SameSite=Lax{secure}"


def _names(name: str, workspace: Workspace) -> tuple[str, str]:
    """A cookie and its twin: SDKs believe the one that names their own workspace."""
    return name, f"{name}_{cookie_suffix(publishable_key(workspace))}"


def _seconds(since: datetime | None) -> str:
    """Since when anybody is signed in, 0 for nobody."""
    return str(int(since.timestamp()) if since else 0)


def _is_secure(workspace: Workspace) -> bool:
    """A sandbox may be served without TLS, on the developer's machine."""
    return not workspace.is_sandbox or _issuer(workspace).startswith("https:")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _issuer(workspace: Workspace) -> str:
    return UserSessionPolicy.of(workspace).issuer
