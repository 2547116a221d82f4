"""Cookies that identify a browser to us, and a user to an app's server.

We set the former on our own responses. The app's server sets the latter: they are ``Set-Cookie`` directives in JSON.
"""

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
from user_sessions.tokens.cookie_names import SESSION_COOKIE, cookie_names, publishable_key

__all__ = [
    "CLIENT_COOKIE",
    "dev_browser_cookies",
    "drop_client",
    "handshake_cookie_deletions",
    "has_signed_in_cookie",
    "publishable_key",
    "session_cookies",
    "set_client",
    "set_handshake",
    "set_signed_in_cookie",
    "signed_in_cookies",
    "signed_out_cookies",
]

# Seconds, longer than any session: tokens expire by themselves, and an old token still identifies its session.
MAX_AGE = 365 * 24 * 60 * 60

# Seconds. An older one would look used to the app's server.
HANDSHAKE_MAX_AGE = 10

# Characters. Browsers store 4096 for a whole cookie.
LARGEST_VALUE = 3800

CLIENT_COOKIE = "__client"

HANDSHAKE_COOKIES = ("__clerk_handshake", "__clerk_handshake_nonce")


# Cookies of our own responses


def set_client(response: HttpResponseBase, client: Client) -> None:
    """Set the client's token: not readable by scripts, and for this host only."""
    _set(response, CLIENT_COOKIE, client_token(client), client.workspace, max_age=MAX_AGE, httponly=True)


def drop_client(response: HttpResponseBase) -> None:
    response.delete_cookie(CLIENT_COOKIE, path="/", samesite="Lax")


def set_signed_in_cookie(response: HttpResponseBase, workspace: Workspace, since: datetime | None) -> None:
    """Set ``__client_uat``: since when a user is signed in on this client, or 0.

    An app's server starts a handshake if its session token does not match. Pages can read the value; it is not secret.
    It is always set for the whole site: a second cookie for one host would give that host two values.
    """
    domain = _domain(_issuer(workspace))
    for name in cookie_names("__client_uat", workspace):
        _set(response, name, _seconds(since), workspace, max_age=MAX_AGE, domain=domain)


def has_signed_in_cookie(cookies: Mapping[str, str], workspace: Workspace) -> bool:
    """Return True if the browser's cookies tell an app's server that a user is signed in."""
    return any(cookies.get(name) not in (None, "", "0") for name in cookie_names("__client_uat", workspace))


def set_handshake(response: HttpResponseBase, name: str, value: str, workspace: Workspace, *, page: str) -> bool:
    """Set a handshake cookie for the app's server, not readable by scripts.

    Return False if our cookies do not reach that server, or the value is too large.
    """
    domain = _handshake_domain(page, _issuer(workspace))
    reaches = domain is not None or _is_one_host(page, _issuer(workspace))
    if not reaches or len(value) > LARGEST_VALUE:
        return False
    _set(response, name, value, workspace, max_age=HANDSHAKE_MAX_AGE, domain=domain, httponly=True)
    return True


def _set(response: HttpResponseBase, name: str, value: str, workspace: Workspace, **how: Any) -> None:
    response.set_cookie(name, value, path="/", secure=_is_secure(workspace), samesite="Lax", **how)


def _domain(url: str) -> str | None:
    """Return the registrable domain, for which every host of a site can set cookies, by the list that browsers use.

    None for an IP address, a single label, and a public suffix such as ``onrender.com``.
    """
    host = urlsplit(url).hostname or ""
    with suppress(UnicodeError):  # the list and cookies use the ASCII form
        host = host.encode("idna").decode()
    return None if _is_address(host) else _public_suffixes().privatesuffix(host)


def _shared_domain(page: str, issuer: str) -> str | None:
    """Return the cookie domain of the page and the issuer, or None if they are on different sites or have none."""
    domain = _domain(issuer)
    return domain if domain == _domain(page) else None


def _handshake_domain(page: str, issuer: str) -> str | None:
    """Return the shared domain, but None on one host: other hosts of the site must not get the handshake."""
    return None if _is_one_host(page, issuer) else _shared_domain(page, issuer)


def _is_one_host(page: str, issuer: str) -> bool:
    return urlsplit(page).hostname == urlsplit(issuer).hostname


@cache
def _public_suffixes() -> PublicSuffixList:
    """Return the list in the package, loaded when the first cookie is set."""
    return PublicSuffixList()


# Set-Cookie directives for an app's server


def session_cookies(token: str, workspace: Workspace, *, suffixed: bool) -> list[str]:
    """Return ``__session``, readable by pages, and its suffixed twin if requested. The last one wins."""
    return _directives(SESSION_COOKIE, token, workspace, suffixed=suffixed)


def signed_in_cookies(
    token: str, refresh_token: str, workspace: Workspace, *, since: datetime | None, page: str, suffixed: bool
) -> list[str]:
    """Return the cookies of a signed-in user for an app's server: session token, refresh token and ``__client_uat``.

    ``__client_uat`` has the same domain as in ``set_signed_in_cookie``: of two cookies the server would read the older.
    """
    _, refresh = cookie_names("__refresh", workspace)
    client_uat = _directives("__client_uat", _seconds(since), workspace, suffixed=suffixed)
    return [
        *_with_domain(client_uat, _shared_domain(page, _issuer(workspace))),
        f"{_directive(refresh, refresh_token, workspace)}; HttpOnly",
        *session_cookies(token, workspace, suffixed=suffixed),
    ]


def signed_out_cookies(workspace: Workspace, *, page: str, suffixed: bool) -> list[str]:
    """Return the cookies of an anonymous browser."""
    return signed_in_cookies("", "", workspace, since=None, page=page, suffixed=suffixed)


def dev_browser_cookies(id: str, workspace: Workspace, *, suffixed: bool) -> list[str]:
    """Return the dev browser cookie, which SDKs require with a sandbox key."""
    return _directives("__clerk_db_jwt", id, workspace, suffixed=suffixed)


def handshake_cookie_deletions(workspace: Workspace, *, page: str) -> list[str]:
    """Return directives that delete the cookies of ``set_handshake``.

    An app's server that finds a used one again would treat its user as signed out.
    """
    deletions = [_directive(name, "", workspace) for name in HANDSHAKE_COOKIES]
    return _with_domain(deletions, _handshake_domain(page, _issuer(workspace)))


def _with_domain(directives: list[str], domain: str | None) -> list[str]:
    """Add the domain to each directive, if there is one."""
    return [f"{each}; Domain={domain}" for each in directives] if domain else directives


def _directives(name: str, value: str, workspace: Workspace, *, suffixed: bool) -> list[str]:
    names = cookie_names(name, workspace) if suffixed else (name,)
    return [_directive(each, value, workspace) for each in names]


def _directive(name: str, value: str, workspace: Workspace) -> str:
    """Return a directive. An empty value deletes the cookie."""
    secure = "; Secure" if _is_secure(workspace) else ""
    return f"{name}={value}; Path=/; Max-Age={MAX_AGE if value else 0}; SameSite=Lax{secure}"


def _seconds(since: datetime | None) -> str:
    """Return the time of the sign-in in seconds, or 0."""
    return str(int(since.timestamp()) if since else 0)


def _is_secure(workspace: Workspace) -> bool:
    """Return False for a sandbox without TLS, on a developer's machine."""
    return not workspace.is_sandbox or _issuer(workspace).startswith("https:")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _issuer(workspace: Workspace) -> str:
    return UserSessionPolicy.of(workspace).issuer
