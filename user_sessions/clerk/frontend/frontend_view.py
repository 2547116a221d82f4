"""What every endpoint for browsers and apps shares: the client, its sessions, and how an answer brings both along."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import Any

from django.core.exceptions import DisallowedHost, SuspiciousOperation
from django.http import HttpRequest, HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_core.http.caller import client_address
from sessions_core.http.cors import Cors
from sessions_core.models import Workspace
from sessions_core.rates import network_of
from sessions_core.texts import is_storable
from user_sessions.clerk.base_view import ClerkView, session_not_found
from user_sessions.clerk.cookies import drop_client, set_client, tell_signed_in
from user_sessions.clerk.errors import ClerkError, of_parameter
from user_sessions.clerk.frontend.client_authentication import Caller, ClientAuthentication
from user_sessions.clerk.frontend.error_reports import Discreet, forget_query
from user_sessions.clerk.frontend.forms import FormParser
from user_sessions.clerk.frontend.frontend_errors import REFUSALS
from user_sessions.clerk.frontend.frontend_shapes import client_object, session_object
from user_sessions.clerk.versions import version_of
from user_sessions.conf import settings
from user_sessions.models import Client, SignIn, StaleClient, UserSession, UserSessionPolicy
from user_sessions.passwords import LockedOut, attempts, authenticated, can_have_password
from user_sessions.requirements import requirement_of
from user_sessions.tokens.attached_tokens import attached_token
from user_sessions.tokens.client_tokens import client_token
from user_sessions.user_agents import Device, device_of
from user_sessions.users import is_known, spelled

__all__ = ["LONGEST_PASSWORD", "FrontendView", "wrong_password"]

# Characters; hashing takes longer the longer it is.
LONGEST_PASSWORD = 4096

OVERRIDES = ("DELETE", "PATCH", "PUT")


class FrontendView(ClerkView):
    """Base of the endpoints. ``client`` is who calls, and after a sign-in who it became; None is nobody."""

    authentication_classes: Sequence[type[BaseAuthentication]] = (ClientAuthentication,)
    parser_classes = (FormParser,)
    cors = Cors(
        methods=("GET", "POST", *OVERRIDES),
        request_headers=("Authorization", "Content-Type", "Clerk-API-Version"),
        response_headers=("Authorization", "Clerk-Db-Jwt", "Retry-After", "X-Country"),
    )

    credential_refused = "signed_out"
    refusals = REFUSALS

    client: Client | None = None
    listed: list[UserSession] | None = None

    # Whether the answer says who is signed in, and since when.
    tells_signed_in: bool = False
    signed_in_since: datetime | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """A page can send GET and POST without asking first, so ``_method`` in the query of a POST names the others."""
        request.exception_reporter_filter = Discreet()  # where Django looks for it
        with suppress(SuspiciousOperation):
            wanted = request.GET.getlist("_method")
            if request.method == "POST" and len(wanted) == 1 and wanted[0] in OVERRIDES:
                request.method = wanted[0]
        return super().dispatch(request, *args, **kwargs)

    @property
    def caller(self) -> Caller:
        caller: Caller = self.request.auth  # type: ignore[assignment]  # what our authentication sets
        return caller

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.client = self.caller.client
        version_of(request)
        if request.method == "POST" and "_method" in request.query_params:
            raise ClerkError("malformed_request_parameters", f"_method is one of {', '.join(OVERRIDES)}, once.")

    def allowed_origin(self, request: Request) -> str:
        caller = request.auth if self.is_authenticated else None
        return (caller.page or "") if isinstance(caller, Caller) else super().allowed_origin(request)

    def requested_workspace(self, request: HttpRequest | Request) -> Workspace | None:
        with suppress(DisallowedHost):
            return UserSessionPolicy.objects.workspace_at(request.get_host())
        return None

    # Whose

    def own_client(self) -> Client:
        """The calling client, where the route is open to clients alone."""
        assert self.client is not None
        return self.client

    def sessions(self, *, at: datetime) -> list[UserSession]:
        """What the client lists, newest first, each with all that goes into a token: one query in all."""
        return self.own_client().shows(self._not_left(at=at), at=at)

    def session(self, id: str, *, at: datetime) -> UserSession:
        """The session of this client with this id, also one that is revoked and not listed: whoever uses it is to learn
        that it is over. One of another client is as one that does not exist."""
        for session in self._not_left(at=at):
            if session.pk == id:
                return session
        raise session_not_found(id)

    def _not_left(self, *, at: datetime) -> list[UserSession]:
        if self.listed is None:
            self.listed = UserSession.on_client(self.own_client(), at=at)
        return self.listed

    def minting_session(self, id: str, *, at: datetime) -> UserSession:
        """The live session of this client with this id, with all that goes into a token: one query."""
        session = UserSession.minting(self.caller.workspace, id, at=at) if is_storable(id) else None
        if session is not None and session.client_id == self.own_client().pk:
            return session
        self.session(id, at=at)
        raise ClerkError("authentication_invalid", "The session is over.")

    def active_session(self, request: Request, *, at: datetime) -> UserSession:
        """The session that the caller says is in use, which SDKs do by ``_clerk_session_id``, or that we know to be."""
        sessions = self.sessions(at=at)
        named = request.query_params.getlist("_clerk_session_id")
        if named:
            active = next((session for session in sessions if [session.pk] == named and session.is_usable(at)), None)
        else:
            active = self.own_client().active_among(sessions, at=at)
        if active is None:
            raise ClerkError("signed_out", "Nobody is signed in on this client.")
        return active

    def become_client(self, *, at: datetime) -> Client:
        """Let a visitor be a client from now on; in a transaction, for it is kept only if all goes well.

        Raises StaleClient for a browser that is one already, and asked before it knew its newer token: with a second
        client it would lose the accounts of the first.
        """
        if self.caller.is_late:
            raise StaleClient
        self.client = Client.objects.begin(self.caller.workspace, at=at)
        return self.client

    @property
    def network(self) -> str:
        """Whose requests are counted where only the address tells."""
        return network_of(client_address(self.request))

    @cached_property
    def device(self) -> Device:
        """What the caller uses."""
        return device_of(self.request.headers.get("user-agent", ""), client_address(self.request))

    def by_password(self, user: Any | None, name: str, password: str, *, or_another: bool = False) -> Any | None:
        """Whom the host's backends let in with it, None if nobody goes by this name. Raises ClerkError if it is not the
        user's, or too many were tried. ``or_another``: the backends may know another user by this name."""
        who = user.pk if user else spelled(name)
        for kind, whose in attempts(who, self.network):
            self.limit(kind, *whose)
        try:
            found = authenticated(user, name, password, self.request._request)
        except LockedOut:
            raise ClerkError("user_locked", "Too many wrong passwords. Try again later.") from None
        if found is not None and (user is None or or_another or found.pk == user.pk):
            return found if is_known(self.caller.workspace, found) else None
        if user is None:
            return None
        if not can_have_password(user):
            raise ClerkError("strategy_for_user_invalid", "This user has no password.")
        raise wrong_password()

    def require_password_to_be_enough(self, user: Any, identifier: str) -> None:
        """Raises ClerkError, in the host's words, if the host requires more of this user than a password."""
        missing = requirement_of(user, identifier, self.request._request)
        if missing is not None:
            raise ClerkError("strategy_for_user_invalid", missing)

    def limit(self, kind: str, *whose: object) -> None:
        """Count one more request of this kind, wherever in the host's project. Raises ClerkError when there were too
        many."""
        if seconds := settings.seconds_to_wait(kind, *whose):
            error = ClerkError("too_many_requests", "Too many requests. Try again later.")
            error.retry_after = seconds
            raise error

    # Answers

    def attached_token(self, session: UserSession, *, at: datetime) -> str | None:
        """The session token that every shape of a live session has, None if it can mint none."""
        return attached_token(session, at=at, authorized_party=self.caller.page)

    def wrapped_session(self, session: UserSession, *, at: datetime) -> Response:
        """The answer to a verb: the session, and its client as it is now."""
        token = self.attached_token(session, at=at)
        return self.wrapped(session_object(session, at=at, token=token), at=at)

    def wrapped(self, response: Any, *, at: datetime) -> Response:
        return Response({"response": response, "client": self.client_shown(at=at)})

    def client_shown(self, *, at: datetime) -> dict[str, Any]:
        """The client with its sessions.

        A live session whose token is too large is left out, so that its user counts as signed out: clerk-js puts a
        listed one in use, and ``useAuth`` of the SDKs for React throws for one without a token.
        """
        client, sessions = self.own_client(), self.sessions(at=at)
        tokens = {session.pk: self.attached_token(session, at=at) for session in sessions}
        sessions = [session for session in sessions if tokens[session.pk] or not session.is_usable(at)]
        active = client.active_among(sessions, at=at)
        self.tells_signed_in, self.signed_in_since = True, client.updated_at if active else None
        return client_object(client, sessions, active, at=at, sign_in=SignIn.of_client(client), tokens=tokens)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        if response.status_code < 400 and isinstance(request.auth, Caller):
            self._hand_over(response, request.auth)
        return response

    def _hand_over(self, response: Response, caller: Caller) -> None:
        """Give the client its token if it has another than it presented, by the way it came."""
        renewed = self.client if self.client and self.client.rotation != caller.rotation else None
        if renewed and caller.is_native:
            response.headers["Authorization"] = client_token(renewed)
        elif renewed:
            set_client(response, renewed)
        elif self.client is None and caller.client is not None and not caller.is_native:
            drop_client(response)
        if self.tells_signed_in and not caller.is_native:
            tell_signed_in(response, caller.workspace, self.signed_in_since)

    def error_response(self, error: Exception) -> Response | None:
        answer = super().error_response(error)
        if answer is None or answer.status_code == 500:
            forget_query(self.request._request)  # a report of the error would quote it
        return answer


def wrong_password() -> ClerkError:
    return of_parameter("form_password_incorrect", "password", "Password is incorrect. Try again.")
