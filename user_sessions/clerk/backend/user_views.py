"""Views of users: read one, and revoke all sessions of one."""

from rest_framework.request import Request

from sessions_core.http.responses import Response
from user_sessions.clerk.backend.backend_shapes import user_object
from user_sessions.clerk.backend.backend_view import BackendView
from user_sessions.models import UserSession

__all__ = ["UsersView"]


class UsersView(BackendView):
    def retrieve(self, request: Request, user_id: str) -> Response:
        return Response(user_object(self.user(user_id)))

    def revoke_sessions(self, request: Request, user_id: str) -> Response:
        sessions = UserSession.objects.in_workspace(self.auth.workspace).of_user_id(user_id)
        if not sessions.exists():
            self.user(user_id)  # raises if the user is unknown too
        return self.revoke_all(request, sessions)
