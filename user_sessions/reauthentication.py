"""Where the users of a Django project re-authenticate: allauth's page or ours.

Third-party apps are imported inside functions, because they are optional.
"""

from contextlib import suppress
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse

from user_sessions.exceptions import Impersonated, NotLive

__all__ = ["connect", "reauthentication_page", "reauthentication_url"]

OUR_PAGE = "user_sessions:reauthenticate"


def connect() -> None:
    """Count re-authentications at allauth's pages. Called by ``AppConfig.ready``."""
    if apps.is_installed("allauth.account"):
        from allauth.account.signals import authentication_step_completed

        authentication_step_completed.connect(note_step, dispatch_uid="user_sessions.note_step")


def note_step(sender: type, request: Any, user: Any, method: str = "", reauthenticated: bool = False, **_: Any) -> None:
    """Receive allauth's ``authentication_step_completed``, which it also sends for the steps of a sign-in."""
    session = getattr(request, "user_session", None) if reauthenticated else None
    if session and session.user_id == user.pk:
        with suppress(NotLive, Impersonated):
            session.record_reauthentication(actor=session.actor, by_second_factor=method == "mfa")


def reauthentication_url(user: Any) -> str:
    """Return the page where this user re-authenticates, or the login page if the project includes none."""
    return reauthentication_page(user) or resolve_url(django_settings.LOGIN_URL)


def reauthentication_page(user: Any) -> str | None:
    """Return the page where this user re-authenticates, or None if the project includes none."""
    with suppress(NoReverseMatch):
        return _allauth_url(user) or reverse(OUR_PAGE)
    return None


def _allauth_url(user: Any) -> str | None:
    """Return the page that allauth prefers for this user, or None if it has none: not included, or no method."""
    if not apps.is_installed("allauth.account"):
        return None
    from allauth.account.adapter import get_adapter

    try:
        methods = get_adapter().get_reauthentication_methods(user)
    except NoReverseMatch:
        return None
    return methods[0]["url"] if methods else None
