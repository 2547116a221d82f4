"""Paths that do not exist."""

from rest_framework.request import Request
from rest_framework.response import Response

from user_sessions.dialect.errors import ApiError
from user_sessions.frontend_api.api import FrontendView

__all__ = ["UnknownView"]


class UnknownView(FrontendView):
    def refuse(self, request: Request, rest: str) -> Response:
        raise ApiError("resource_not_found", "There is no such endpoint.")
