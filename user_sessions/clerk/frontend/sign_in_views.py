"""Views that sign users in: by a ticket, or by a password in one step or two, then by a second factor if required."""

from datetime import datetime
from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.utils import timezone
from rest_framework.request import Request

from sessions_core.db.transactions import atomic
from sessions_core.http.parameters import Choice, Kind, Problem, Text
from sessions_core.http.responses import Response
from sessions_core.texts import is_storable
from user_sessions.authentication_methods import ONE_TIME_PASSWORD, PASSWORD, SEVERAL_FACTORS
from user_sessions.clerk.errors import ClerkError, of_parameter
from user_sessions.clerk.frontend.credential_attempts import (
    FIRST_FACTOR,
    SECOND_FACTOR,
    wrong_password,
)
from user_sessions.clerk.frontend.forms import body_of
from user_sessions.clerk.frontend.frontend_rates import count
from user_sessions.clerk.frontend.frontend_shapes import STRATEGIES, sign_in_object
from user_sessions.clerk.frontend.frontend_view import FrontendView
from user_sessions.clerk.frontend.presented_tickets import refusing_used, ticket_of
from user_sessions.clerk.parameters import LONGEST_TOKEN, Parameters
from user_sessions.models import SignIn, SignInRefused, UserInactive, UserSession
from user_sessions.models.voiding import fingerprint_of
from user_sessions.passwords import LONGEST_PASSWORD
from user_sessions.requirements import Requirement
from user_sessions.risk import record_refusal
from user_sessions.users import clean_name, find_by_name, has_user

__all__ = ["SignInsView"]


class Name(Text):
    """The name of a user, cleaned as Django's login form does."""

    def check(self, value: object) -> str:
        cleaned = clean_name(super().check(value))
        if not cleaned:
            raise Problem(Kind.NULL, self)
        return super().check(cleaned)  # normalising can make it longer


CREATE = Parameters(
    strategy=Choice(options=("password", "ticket")),
    ticket=Text(required=True, max_length=LONGEST_TOKEN),
    identifier=Name(required=True),
    password=Text(max_length=LONGEST_PASSWORD),
)


