"""Check passwords with the host project's authentication backends."""

from inspect import signature
from typing import Any

from django.apps import apps
from django.contrib.auth import authenticate, get_backends
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from user_sessions.models import UserInactive
from user_sessions.profiles import profile_of
from user_sessions.users import can_be_name

__all__ = ["LONGEST_PASSWORD", "LockedOut", "attempt_limits", "authenticate_password", "can_have_password"]


# Characters. Hashing a longer password takes longer.
LONGEST_PASSWORD = 4096


class LockedOut(Exception):
    """django-axes has locked out this user or caller; it also refuses the correct password."""


# ``authenticate`` of backends that check no passwords other than Django's own.
DJANGO_METHODS = (BaseBackend.authenticate, ModelBackend.authenticate)


def attempt_limits(who: object, network: str) -> list[tuple[str, tuple[object, ...]]]:
    """Return the rate limits that one password attempt counts towards: each kind with its key.

    ``who`` is the user's primary key, or the normalised name if no user has it.
    """
    return [("password", (who, network)), ("account", (who,))]


@sensitive_variables("password")
def authenticate_password(user: Any | None, name: str, password: str, request: HttpRequest) -> Any | None:
    """Return the user whom one of ``AUTHENTICATION_BACKENDS`` authenticates, or None.

    The backends are called as Django's login form calls them, so their own limits apply and ``user_login_failed`` is
    sent. ``user`` is the user with this ``name``, or None; a backend may still find one, or another one.

    Raise LockedOut, and UserInactive for the correct password of an inactive user.
    """
    if user is None and not can_be_name(name):  # Django's backend would query it and fail
        return None
    authenticated = authenticate(request, username=_username(user, name), password=password)
    if authenticated is None and getattr(request, "axes_locked_out", False):
        request.axes_locked_out = False  # type: ignore[attr-defined]  # or its middleware sends an HTML page
        raise LockedOut
    if authenticated is None and user is not None and not user.is_active and user.check_password(password):
        raise UserInactive  # Django's backend reports this as a wrong password
    return authenticated


def _username(user: Any | None, name: str) -> Any:
    """Return the name to pass to the backends: ``name`` as the user typed it, as Django's login form does.

    If Django's own backend checks the user's password, return the user name instead: that backend knows only user
    names, and users may also type their e-mail address here. The backends are called once, because every failure counts
    as a failed login. The choice does not depend on the password, so an attacker who guesses by address is also locked
    out by user name.
    """
    if user is None:
        return name
    if _is_checked_by_django(user) or (name and not can_be_name(name)):
        return user.get_username()
    return name or _login_name(user)


def _is_checked_by_django(user: Any) -> bool:
    return user.has_usable_password() and any(
        type(backend).authenticate is ModelBackend.authenticate for backend in get_backends()
    )


def _login_name(user: Any) -> Any:
    """Return the name by which the host's backends find the user, when the user typed none."""
    if apps.is_installed("allauth.account"):
        from allauth.account import app_settings  # an optional package

        if app_settings.LoginMethod.USERNAME not in app_settings.LOGIN_METHODS:
            return getattr(user, user.get_email_field_name())
    return user.get_username()


def can_have_password(user: Any) -> bool:
    """Return True if the user can have a password: in Django, or in a directory that a backend checks."""
    return any(_checks_elsewhere(backend) for backend in get_backends()) or profile_of(user).password_enabled


def _checks_elsewhere(backend: BaseBackend) -> bool:
    """Return True if the backend accepts a password and does not check it with Django's own code."""
    try:
        signature(backend.authenticate).bind(None, username="", password="")
    except TypeError:
        return False
    return type(backend).authenticate not in DJANGO_METHODS
