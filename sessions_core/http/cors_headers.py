"""Turn django-cors-headers off for the routes of these apps, where the origins that a workspace lists decide.

Its middleware would answer their preflights itself, with the host's own origins and headers. It has no hook that turns
it off for a view, and ``CORS_URLS_REGEX`` is the host's.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest
from django.urls import Resolver404, resolve

from sessions_core.http.base_view import ApiView

__all__ = ["disable_for_api"]


def disable_for_api() -> None:
    """Turn django-cors-headers off for our routes and nothing else. Do nothing where it is not installed."""
    try:
        from corsheaders.middleware import CorsMiddleware  # a host may not have it installed
    except ImportError:
        return
    middleware: Any = CorsMiddleware
    is_enabled: Callable[[Any, HttpRequest], bool] = middleware.is_enabled
    if hasattr(is_enabled, "is_disabled_for_api"):  # apps may become ready again in tests
        return

    @wraps(is_enabled)
    def is_enabled_elsewhere(self: Any, request: HttpRequest) -> bool:
        # Without an Origin it adds no header that a page looks at: no need to resolve the path twice.
        is_disabled = "origin" in request.headers and _is_api(request)
        return not is_disabled and is_enabled(self, request)

    is_enabled_elsewhere.is_disabled_for_api = True  # type: ignore[attr-defined]
    middleware.is_enabled = is_enabled_elsewhere


def _is_api(request: HttpRequest) -> bool:
    """Whether a view of these apps answers this path."""
    try:
        view = resolve(request.path_info, getattr(request, "urlconf", None)).func
    except Resolver404:
        return False
    return issubclass(getattr(view, "cls", object), ApiView)
