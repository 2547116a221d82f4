"""The host's users, to look at, and all their sessions at once."""

from rest_framework.request import Request
from rest_framework.response import Response

from user_sessions.backend_api.api import BackendView
from user_sessions.backend_api.serializers import user_object
from user_sessions.models import UserSession

__all__ = ["UsersView"]


class UsersView(BackendView):
    def retrieve(self, request: Request, user_id: str) -> Response:
        return Response(user_object(self.user(user_id)))

    def revoke_sessions(self, request: Request, user_id: str) -> Response:
        return self.revoke_all(request, UserSession.objects.of_user(self.auth.workspace, self.user(user_id)))
