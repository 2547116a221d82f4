"""Addresses of pages for the user of a session: "This was not me", "Your devices", and a new password."""

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, URLResolver, get_resolver, get_urlconf, reverse

from user_sessions.models import UserSession
from user_sessions.tokens.device_tokens import not_me_token

__all__ = ["devices_namespace", "devices_path", "new_password_path", "not_me_path"]

DEVICES = "user_sessions_devices"

# The pages of allauth and of Django that send a link for a new password.
RESET_PAGES = ("account_reset_password", "password_reset")


def not_me_path(session: UserSession) -> str:
    """Return the path of the link "This was not me". Raise NoReverseMatch if the page is not included."""
    return reverse(f"{devices_namespace()}:not_me", args=[not_me_token(session)])


def devices_path(request: HttpRequest | None = None) -> str:
    """Return the path of "Your devices", beside the page of this request. Raise NoReverseMatch."""
    return reverse(f"{devices_namespace(request)}:list")


def devices_namespace(request: HttpRequest | None = None) -> str:
    """Return the namespace of the page of this request, or else of those that the project has included.

    A host may have included them in a namespace of its own.
    """
    match = request and request.resolver_match
    if match and match.app_names[-1:] == [DEVICES]:
        return match.namespace
    return _namespace_in(get_resolver(get_urlconf())) or DEVICES


def _namespace_in(resolver: URLResolver) -> str | None:
    if DEVICES in resolver.app_dict:
        return DEVICES  # by which Django finds each instance
    for outer, (_, included) in reversed(resolver.namespace_dict.items()):  # Django has the last first
        if inner := _namespace_in(included):
            return f"{outer}:{inner}"
    return None


def new_password_path(user: Any) -> str | None:
    """Return the path of the page where this user gets a new password, or None if the host has none for them."""
    for name in RESET_PAGES if user.has_usable_password() else ():
        try:
            return reverse(name)
        except NoReverseMatch:
            continue
    return None
