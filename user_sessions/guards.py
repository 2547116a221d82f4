"""The session token of a request, and who is signed in by it. Works without REST framework."""

from collections.abc import Mapping, MutableMapping
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from asgiref.sync import sync_to_async
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware

from sessions_core.http.caching import keep_from_site_cache, keep_private
from sessions_core.http.caller import bearer_of
from user_sessions.exceptions import (
    CsrfFailed,
    SessionsUnavailable,
    SessionTokenError,
    SessionTokenInvalid,
    SessionTokenMissing,
    WrongOrigin,
)
from user_sessions.freshness import Freshness
from user_sessions.keys.trusted_keys import trusted_keys
from user_sessions.signed_in import SignedIn, signed_in
from user_sessions.tokens.cookie_names import SESSION_COOKIE

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = [
    "Freshness",
    "SignedIn",
    "aauthenticate_request",
    "aauthenticate_scope",
    "authenticate_request",
    "refusal_response",
]

# Headers that may contain a session token.
CREDENTIAL_HEADERS = ("Authorization", "Cookie")

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")  # as Django's CSRF checks have it

# Seconds a caller should wait while the database is unavailable.
RETRY_AFTER = 2

_STATUSES: Mapping[type[SessionTokenError], int] = {CsrfFailed: 403, SessionsUnavailable: 503}


def authenticate_request(
    request: HttpRequest, *, freshness: Freshness | str = Freshness.STRICT, at: datetime | None = None
) -> SignedIn:
    """Return who is signed in, and set ``request.auth`` (the claims), ``user`` and ``user_session``.

    For asynchronous views it sets ``auser`` and ``auser_session``, as Django and ``UserSessionMiddleware`` do. Raise
    SessionTokenError. A token in a cookie also needs to pass the CSRF checks.
    """
    keep_from_site_cache(request)
    presented = _presented_token(request)
    found = _signed_in(presented, freshness, at)
    if presented.page is not None:
        _check_csrf(request)
    asked: Any = request
    asked.auth, asked.user, asked.user_session = found.claims, found.user, found.user_session
    asked.auser, asked.auser_session = found.auser, found.auser_session
    return found


async def aauthenticate_request(
    request: HttpRequest, *, freshness: Freshness | str = Freshness.STRICT, at: datetime | None = None
) -> SignedIn:
    """Do the same as ``authenticate_request`` in an asynchronous view."""
    return await sync_to_async(authenticate_request)(request, freshness=freshness, at=at)


async def aauthenticate_scope(
    scope: MutableMapping[str, Any], *, freshness: Freshness | str = Freshness.STRICT, at: datetime | None = None
) -> SignedIn:
    """Return who is signed in on an ASGI connection, ``http`` or ``websocket``. Raise SessionTokenError.

    With a token in a cookie, a WebSocket and a request that may change something need the ``Origin`` of a page that
    may use the cookie.
    """

    def authenticate() -> SignedIn:
        _close_old_connections()  # Django does that before and after each of its requests
        try:
            return _authenticate_scope(scope, freshness, at)
        finally:
            _close_old_connections()

    return await sync_to_async(authenticate)()


def refusal_response(error: SessionTokenError) -> JsonResponse:
    """Return the response to an error: ``{"detail": …, "code": …}`` with 401, 403 or 503."""
    status = next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), 401)
    body: dict[str, _StrOrPromise] = {"detail": error.message, "code": error.code}
    response = JsonResponse(body, status=status)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER)
    keep_private(response, CREDENTIAL_HEADERS)
    return response


class _Presented(NamedTuple):
    """A token, and the origin of this host if the token is from a cookie."""

    text: str
    page: str | None


def _presented_token(request: HttpRequest) -> _Presented:
    """Return the token of the bearer or else of the cookie. Raise SessionTokenMissing or WrongOrigin.

    A browser adds the cookie by itself, so a bearer takes precedence. What is not a JWT is not a session token.
    """
    is_bearer = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")[0].lower() == "bearer"
    text = bearer_of(request) if is_bearer else _cookie_of(request)
    if text.count(".") != 2:
        raise SessionTokenMissing
    return _Presented(text, None if is_bearer else _origin_of(request))


def _signed_in(presented: _Presented, freshness: Freshness | str, at: datetime | None) -> SignedIn:
    """Return who is signed in by a token. Raise SessionTokenError.

    The cookie of another application on this domain counts as absent: the name is a common one, and anyone who can set
    the cookie can also remove it.
    """
    try:
        return signed_in(presented.text, freshness=freshness, at=at, page=presented.page)
    except SessionTokenInvalid:
        trusted = trusted_keys.current()
        if presented.page is not None and trusted and not trusted.may_have_issued(presented.text):
            raise SessionTokenMissing from None
        raise


def _cookie_of(request: HttpRequest) -> str:
    if not any(name.startswith(SESSION_COOKIE) for name in request.COOKIES):
        return ""
    trusted = trusted_keys.current()
    return next(filter(None, map(request.COOKIES.get, trusted.session_cookies if trusted else ())), "")


def _origin_of(request: HttpRequest) -> str:
    """Return the origin of the pages of this host. Raise WrongOrigin if ``ALLOWED_HOSTS`` refuses it."""
    default_port = ":443" if request.is_secure() else ":80"  # which some proxies add, and no browser does
    try:
        return f"{request.scheme}://{request.get_host().lower().removesuffix(default_port)}"
    except DisallowedHost:
        raise WrongOrigin from None


class _CsrfCheck(CsrfViewMiddleware):
    """Django's checks, which return the reason of a failure."""

    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


def _check_csrf(request: HttpRequest) -> None:
    """Raise CsrfFailed for a request that Django's CSRF protection would refuse."""
    check = _CsrfCheck(_no_view)
    check.process_request(request)
    if check.process_view(request, _no_view, (), {}) is not None:
        raise CsrfFailed


def _no_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def _authenticate_scope(scope: MutableMapping[str, Any], freshness: Freshness | str, at: datetime | None) -> SignedIn:
    request = _request_of(scope)
    presented = _presented_token(request)
    if presented.page is not None and (scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS):
        trusted, origin = trusted_keys.current(), request.META.get("HTTP_ORIGIN", "")
        if origin != presented.page and not (trusted and trusted.allows(origin)):
            raise WrongOrigin
    return _signed_in(presented, freshness, at)


def _close_old_connections() -> None:
    """Close the connections of this thread that are broken or too old, except during a transaction."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def _request_of(scope: MutableMapping[str, Any]) -> HttpRequest:
    """Return Django's request of a connection, so that its settings for hosts and proxies apply."""
    scheme = {"ws": "http", "wss": "https"}.get(scope.get("scheme", "http"), scope.get("scheme", "http"))
    return ASGIRequest({"method": "GET", "path": "/", "query_string": b"", **scope, "scheme": scheme}, BytesIO())
