"""Views of the signed-in user and their sessions on all clients."""

from datetime import datetime

from django.utils import timezone
from rest_framework.request import Request

from sessions_core.http.responses import Response
from sessions_core.texts import is_storable
from user_sessions.clerk.base_view import session_not_found
from user_sessions.clerk.frontend.frontend_shapes import session_object, session_with_activity
from user_sessions.clerk.frontend.frontend_view import FrontendView
from user_sessions.clerk.shapes import user_object
from user_sessions.models import Status, UserSession
from user_sessions.models.session_rows import live_sessions_of, sessions_of

__all__ = ["MeView"]

# Sessions in a list, which has no pages: the latest ones.
MOST = 500


class MeView(FrontendView):
    def retrieve(self, request: Request) -> Response:
        now = timezone.now()
        active = self._active_session(request, at=now)
        return self.answers.wrapped(user_object(active.user), at=now)

    def sessions_of_user(self, request: Request) -> Response:
        now = timezone.now()
        user = self._active_session(request, at=now).user
        sessions = sessions_of(user, self.caller.workspace, at=now, most=MOST)
        return Response([session_object(session, at=now, token=None) for session in sessions])

    def active_sessions(self, request: Request) -> Response:
        now = timezone.now()
        user = self._active_session(request, at=now).user
        live = live_sessions_of(user, self.caller.workspace, at=now, most=MOST)
        return Response([session_with_activity(session, at=now, token=None) for session in live])

    def revoke(self, request: Request, session_id: str) -> Response:
        """Revoke one session of the user, on this client or another."""
        now = timezone.now()
        active = self._active_session(request, at=now)
        # An instance of this client, because the response lists it with its new status.
        session = self.own.find(session_id, at=now) or self._session_elsewhere(session_id, active)
        if session is None or session.user_id != active.user_id or session.status_at(now) == Status.REMOVED:
            raise session_not_found(session_id)
        session.revoke(actor=active.actor, at=now)
        return self.answers.wrapped(session_object(session, at=now, token=None), at=now)

    def revoke_others(self, request: Request) -> Response:
        """Revoke every session of the user but the one in use."""
        now = timezone.now()
        revoked = self._active_session(request, at=now).revoke_others(at=now)
        return self.answers.wrapped({"object": "revoked_sessions", "session_ids": list(revoked)}, at=now)

    def _active_session(self, request: Request, *, at: datetime) -> UserSession:
        """Return the session in use. SDKs name it in the query."""
        return self.own.active_session(request.query_params.getlist("_clerk_session_id"), at=at)

    def _session_elsewhere(self, id: str, active: UserSession) -> UserSession | None:
        session = UserSession.of_id(self.caller.workspace, id) if is_storable(id) else None
        if session is None or session.user_id != active.user_id:
            return None
        session.user = active.user
        return session
