"""Passwords are the host project's: its authentication backends say whether one is right."""

from inspect import signature
from typing import Any

from django.contrib.auth import authenticate, get_backends
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from user_sessions.models import UserInactive
from user_sessions.profiles import profile_of
from user_sessions.users import can_be_name

__all__ = ["authenticated", "can_have_password"]

# How backends authenticate that know no passwords but Django's own.
OF_DJANGO = (BaseBackend.authenticate, ModelBackend.authenticate)


@sensitive_variables("password")
def authenticated(user: Any | None, name: str, password: str, request: HttpRequest) -> Any | None:
    """The user whom a backend of ``AUTHENTICATION_BACKENDS`` lets in, with the backend that did; None if none does.

    They are asked as Django's own login form asks them, and so count and slow down as they do there, and
    ``user_login_failed`` is sent. ``user`` is who goes by ``name``, None if nobody does: a backend may know them all
    the same. Raises UserInactive for the right password of a user who may not sign in.
    """
    if user is None and not can_be_name(name):  # Django's backend would look it up all the same, and fail
        return None
    found = authenticate(request, username=user.get_username() if user else name, password=password)
    if found is None and user is not None and not user.is_active and user.check_password(password):
        raise UserInactive  # which Django's backend tells nobody
    return found if found is not None and (user is None or found.pk == user.pk) else None


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
