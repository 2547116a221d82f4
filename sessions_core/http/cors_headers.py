"""Disable django-cors-headers for the routes of these apps, which have CORS of their own.

Its middleware would answer their preflights with the origins and headers of the host. It has no hook that disables it
for a view, and ``CORS_URLS_REGEX`` belongs to the host.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest
from django.urls import Resolver404, resolve

from sessions_core.http.base_view import ApiView

__all__ = ["disable_for_api"]


def disable_for_api() -> None:
    """Disable django-cors-headers for our routes only. Do nothing if it is not installed."""
    try:
        from corsheaders.middleware import CorsMiddleware  # a host may not have it installed
    except ImportError:
        return
    middleware: Any = CorsMiddleware
    is_enabled: Callable[[Any, HttpRequest], bool] = middleware.is_enabled
    if hasattr(is_enabled, "is_disabled_for_api"):  # tests call ready() again
        return

    @wraps(is_enabled)
    def is_enabled_elsewhere(self: Any, request: HttpRequest) -> bool:
        # Without an Origin header CORS has no effect, so the path need not be resolved twice.
        is_disabled = "origin" in request.headers and _is_api(request)
        return not is_disabled and is_enabled(self, request)

    is_enabled_elsewhere.is_disabled_for_api = True  # type: ignore[attr-defined]
    middleware.is_enabled = is_enabled_elsewhere


def _is_api(request: HttpRequest) -> bool:
    """Return True if the path is a route of these apps."""
    try:
        view = resolve(request.path_info, getattr(request, "urlconf", None)).func
    except Resolver404:
        return False
    return issubclass(getattr(view, "cls", object), ApiView)
