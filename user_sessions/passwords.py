"""Passwords are the host project's: its authentication backends say whether one is right."""

from typing import Any

from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from user_sessions.models import UserInactive

__all__ = ["is_password_of"]


@sensitive_variables("password")
def is_password_of(user: Any, password: str, request: HttpRequest) -> bool:
    """Whether any backend of ``AUTHENTICATION_BACKENDS`` lets this user in with it. They count and slow down as they do
    for every other login, and ``user_login_failed`` is sent. Raises UserInactive for the right password of a user who
    may not sign in."""
    credentials = {user.USERNAME_FIELD: user.get_username(), "password": password}
    if not user.is_active:  # Django's backend tells that to nobody
        if user.check_password(password):
            raise UserInactive
        return False
    known = authenticate(request, **credentials)
    return known is not None and known.pk == user.pk
