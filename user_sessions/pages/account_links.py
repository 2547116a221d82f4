"""Addresses of pages for the user of a session: "This was not me", "Your devices", and a new password."""

from typing import Any

from django.urls import NoReverseMatch, reverse

from user_sessions.models import UserSession
from user_sessions.tokens.device_tokens import not_me_token

__all__ = ["devices_path", "new_password_path", "not_me_path"]

# The pages of allauth and of Django that send a link for a new password.
RESET_PAGES = ("account_reset_password", "password_reset")


def not_me_path(session: UserSession) -> str:
    """Return the path of the link "This was not me". Raise NoReverseMatch if the page is not included."""
    return reverse("user_sessions_devices:not_me", args=[not_me_token(session)])


def devices_path() -> str:
    return reverse("user_sessions_devices:list")


def new_password_path(user: Any) -> str | None:
    """Return the path of the page where this user gets a new password, or None if the host has none for them."""
    for name in RESET_PAGES if user.has_usable_password() else ():
        try:
            return reverse(name)
        except NoReverseMatch:
            continue
    return None
