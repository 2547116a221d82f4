"""Sensitive actions of the console require that the operator authenticated a short time ago.

An app that can tell, and has a page to re-authenticate, registers a function. Without one nothing is required.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

__all__ = ["AuthenticationRequired", "register_authentication", "require_recent_authentication"]

# Returns the response that sends the operator to re-authenticate, or None if that is not necessary.
Ask = Callable[[HttpRequest], HttpResponseBase | None]

_asking: dict[str, Ask] = {}


class AuthenticationRequired(Exception):
    """The operator must re-authenticate first. The console returns ``response``."""

    def __init__(self, response: HttpResponseBase) -> None:
        super().__init__()
        self.response = response


def register_authentication(name: str, ask: Ask) -> None:
    """Register a function. Call it in the module of an app's admin pages. Another one of this name replaces it."""
    _asking[name] = ask


def require_recent_authentication(request: HttpRequest) -> None:
    """Raise AuthenticationRequired if the operator must re-authenticate. Call it after the check of the permission."""
    for ask in _asking.values():
        response = ask(request)
        if response is not None:
            raise AuthenticationRequired(response)
