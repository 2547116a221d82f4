"""Views of a reverification: the user of a session of this client enters one or both factors again."""

from typing import Any

from django.utils import timezone
from rest_framework.request import Request

from sessions_core.http.parameters import Choice
from sessions_core.http.responses import Response
from user_sessions.clerk.errors import ClerkError, of_parameter
from user_sessions.clerk.frontend.credential_attempts import FIRST_FACTOR, SECOND_FACTOR
from user_sessions.clerk.frontend.forms import body_of
from user_sessions.clerk.frontend.frontend_shapes import LEVELS, STRATEGIES, session_object, verification_object
from user_sessions.clerk.frontend.frontend_view import FrontendView
from user_sessions.clerk.parameters import Parameters
from user_sessions.models import Impersonated, NotLive, SignIn, UserSession
from user_sessions.models.reverification import Factors
from user_sessions.requirements import Requirement
from user_sessions.users import has_user

__all__ = ["ReverificationsView"]

VERIFY = Parameters(level=Choice(options=tuple(LEVELS)))


class ReverificationsView(FrontendView):
    def verify(self, request: Request, session_id: str) -> Response:
        """Begin a reverification. Refuse it if the host refuses to sign this user in here."""
        now = timezone.now()
        values = VERIFY.read(body_of(request))
        if "level" not in values:
            raise of_parameter("form_param_missing", "level", "level must be included.")
        session = self.own.session(session_id, at=now)
        requirement = Requirement()
        if session.impersonator is None and session.is_usable(now):  # otherwise ``ask_again`` raises
            requirement = self.attempts.requirement(session.user, self._typed_name(session))
        try:
            session.ask_again(_factors_for(LEVELS[values["level"]], session, requirement), at=now)
        except Impersonated as error:
            raise _invalid_action("Re-authentication is not available during impersonation.") from error
        return self._verification(session, requirement)

    def attempt_first_factor(self, request: Request, session_id: str) -> Response:
        body, now = body_of(request), timezone.now()
        if "strategy" not in FIRST_FACTOR.read(body, "strategy"):
            raise of_parameter("form_param_missing", "strategy", "strategy must be included.")
        password = FIRST_FACTOR.read(body, "password")["password"]
        session = self.own.session(session_id, at=now)
        session.require_reverifying(at=now)
        _require_missing(Factors.FIRST, session)
        name = self._typed_name(session)
        if self.attempts.by_password(session.user, name, password) is None:
            raise NotLive
        # Again, because the user may have enrolled a second factor since ``verify``.
        requirement = self.attempts.requirement(session.user, name)
        asked = Factors(session.reverification_factors)
        if _factors_for(asked, session, requirement) != asked:
            raise _invalid_action("The factors of this account have changed. Begin another re-authentication.")
        session.reverify(Factors.FIRST, actor=session.actor, at=now)
        return self._verification(session, requirement)

    def attempt_second_factor(self, request: Request, session_id: str) -> Response:
        body, now = body_of(request), timezone.now()
        values = SECOND_FACTOR.read(body)
        session = self.own.session(session_id, at=now)
        session.require_reverifying(at=now)
        _require_missing(Factors.SECOND, session)
        if not has_user(self.caller.workspace, session.user):
            raise NotLive
        requirement = self.attempts.requirement(session.user, self._typed_name(session))
        self.attempts.by_code(session.user, requirement, STRATEGIES[values["strategy"]], values["code"])
        session.reverify(Factors.SECOND, actor=session.actor, at=now)
        return self._verification(session, requirement, strategy=values["strategy"])

    def refuse_factor(self, request: Request, session_id: str) -> Response:
        """Refuse to prepare a factor: a password and a code need no preparation."""
        self.own.session(session_id, at=timezone.now())
        raise ClerkError("strategy_for_user_invalid", "Only a password and a code can be entered here.")

    def _typed_name(self, session: UserSession) -> str:
        """Return what the user typed to sign in, or an empty string if unknown."""
        attempt = SignIn.of_client(self.own.client)
        return attempt.identifier if attempt and attempt.created_session_id == session.pk else ""

    def _verification(self, session: UserSession, requirement: Requirement, **how: Any) -> Response:
        now = timezone.now()
        shown = session_object(session, at=now, token=self.answers.attached_token(session, at=now))
        kinds = [factor.kind for factor in requirement.second_factors]
        return self.answers.wrapped(verification_object(session, shown, factors=kinds, **how), at=now)


def _factors_for(asked: Factors, session: UserSession, requirement: Requirement) -> Factors:
    """Return the factors that the user must enter when a page asks for these.

    Clerk's SDKs read a session without a time of the second factor as that of a user who has none, so that a recent
    password is enough at every level. A user who has one must therefore enter it before the password counts as recent.
    """
    if not requirement.second_factors:
        return Factors.FIRST
    return Factors.BOTH if asked == Factors.FIRST and session.second_factor_at is None else asked


def _require_missing(factor: Factors, session: UserSession) -> None:
    """Raise ClerkError unless this is the factor that the user must enter next."""
    if session.missing_factor != factor:
        raise _invalid_action("This re-authentication needs the other factor now.")


def _invalid_action(message: str) -> ClerkError:
    return ClerkError("invalid_action_for_session_reverification", message)
