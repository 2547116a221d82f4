"""The middleware that ties Django's own sign-ins to user sessions."""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.functional import SimpleLazyObject

from user_sessions.django_links import (
    arepair_rolled_back,
    evaluated,
    met_outage,
    repair_rolled_back,
    unless_signed_out,
    watch_flush,
)
from user_sessions.django_sign_ins import live_session
from user_sessions.exceptions import SessionsUnavailable
from user_sessions.guards import RETRY_AFTER
from user_sessions.models import UserSession
from user_sessions.password_changes import keeping_current
from user_sessions.remembered_devices import remember_device
from user_sessions.revocations import RevocationScope

__all__ = ["UserSessionMiddleware"]


class UserSessionMiddleware:
    """Set ``request.user_session``, and sign the user out when that session is over. Place it below Django's
    ``AuthenticationMiddleware``.

    ``request.user_session`` is the live ``UserSession`` of the Django session; it is false if nobody is signed in.
    Asynchronous views call ``await request.auser_session()``, which returns ``None`` then. A view that looks neither at
    the user nor at the session costs no query.

    If the database is unavailable when a view looks, the response is 503: nobody is signed in or out.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response: Callable[[HttpRequest], Any] = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        prepare(request)
        if self.is_async:
            return self.acall(request)
        with RevocationScope(), keeping_current(lambda: request.user_session):  # type: ignore[attr-defined]  # set by prepare
            response = self.get_response(request)
        repair_rolled_back(request)
        remember_device(request, response)
        return unavailable() if met_outage(request) and response.status_code == 500 else response

    async def acall(self, request: HttpRequest) -> HttpResponseBase:
        async with RevocationScope():
            with keeping_current(lambda: request.user_session):  # type: ignore[attr-defined]  # set by prepare
                response: HttpResponseBase = await self.get_response(request)
        await arepair_rolled_back(request)
        remember_device(request, response)
        return unavailable() if met_outage(request) and response.status_code == 500 else response


def prepare(request: Any) -> None:
    """Set the lazy attributes of the request. Raise ImproperlyConfigured."""
    if not all(hasattr(request, name) for name in ("session", "user", "auser")):
        raise ImproperlyConfigured(
            "Place 'user_sessions.middleware.UserSessionMiddleware' in MIDDLEWARE below "
            "'django.contrib.auth.middleware.AuthenticationMiddleware'."
        )
    django_user, django_auser = request.user, request.auser
    watch_flush(request)

    def user() -> Any:
        session = current(request)
        signed_in = unless_signed_out(request, evaluated(django_user))
        if session is not None and signed_in.is_authenticated:
            session.user = signed_in
        return signed_in

    async def auser() -> Any:
        await auser_session()
        return unless_signed_out(request, await django_auser())

    async def auser_session() -> UserSession | None:
        return await sync_to_async(current)(request)

    request.user_session = SimpleLazyObject(lambda: live_session(request, django_user))
    request.auser_session = auser_session
    request.user = SimpleLazyObject(user)
    request.auser = auser


def current(request: Any) -> UserSession | None:
    """Return ``request.user_session`` as it is: a session or None, not a lazy object."""
    return evaluated(request.user_session) if request.user_session else None


def unavailable() -> HttpResponse:
    headers = {"Retry-After": str(RETRY_AFTER)}
    return HttpResponse(SessionsUnavailable.message, status=503, content_type="text/plain", headers=headers)
