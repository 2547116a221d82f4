"""Paths that do not exist."""

from rest_framework.request import Request
from rest_framework.response import Response

from user_sessions.clerk.backend.backend_view import BackendView
from user_sessions.clerk.errors import ClerkError

__all__ = ["UnknownView"]


class UnknownView(BackendView):
    """Who has no key does not even learn that there is nothing."""

    def refuse(self, request: Request, rest: str) -> Response:
        raise ClerkError("resource_not_found", "There is no such endpoint.")
