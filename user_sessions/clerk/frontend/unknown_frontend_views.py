"""The view of unknown paths."""

from rest_framework.request import Request

from sessions_core.http.responses import Response
from user_sessions.clerk.errors import ClerkError
from user_sessions.clerk.frontend.frontend_view import FrontendView

__all__ = ["UnknownView"]


class UnknownView(FrontendView):
    def refuse(self, request: Request, rest: str) -> Response:
        raise ClerkError("resource_not_found", "There is no such endpoint.")
