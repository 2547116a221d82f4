"""Views that sign users in: by a ticket, or by a password in one step or two."""

from datetime import datetime
from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_core.db.transactions import atomic
from sessions_core.http.parameters import Choice, Kind, Problem, Text
from sessions_core.texts import is_storable
from user_sessions.authentication_methods import PASSWORD
from user_sessions.clerk.errors import ClerkError, of_parameter
from user_sessions.clerk.frontend.forms import body_of
from user_sessions.clerk.frontend.frontend_shapes import sign_in_object
from user_sessions.clerk.frontend.frontend_view import FrontendView, wrong_password
from user_sessions.clerk.frontend.presented_tickets import refusing_used, ticket_of
from user_sessions.clerk.parameters import LONGEST_TOKEN, Parameters
from user_sessions.models import SignIn, UserSession
from user_sessions.passwords import LONGEST_PASSWORD
from user_sessions.users import clean_name, find_by_name

__all__ = ["SignInsView"]

STRATEGIES = ("password", "ticket")


class Name(Text):
    """The name of a user, cleaned as Django's login form does."""

    def check(self, value: object) -> str:
        cleaned = clean_name(super().check(value))
        if not cleaned:
            raise Problem(Kind.NULL, self)
        return super().check(cleaned)  # normalising can make it longer


CREATE = Parameters(
    strategy=Choice(options=STRATEGIES),
    ticket=Text(required=True, max_length=LONGEST_TOKEN),
    identifier=Name(required=True),
    password=Text(max_length=LONGEST_PASSWORD),
)
FIRST_FACTOR = Parameters(
    strategy=Choice(options=("password",)), password=Text(required=True, max_length=LONGEST_PASSWORD)
)


class SignInsView(FrontendView):
    def create(self, request: Request) -> Response:
        body, now = body_of(request), timezone.now()
        self.limit("visitor", self.network)
        if CREATE.read(body, "strategy").get("strategy") == "ticket":
            return self._by_ticket(CREATE.read(body, "ticket")["ticket"], at=now)
        values = CREATE.read(body, "identifier", "password")
        identifier, password = values["identifier"], values.get("password")
        user = find_by_name(self.caller.workspace, identifier)
        if password is not None:
            found = self.by_password(user, identifier, password, or_another=True)
            return self._sign_in(self._admitted(found, identifier), identifier, at=now)
        if user is None:
            raise _account_not_found()
        return self._begin(user, identifier, at=now)

    def retrieve(self, request: Request, sign_in_id: str) -> Response:
        return self._sign_in_response(self._attempt(sign_in_id), at=timezone.now())

    def attempt_first_factor(self, request: Request, sign_in_id: str) -> Response:
        body, now = body_of(request), timezone.now()
        attempt = self._attempt(sign_in_id)
        password = FIRST_FACTOR.read(body)["password"]
        if attempt.status_at(now) != SignIn.Status.NEEDS_FIRST_FACTOR:
            raise ClerkError("invalid_action_for_sign_in", "This sign-in is complete or was abandoned. Begin another.")
        found = self.by_password(attempt.user, attempt.identifier, password)
        user = self._admitted(found, attempt.identifier)
        return self._sign_in(user, attempt.identifier, at=now, attempt=attempt)

    def _admitted(self, user: Any | None, identifier: str) -> Any:
        """Return the authenticated user. Raise ClerkError if unknown, or if the host requires more than a password."""
        if user is None:
            raise _account_not_found()
        self.require_password_to_be_enough(user, identifier)
        return user

    @atomic()
    def _begin(self, user: Any, identifier: str, *, at: datetime) -> Response:
        client = self.client or self.become_client(at=at)
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
                at=at,
                actor=actor,
                impersonator=ticket.impersonator,
                lifetime=ticket.session_lifetime,
            )

    @atomic()
    def _sign_in(
        self, user: Any, identifier: str, *, at: datetime, actor: str = "", attempt: SignIn | None = None, **extra: Any
    ) -> Response:
        """Start a session of the user on this client, or on a new one, in one transaction."""
        client = self.client or self.become_client(at=at)
        session = UserSession.objects.start(
            self.caller.workspace,
            user,
            actor=actor or client.actor,
            client=client,
            at=at,
            device=self.device,
            amr=[PASSWORD] if identifier else [],
            **extra,
        )
        if identifier and not session.began_with(user):  # the password changed after the backends checked it
            raise wrong_password()
        attempt = attempt or SignIn.objects.begin(client, user, identifier, at=at)
        attempt.complete(session)
        if session.impersonator is None:  # an impersonation is not a login of the user
            # Sent as by Django's login, for the host's receivers.
            request = self.request._request
            request.user, request.user_session = user, session  # type: ignore[attr-defined]
            user_logged_in.send(sender=type(user), request=request, user=user)
        return self._sign_in_response(attempt, at=at)

    def _attempt(self, sign_in_id: str) -> SignIn:
        attempts = SignIn.objects.filter(client=self.own_client(), id=sign_in_id).select_related("user")
        attempt = attempts.first() if is_storable(sign_in_id) else None
        if attempt is None:
            raise ClerkError("resource_not_found", f"No sign-in was found with id {sign_in_id}.")
        return attempt

    def _sign_in_response(self, attempt: SignIn, *, at: datetime) -> Response:
        self.listed = None
        return self.wrapped(sign_in_object(attempt, at=at), at=at)


def _account_not_found() -> ClerkError:
    return of_parameter("form_identifier_not_found", "identifier", "Couldn't find your account.")
