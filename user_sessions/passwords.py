"""Passwords are the host project's: its authentication backends say whether one is right."""

from typing import Any

from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from user_sessions.models import UserInactive

__all__ = ["authenticated"]


@sensitive_variables("password")
def authenticated(user: Any | None, name: str, password: str, request: HttpRequest) -> Any | None:
    """The user whom a backend of ``AUTHENTICATION_BACKENDS`` lets in, with the backend that did; None if none does.

    They are asked as Django's own login form asks them, and so count and slow down as they do there, and
    ``user_login_failed`` is sent. ``user`` is who goes by ``name``, None if nobody does: a backend may know them all
    the same. Raises UserInactive for the right password of a user who may not sign in.
    """
    found = authenticate(request, username=user.get_username() if user else name, password=password)
    if found is None and user is not None and not user.is_active and user.check_password(password):
        raise UserInactive  # which Django's backend tells nobody
    return found if found is not None and (user is None or found.pk == user.pk) else None
