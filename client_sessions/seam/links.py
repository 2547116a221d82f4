"""Absolute URLs in responses."""

from rest_framework.request import Request

from client_sessions.conf import settings

__all__ = ["absolute_url"]


def absolute_url(request: Request, path: str) -> str:
    """Return the absolute URL of a path. Uses the origin from the settings, if set, instead of the Host header."""
    return f"{settings.url}{path}" if settings.url else request.build_absolute_uri(path)
