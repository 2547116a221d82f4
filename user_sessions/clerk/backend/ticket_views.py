"""Views of sign-in tokens and actor tokens, the tickets that a backend creates."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework.request import Request

from sessions_core.http.parameters import Number, Object, Text
from sessions_core.http.responses import Response
from sessions_core.texts import is_storable
from user_sessions.clerk.backend.backend_shapes import ticket_object
from user_sessions.clerk.backend.backend_view import BackendView
from user_sessions.clerk.errors import ClerkError, of_parameter
from user_sessions.clerk.parameters import ClosedParameters, Organization, Parameters, body_of
from user_sessions.models import NotPending, Ticket
from user_sessions.tokens.session_tokens import LIFETIMES
from user_sessions.tokens.ticket_tokens import ticket_token

__all__ = ["ActorTokensView", "SignInTokensView"]

# Seconds.
TICKET_LIFETIMES = range(1, LIFETIMES.stop)
SIGN_IN_TOKEN_LIFETIME = 2_592_000
ACTOR_TOKEN_LIFETIME = 3600
ACTOR_SESSION_LIFETIME = 1800

# Bytes of JSON: every token of the session contains it.
LARGEST_ACTOR = 1024

SIGN_IN_TOKEN = Parameters(
    org_id=Organization(), expires_in_seconds=Number(within=TICKET_LIFETIMES), user_id=Text(required=True)
)
ACTOR_TOKEN = ClosedParameters(
    actor=Object(required=True, largest=LARGEST_ACTOR),
    session_max_duration_in_seconds=Number(within=TICKET_LIFETIMES),
    expires_in_seconds=Number(within=TICKET_LIFETIMES),
    user_id=Text(required=True),
)


class TicketsView(BackendView):
    kind: Ticket.Kind
    # Error code for an unknown user: SDKs expect another one at each endpoint.
    unknown_user: str

    def revoke(self, request: Request, ticket_id: str) -> Response:
        body_of(request)  # no parameters, but the body must be valid
        tickets = self.auth.workspace.user_sessions_tickets.filter(kind=self.kind)
        ticket = tickets.filter(pk=ticket_id).first() if is_storable(ticket_id) else None
        if ticket is None:
            raise ClerkError("resource_not_found", f"No {self.kind} was found with id {ticket_id}.")
        try:
            ticket.revoke(actor=self.auth.actor)
        except NotPending as error:
            raise ClerkError(f"{self.kind}_cannot_be_revoked_code", f"It is {ticket.stored_status} already.") from error
        return Response(ticket_object(ticket))

    def issue(self, values: Mapping[str, Any], *, lifetime: int, **impersonation: Any) -> Response:
        now = timezone.now()
        ticket = Ticket.objects.issue(
            self.auth.workspace,
            self.user(values["user_id"], unknown=self.unknown_user),
            actor=self.auth.actor,
            at=now,
            lifetime=timedelta(seconds=values.get("expires_in_seconds", lifetime)),
            **impersonation,
        )
        return Response(ticket_object(ticket, token=ticket_token(ticket, at=now)))


class SignInTokensView(TicketsView):
    kind = Ticket.Kind.SIGN_IN_TOKEN
    unknown_user = "resource_not_found"

    def create(self, request: Request) -> Response:
        return self.issue(SIGN_IN_TOKEN.read(body_of(request)), lifetime=SIGN_IN_TOKEN_LIFETIME)


class ActorTokensView(TicketsView):
    kind = Ticket.Kind.ACTOR_TOKEN
    unknown_user = "form_resource_not_found"

    def create(self, request: Request) -> Response:
        body = body_of(request)
        actor = ACTOR_TOKEN.read(body, "actor")["actor"]
        if not isinstance(actor.get("sub"), str) or not actor["sub"]:
            raise of_parameter("form_param_missing", "actor.sub", "actor.sub must say who impersonates the user.")
        values = ACTOR_TOKEN.read(body)
        session = values.get("session_max_duration_in_seconds", ACTOR_SESSION_LIFETIME)
        return self.issue(
            values,
            lifetime=ACTOR_TOKEN_LIFETIME,
            impersonator=actor,
            session_lifetime=timedelta(seconds=session),
        )
