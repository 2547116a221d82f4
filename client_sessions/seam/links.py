"""Absolute addresses in answers."""

from rest_framework.request import Request

from client_sessions.conf import settings

__all__ = ["absolute_url"]


def absolute_url(request: Request, path: str) -> str:
    """The address of a path of this server: at the origin from the settings, so that no caller chooses the host."""
    return f"{settings.url}{path}" if settings.url else request.build_absolute_uri(path)
