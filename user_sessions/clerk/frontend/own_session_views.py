"""Views of the calling client's sessions, and of the tokens minted for them."""

from django.utils import timezone
from rest_framework.request import Request

from sessions_core.http.parameters import Choice
from sessions_core.http.responses import Response
from user_sessions.clerk.base_view import template_named
from user_sessions.clerk.errors import ClerkError
from user_sessions.clerk.frontend.forms import body_of
from user_sessions.clerk.frontend.frontend_view import FrontendView
from user_sessions.clerk.parameters import Organization, Parameters
from user_sessions.clerk.shapes import token_object
from user_sessions.models import Activity, NotLive
from user_sessions.tokens.session_tokens import session_token, template_token

__all__ = ["SessionsView"]

INTENTS = ("focus", "select_session", "select_org")

TOUCH = Parameters(active_organization_id=Organization(), intent=Choice(options=INTENTS))
MINT = Parameters(organization_id=Organization())


class SessionsView(FrontendView):
    def retrieve(self, request: Request, session_id: str) -> Response:
        now = timezone.now()
        return self.answers.session(self.own.session(session_id, at=now), at=now)

    def touch(self, request: Request, session_id: str) -> Response:
        """Record that the session is in use, and make it the active one of this client."""
        now = timezone.now()
        TOUCH.read(body_of(request))
        session = self.own.session(session_id, at=now)
        if not session.is_usable(now):
            raise NotLive
        if session.touch(at=now):
            Activity.objects.note(session, self.device, at=now)
        return self.answers.session(session, at=now)

    def end(self, request: Request, session_id: str) -> Response:
        """End the session. It stays on its client."""
        now = timezone.now()
        session = self.own.session(session_id, at=now)
        if not session.end(actor=session.actor, at=now):
            raise ClerkError("invalid_action_for_session", "The session is over already.")
        return self.answers.session(session, at=now)

    def remove(self, request: Request, session_id: str) -> Response:
        """Remove the session: end it, and take it off the client."""
        now = timezone.now()
        session = self.own.session(session_id, at=now)
        if not session.remove(actor=session.actor, at=now):
            raise ClerkError("invalid_action_for_session", "The session has left this client already.")
        return self.answers.session(session, at=now)

    # Tokens

    def mint(self, request: Request, session_id: str) -> Response:
        now = timezone.now()
        MINT.read(body_of(request))
        session = self.own.minting_session(session_id, at=now)
        return Response(token_object(session_token(session, at=now, authorized_party=self.caller.page)))

    def mint_from_template(self, request: Request, session_id: str, template_name: str) -> Response:
        now = timezone.now()
        session = self.own.minting_session(session_id, at=now)
        template = template_named(self.caller.workspace, template_name)
        return Response(token_object(template_token(session, template, at=now, authorized_party=self.caller.page)))
