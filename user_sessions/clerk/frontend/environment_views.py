"""Views that SDKs call before a sign-in."""

from django.utils import timezone
from rest_framework.request import Request

from sessions_core.http.responses import Response
from user_sessions.clerk.errors import ClerkError
from user_sessions.clerk.frontend.environment import environment_object
from user_sessions.clerk.frontend.frontend_view import FrontendView
from user_sessions.ids import new_id

__all__ = ["DevBrowserView", "EnvironmentView"]


class EnvironmentView(FrontendView):
    def retrieve(self, request: Request) -> Response:
        """Return the environment. SDKs of a sandbox request it by PATCH, which changes nothing."""
        return Response(environment_object(self.caller.workspace))


class DevBrowserView(FrontendView):
    def create(self, request: Request) -> Response:
        """Return an id that SDKs store for a sandbox. It gives no access and is not stored here."""
        if not self.caller.workspace.is_sandbox:
            raise ClerkError("request_invalid_for_environment")
        id = new_id("dvb", at=timezone.now())
        return Response({"id": id, "token": id})
