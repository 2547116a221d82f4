"""Passwords are the host project's: its authentication backends say whether one is right."""

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

__all__ = ["LockedOut", "attempts", "authenticated", "can_have_password"]


class LockedOut(Exception):
    """django-axes refuses every password of this user or caller for a while, the right one too."""


# How backends authenticate that know no passwords but Django's own.
OF_DJANGO = (BaseBackend.authenticate, ModelBackend.authenticate)


def attempts(who: object, network: str) -> list[tuple[str, tuple[object, ...]]]:
    """Return what one attempt at a password is counted by: each kind of rate with its caller.

    ``who`` is the primary key of the user, or the spelled name where no user has it.
    """
    return [("password", (who, network)), ("account", (who,))]


@sensitive_variables("password")
def authenticated(user: Any | None, name: str, password: str, request: HttpRequest) -> Any | None:
    """The user whom a backend of ``AUTHENTICATION_BACKENDS`` lets in, with the backend that did; None if none does.

    They are asked as Django's own login form asks them, and so count and slow down as they do there, and
    ``user_login_failed`` is sent. ``user`` is who goes by ``name``, None if nobody does: a backend may know them all
    the same, or another user by this name. Raises LockedOut, and UserInactive for the right password of a user who may
    not sign in.
    """
    if user is None and not can_be_name(name):  # Django's backend would look it up all the same, and fail
        return None
    found = authenticate(request, username=_username(user, name), password=password)
    if found is None and getattr(request, "axes_locked_out", False):
        request.axes_locked_out = False  # type: ignore[attr-defined]  # or its middleware answers with a page
        raise LockedOut
    if found is None and user is not None and not user.is_active and user.check_password(password):
        raise UserInactive  # which Django's backend tells nobody
    return found


def _username(user: Any | None, name: str) -> Any:
    """Return what to pass to the backends: ``name`` as the user typed it, which is what Django's own form passes.

    The exception is a user whose password Django's own backend checks. It knows user names alone, and here users may
    also type their e-mail address. The backends are never asked twice, once by each name, because every failure counts
    where failed logins are counted. And which name it is does not depend on the password, or whoever guesses by the
    address would not be locked out by the user name.
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
    """Return what the host's backends know the user by, where nobody typed a name."""
    if apps.is_installed("allauth.account"):
        from allauth.account import app_settings  # a host may not have it installed

        if app_settings.LoginMethod.USERNAME not in app_settings.LOGIN_METHODS:
            return getattr(user, user.get_email_field_name())
    return user.get_username()


def can_have_password(user: Any) -> bool:
    """Whether some password may be right: one that Django keeps, or one in a directory that a backend asks."""
    return any(_asks_elsewhere(backend) for backend in get_backends()) or profile_of(user).password_enabled


def _asks_elsewhere(backend: BaseBackend) -> bool:
    """Django asks only backends whose parameters fit, and so passes by those that take no password."""
    try:
        signature(backend.authenticate).bind(None, username="", password="")
    except TypeError:
        return False
    return type(backend).authenticate not in OF_DJANGO