class SignInsView(FrontendView):
    def create(self, request: Request) -> Response:
        body, now = body_of(request), timezone.now()
        count("visitor", self.network)
        if CREATE.read(body, "strategy").get("strategy") == "ticket":
            return self._by_ticket(CREATE.read(body, "ticket")["ticket"], at=now)
        values = CREATE.read(body, "identifier", "password")
        identifier, password = values["identifier"], values.get("password")
        user = find_by_name(self.caller.workspace, identifier)
        if password is not None:
            found = self.attempts.by_password(user, identifier, password, or_another=True)
            return self._after_password(found, identifier, at=now)
        if user is None:
            raise _account_not_found()
        return self._begin(user, identifier, at=now)

    def error_response(self, error: Exception) -> Response | None:
        if isinstance(error, SignInRefused):
            record_refusal(error, actor=error.session.client.actor)
        return super().error_response(error)

    def retrieve(self, request: Request, sign_in_id: str) -> Response:
        return self._sign_in_response(self._attempt(sign_in_id), at=timezone.now())

    def attempt_first_factor(self, request: Request, sign_in_id: str) -> Response:
        body, now = body_of(request), timezone.now()
        attempt = self._attempt(sign_in_id)
        password = FIRST_FACTOR.read(body)["password"]
        self._require_status(attempt, SignIn.Status.NEEDS_FIRST_FACTOR, at=now)
        found = self.attempts.by_password(attempt.user, attempt.identifier, password)
        return self._after_password(found, attempt.identifier, at=now, attempt=attempt)

    def attempt_second_factor(self, request: Request, sign_in_id: str) -> Response:
        """Complete the sign-in by a code, if the password was correct before and is still the same."""
        body, now = body_of(request), timezone.now()
        attempt = self._attempt(sign_in_id)
        values = SECOND_FACTOR.read(body)
        self._require_status(attempt, SignIn.Status.NEEDS_SECOND_FACTOR, at=now)
        user, password = attempt.user, attempt.password_fingerprint
        # Before the code is checked, because a checked code is used up.
        if not user.is_active:
            raise UserInactive
        if fingerprint_of(user) != password or not has_user(self.caller.workspace, user):
            raise _out_of_date()
        requirement = self.attempts.requirement(user, attempt.identifier)
        self.attempts.by_code(user, requirement, STRATEGIES[values["strategy"]], values["code"])
        how: dict[str, Any] = {"tasks": requirement.tasks, "amr": [PASSWORD, ONE_TIME_PASSWORD, SEVERAL_FACTORS]}
        return self._sign_in(user, attempt.identifier, password, at=now, attempt=attempt, **how)

    def refuse_factor(self, request: Request, sign_in_id: str) -> Response:
        """Refuse to prepare a factor: a password and a code need no preparation."""
        self._attempt(sign_in_id)
        raise ClerkError("strategy_for_user_invalid", "Only a password and a code can be entered here.")

    def _require_status(self, attempt: SignIn, status: SignIn.Status, *, at: datetime) -> None:
        """Raise ClerkError unless the attempt needs this factor."""
        now = attempt.status_at(at)
        if now in (SignIn.Status.COMPLETE, SignIn.Status.ABANDONED):
            raise ClerkError("invalid_action_for_sign_in", "This sign-in is complete or was abandoned. Begin another.")
        if now != status:
            raise ClerkError("invalid_action_for_sign_in", "This sign-in needs the other factor now.")

    def _after_password(
        self, user: Any | None, identifier: str, *, at: datetime, attempt: SignIn | None = None
    ) -> Response:
        """Sign in the user whose password was correct, or ask for a second factor. Raise ClerkError if unknown."""
        if user is None:
            raise _account_not_found()
        requirement = self.attempts.requirement(user, identifier)
        if not requirement.second_factors:
            password = fingerprint_of(user)
            how: dict[str, Any] = {"tasks": requirement.tasks, "amr": [PASSWORD]}
            return self._sign_in(user, identifier, password, at=at, attempt=attempt, **how)
        return self._ask_for_second_factor(user, identifier, requirement, at=at, attempt=attempt)

    @atomic()
    def _ask_for_second_factor(
        self, user: Any, identifier: str, requirement: Requirement, *, at: datetime, attempt: SignIn | None
    ) -> Response:
        """Keep the correct password for the next step, on a client with a new token that no one else has seen."""
        client = self.own.begin(at=at)
        client.hold()
        attempt = attempt or SignIn.objects.begin(client, user, identifier, at=at)
        if not attempt.ask_for_second_factor(user, [factor.kind for factor in requirement.second_factors], at=at):
            raise _out_of_date()
        client.renew(at=at)
        return self._sign_in_response(attempt, at=at)

    @atomic()
    def _begin(self, user: Any, identifier: str, *, at: datetime) -> Response:
        client = self.own.begin(at=at)
        client.hold()
        return self._sign_in_response(SignIn.objects.begin(client, user, identifier, at=at), at=at)

    def _by_ticket(self, text: str, *, at: datetime) -> Response:
        ticket = ticket_of(text, self.caller.workspace)
        actor = f"ticket:{ticket.pk}"
        with refusing_used(ticket), atomic():
            ticket.accept(actor=actor, at=at)
            return self._sign_in(
                ticket.user,
                "",
                None,
                at=at,
                actor=actor,
                impersonator=ticket.impersonator,
                lifetime=ticket.session_lifetime,
            )

    @atomic()
    def _sign_in(
        self,
        user: Any,
        identifier: str,
        password: str | None,
        *,
        at: datetime,
        actor: str = "",
        attempt: SignIn | None = None,
        **how: Any,
    ) -> Response:
        """Start a session of the user on this client, or on a new one, in one transaction.

        ``password`` is the digest of the password that was checked, or None for a ticket.
        """
        client = self.own.begin(at=at)
        session = UserSession.objects.start(
            self.caller.workspace, user, actor=actor or client.actor, client=client, at=at, device=self.device, **how
        )
        if password is not None and not session.began_with(password):  # it changed after it was checked
            raise wrong_password()
        attempt = attempt or SignIn.objects.begin(client, user, identifier, at=at)
        if not attempt.complete(session):
            raise _out_of_date()
        if session.impersonator is None:  # an impersonation is not a login of the user
            # Sent as by Django's login, for the host's receivers.
            request = self.request._request
            request.user, request.user_session = user, session  # type: ignore[attr-defined]
            user_logged_in.send(sender=type(user), request=request, user=user)
        return self._sign_in_response(attempt, at=at)

    def _attempt(self, sign_in_id: str) -> SignIn:
        attempts = SignIn.objects.filter(client=self.own.client, id=sign_in_id).select_related("user")
        attempt = attempts.first() if is_storable(sign_in_id) else None
        if attempt is None:
            raise ClerkError("resource_not_found", f"No sign-in was found with id {sign_in_id}.")
        return attempt

    def _sign_in_response(self, attempt: SignIn, *, at: datetime) -> Response:
        return self.answers.wrapped(sign_in_object(attempt, at=at), at=at)


def _out_of_date() -> ClerkError:
    return ClerkError("invalid_action_for_sign_in", "The account or the sign-in has changed. Begin another.")


def _account_not_found() -> ClerkError:
    return of_parameter("form_identifier_not_found", "identifier", "Couldn't find your account.")
