"""Views of the calling client's sessions, and of the tokens minted for them."""

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_core.http.parameters import Choice, Text
from user_sessions.clerk.base_view import template_named
from user_sessions.clerk.errors import ClerkError, of_parameter
from user_sessions.clerk.frontend.forms import body_of
from user_sessions.clerk.frontend.frontend_shapes import session_object, verification_object
from user_sessions.clerk.frontend.frontend_view import FrontendView
from user_sessions.clerk.parameters import Organization, Parameters
from user_sessions.clerk.shapes import token_object
from user_sessions.models import Activity, Impersonated, NotLive, SignIn, UserSession
from user_sessions.passwords import LONGEST_PASSWORD
from user_sessions.tokens.session_tokens import session_token, template_token

__all__ = ["SessionsView"]

INTENTS = ("focus", "select_session", "select_org")
LEVELS = ("first_factor", "second_factor", "multi_factor")

TOUCH = Parameters(active_organization_id=Organization(), intent=Choice(options=INTENTS))
MINT = Parameters(organization_id=Organization())
VERIFY = Parameters(level=Choice(options=LEVELS))
FIRST_FACTOR = Parameters(
    strategy=Choice(options=("password",)), password=Text(required=True, max_length=LONGEST_PASSWORD)
)


class SessionsView(FrontendView):
    def retrieve(self, request: Request, session_id: str) -> Response:
        now = timezone.now()
        return self.wrapped_session(self.session(session_id, at=now), at=now)

    def touch(self, request: Request, session_id: str) -> Response:
        """Record that the session is in use, and make it the active one of this client."""
        now = timezone.now()
        TOUCH.read(body_of(request))
        session = self.session(session_id, at=now)
        if not session.is_usable(now):
            raise NotLive
        if session.touch(at=now):
            Activity.objects.note(session, self.device, at=now)
        return self.wrapped_session(session, at=now)

    def end(self, request: Request, session_id: str) -> Response:
        """End the session. It stays on its client."""
        now = timezone.now()
        session = self.session(session_id, at=now)
        if not session.end(actor=session.actor, at=now):
            raise ClerkError("invalid_action_for_session", "The session is over already.")
        return self.wrapped_session(session, at=now)

    def remove(self, request: Request, session_id: str) -> Response:
        """Remove the session: end it, and take it off the client."""
        now = timezone.now()
        session = self.session(session_id, at=now)
        if not session.remove(actor=session.actor, at=now):
            raise ClerkError("invalid_action_for_session", "The session has left this client already.")
        return self.wrapped_session(session, at=now)

    # Tokens

    def mint(self, request: Request, session_id: str) -> Response:
        now = timezone.now()
        MINT.read(body_of(request))
        session = self.minting_session(session_id, at=now)
        return Response(token_object(session_token(session, at=now, authorized_party=self.caller.page)))

    def mint_from_template(self, request: Request, session_id: str, template_name: str) -> Response:
        now = timezone.now()
        session = self.minting_session(session_id, at=now)
        template = template_named(self.caller.workspace, template_name)
        return Response(token_object(template_token(session, template, at=now, authorized_party=self.caller.page)))

    # Reverification

    def verify(self, request: Request, session_id: str) -> Response:
        """Begin a reverification by password. Refuse it if the host requires more of the user than a password."""
        now = timezone.now()
        if "level" not in VERIFY.read(body_of(request)):
            raise of_parameter("form_param_missing", "level", "level must be included.")
        session = self.session(session_id, at=now)
        if session.impersonator is None and session.is_usable(now):  # otherwise ``ask_again`` raises
            self.require_password_to_be_enough(session.user, self._typed_name(session))
        try:
            session.ask_again(at=now)
        except Impersonated as error:
            raise ClerkError(
                "invalid_action_for_session_reverification", "Re-authentication is not available during impersonation."
            ) from error
        return self._verification(session, is_complete=False)

    def attempt_first_factor(self, request: Request, session_id: str) -> Response:
        body, now = body_of(request), timezone.now()
        if "strategy" not in FIRST_FACTOR.read(body, "strategy"):
            raise of_parameter("form_param_missing", "strategy", "strategy must be included.")
        password = FIRST_FACTOR.read(body, "password")["password"]
        session = self.session(session_id, at=now)
        session.require_reverifying(at=now)
        name = self._typed_name(session)
        if self.by_password(session.user, name, password) is None:
            raise NotLive
        # Again, because the user may have enrolled a second factor since ``verify``.
        self.require_password_to_be_enough(session.user, name)
        session.reverify(actor=session.actor, at=now)
        return self._verification(session, is_complete=True)

    def _typed_name(self, session: UserSession) -> str:
        """Return what the user typed to sign in, or an empty string if unknown."""
        attempt = SignIn.of_client(self.own_client())
        return attempt.identifier if attempt and attempt.created_session_id == session.pk else ""

    def refuse_factor(self, request: Request, session_id: str) -> Response:
        """Refuse factors other than a password."""
        self.session(session_id, at=timezone.now())
        raise ClerkError("strategy_for_user_invalid", "Only a password can be entered here.")

    def _verification(self, session: UserSession, *, is_complete: bool) -> Response:
        now = timezone.now()
        token = self.attached_token(session, at=now)
        found = session_object(session, at=now, token=token)
        return self.wrapped(verification_object(session.reverification_id, found, is_complete=is_complete), at=now)
