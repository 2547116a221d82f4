"""The view of unknown paths."""

from rest_framework.request import Request

from sessions_core.http.responses import Response
from user_sessions.clerk.backend.backend_view import BackendView
from user_sessions.clerk.errors import ClerkError

__all__ = ["UnknownView"]


class UnknownView(BackendView):
    """Answers 404 after authentication, so that a caller without a key cannot probe for paths."""

    def refuse(self, request: Request, rest: str) -> Response:
        raise ClerkError("resource_not_found", "There is no such endpoint.")
