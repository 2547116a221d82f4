"""What an SDK asks before anybody signs in."""

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from user_sessions.clerk.errors import ClerkError
from user_sessions.clerk.frontend.environment import environment_object
from user_sessions.clerk.frontend.frontend_view import FrontendView
from user_sessions.ids import new_id

__all__ = ["DevBrowserView", "EnvironmentView"]


class EnvironmentView(FrontendView):
    def retrieve(self, request: Request) -> Response:
        """Also for PATCH, by which SDKs of a sandbox ask: nothing is changed."""
        return Response(environment_object(self.caller.workspace))


class DevBrowserView(FrontendView):
    def create(self, request: Request) -> Response:
        """An id that SDKs keep for a sandbox. It opens nothing, and nothing is kept of it."""
        if not self.caller.workspace.is_sandbox:
            raise ClerkError("request_invalid_for_environment")
        id = new_id("dvb", at=timezone.now())
        return Response({"id": id, "token": id})
