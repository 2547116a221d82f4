"""Step-up: require that the user authenticated a short time ago, for example before a sensitive action.

Callers by session token and scripts get 403 with a body that Clerk's SDKs turn into a re-authentication prompt, and the
challenge of RFC 9470. In a page of Django's own sign-in the user is sent to a page to re-authenticate, and back.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from functools import wraps
from inspect import isawaitable
from typing import Any, Final, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from sessions_core.http.asynchronous_views import is_asynchronous
from sessions_core.http.caching import keep_private
from sessions_core.moments import moment
from user_sessions.exceptions import SessionTokenMissing
from user_sessions.guards import CREDENTIAL_HEADERS, refusal_response
from user_sessions.models import UserSession
from user_sessions.reauthentication import reauthentication_url
from user_sessions.verify import SessionClaims

__all__ = ["verified_within"]

V = TypeVar("V", bound=Callable[..., Any])

# Session tokens contain ages in whole minutes, rounded down, and are up to a minute old themselves.
PRECISION = timedelta(minutes=1)
FEWEST_MINUTES, MOST_MINUTES = 2, 60 * 24 * 3650

# What Clerk's SDKs recognise, see https://clerk.com/docs/guides/secure/reverification. The metadata are beside it.
REVERIFICATION_HINT: Final = {"type": "forbidden", "reason": "reverification-error"}

# The words of RFC 9470, section 3. It sends them with 401, which makes many clients sign in again.
CHALLENGE = (
    'Bearer error="insufficient_user_authentication", '
    'error_description="More recent authentication is required", max_age={seconds}'
)

MESSAGES = {
    "impersonated": _("This is not available during an impersonation."),
    "reverification_required": _("Re-authenticate to continue."),
}


class Standing(Enum):
    """The caller of a guarded view. Each value but the first is the error code."""

    VERIFIED = ""
    ANONYMOUS = SessionTokenMissing.code
    IMPERSONATED = "impersonated"
    STALE = "reverification_required"


def verified_within(*, minutes: int) -> Callable[[V], V]:
    """Require that the user authenticated within these minutes. The view may be asynchronous.

    Place it below ``session_required`` if the view takes session tokens. An impersonation is refused. Users of the
    project's own pages are redirected to re-authenticate; scripts, and callers by session token, get 403.
    """
    minutes = valid_minutes(minutes)

    def decorate(view: V) -> V:
        guarded: Any = _asynchronous(view, minutes) if is_asynchronous(view) else _synchronous(view, minutes)
        found: V = guarded
        return found

    return decorate


def valid_minutes(minutes: int) -> int:
    """Return the minutes. Raise ValueError."""
    given: object = minutes
    if type(given) is not int or not FEWEST_MINUTES <= given <= MOST_MINUTES:
        raise ValueError(f"minutes must be an integer between {FEWEST_MINUTES} and {MOST_MINUTES}.")
    return given


def standing_of(request: Any, minutes: int, *, at: datetime | None = None) -> Standing:
    """Return what holds for the caller. ``request`` may be REST framework's.

    A session token costs no query: its age is rounded up, so it is never accepted too late.
    """
    at, claims = moment(at), getattr(request, "auth", None)
    if isinstance(claims, SessionClaims):
        impersonator, age = claims.impersonator, _age_of(claims, at=at)
    elif not request.user.is_authenticated:
        return Standing.ANONYMOUS
    else:
        session = _session_of(request)
        impersonator = session.impersonator if session else None
        age = at - session.verified_at if session else None
    if impersonator is not None:
        return Standing.IMPERSONATED
    return Standing.VERIFIED if age is not None and age <= timedelta(minutes=minutes) else Standing.STALE


def body_of(standing: Standing, minutes: int) -> dict[str, Any]:
    """Return the body of a refusal with 403."""
    body: dict[str, Any] = {"detail": MESSAGES[standing.value], "code": standing.value}
    if standing == Standing.STALE:
        metadata = {"reverification": {"level": "first_factor", "afterMinutes": minutes}}
        body["clerk_error"] = {**REVERIFICATION_HINT, "metadata": metadata}
    return body


def challenge_of(minutes: int) -> str:
    """Return the value of ``WWW-Authenticate`` for a caller who must re-authenticate."""
    return CHALLENGE.format(seconds=minutes * 60)


def _age_of(claims: SessionClaims, *, at: datetime) -> timedelta | None:
    """Return the longest time since the user authenticated that agrees with the claims, or None if they name none."""
    if claims.first_factor_age is None:
        return None
    return claims.first_factor_age + PRECISION + max(at - claims.issued_at, timedelta(0))


def _session_of(request: Any) -> UserSession | None:
    """Return the session of a Django sign-in, if it is the caller's: REST framework may know the caller otherwise."""
    session: UserSession | None = getattr(request, "user_session", None) or None
    return session if session is not None and session.user_id == request.user.pk else None


def _synchronous(view: Callable[..., Any], minutes: int) -> Callable[..., Any]:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return refusal_of(request, minutes) or view(request, *args, **kwargs)

    return guarded


def _asynchronous(view: Callable[..., Any], minutes: int) -> Callable[..., Any]:
    @wraps(view)
    async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        refusal = await sync_to_async(refusal_of)(request, minutes)
        if refusal is not None:
            return refusal
        response = view(request, *args, **kwargs)
        return await response if isawaitable(response) else response

    return guarded


def refusal_of(request: Any, minutes: int) -> HttpResponseBase | None:
    """Return the response to a caller who may not use the view, or None. Raise PermissionDenied for a page."""
    standing = standing_of(request, minutes)
    if standing == Standing.VERIFIED:
        return None
    if isinstance(getattr(request, "auth", None), SessionClaims) or not _is_navigation(request):
        return _typed_refusal(standing, minutes)
    if not hasattr(request, "user_session"):
        raise ImproperlyConfigured(
            "@verified_within needs 'user_sessions.middleware.UserSessionMiddleware' in MIDDLEWARE, or a decorator "
            "above it that authenticates a session token."
        )
    if standing == Standing.IMPERSONATED:
        raise PermissionDenied(MESSAGES[standing.value])
    is_anonymous = standing == Standing.ANONYMOUS
    url = resolve_url(django_settings.LOGIN_URL) if is_anonymous else reauthentication_url(request.user)
    address = _return_address(request)
    return redirect_to_login(address, url) if address else HttpResponseRedirect(url)


def _typed_refusal(standing: Standing, minutes: int) -> HttpResponse:
    if standing == Standing.ANONYMOUS:
        return refusal_response(SessionTokenMissing())
    response = JsonResponse(body_of(standing, minutes), status=403)
    if standing == Standing.STALE:
        response.headers["WWW-Authenticate"] = challenge_of(minutes)
    keep_private(response, CREDENTIAL_HEADERS)
    return response


def _is_navigation(request: HttpRequest) -> bool:
    """Return True if a browser will show the response as a page. Scripts cannot follow a redirect to a form."""
    if request.headers.get("sec-fetch-mode", "navigate") != "navigate":
        return False
    return request.get_preferred_type(["text/html", "application/json"]) == "text/html"


def _return_address(request: HttpRequest) -> str:
    """Return where to go afterwards: this page, or the page with the form that was sent, or nothing."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    page = request.headers.get("referer", "")
    is_ours = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
    return page if is_ours else ""
