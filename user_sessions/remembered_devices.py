"""The cookie that names the client of a browser, so that a later sign-in in the same browser starts on the same client.

It authenticates nobody: it only chooses the client of a session that begins with Django's own sign-in.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings as django_settings
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponseBase

from sessions_core.models import Workspace
from user_sessions.conf import settings
from user_sessions.django_links import known_session
from user_sessions.models import Client, UserSession
from user_sessions.tokens.device_tokens import device_token, read_device_token

__all__ = ["DEVICE_COOKIE", "note_sign_in", "remember_device", "remembered_client"]

DEVICE_COOKIE = "user_sessions_device"

# The longest that browsers keep a cookie (RFC 6265bis, section 5.5).
LIFETIME = timedelta(days=400)


def remembered_client(request: HttpRequest, workspace: Workspace, *, at: datetime) -> Client | None:
    """Return the client that the cookie of this browser names, or None. At most one query, and none for a forgery.

    A client on which someone is impersonated now admits no sign-in, so it is not returned.
    """
    id = read_device_token(request.COOKIES.get(DEVICE_COOKIE, "")) if settings.remember_devices else None
    if id is None:
        return None
    on_it = UserSession.objects.live(at=at).filter(client=OuterRef("pk"), impersonator__isnull=False).order_by()
    return Client.objects.filter(~Exists(on_it), pk=id, workspace=workspace).first()


def note_sign_in(request: Any, session: UserSession) -> None:
    """Note in the request that the session began with it."""
    request._user_sessions_signed_in = session


def remember_device(request: Any, response: HttpResponseBase) -> None:
    """Set the cookie on the response to a sign-in, unless that was rolled back or the user has signed out since."""
    session: Any = getattr(request, "_user_sessions_signed_in", None)
    if session is None or known_session(request) != session or not settings.remember_devices:
        return
    response.set_cookie(
        DEVICE_COOKIE,
        device_token(session.client),
        max_age=LIFETIME,
        path=django_settings.SESSION_COOKIE_PATH,
        domain=django_settings.SESSION_COOKIE_DOMAIN,
        secure=request.is_secure() or django_settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
