"""The base view of the Frontend API: the client, its sessions, and responses that contain both."""

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
from sessions_core.http.error_reports import RedactingReporterFilter, remove_query
from sessions_core.models import Workspace
from sessions_core.rates import network_of
from sessions_core.texts import is_storable
from user_sessions.clerk.base_view import ClerkView, session_not_found
from user_sessions.clerk.cookies import drop_client, set_client, set_signed_in_cookie
from user_sessions.clerk.errors import ClerkError, of_parameter
from user_sessions.clerk.frontend.client_authentication import Caller, ClientAuthentication
from user_sessions.clerk.frontend.forms import FormParser
from user_sessions.clerk.frontend.frontend_errors import REFUSALS
from user_sessions.clerk.frontend.frontend_shapes import client_object, session_object
from user_sessions.clerk.versions import version_of
from user_sessions.conf import settings
from user_sessions.models import Client, SignIn, StaleClient, UserSession, UserSessionPolicy
from user_sessions.passwords import (
    LockedOut,
    attempt_limits,
    authenticate_password,
    can_have_password,
)
from user_sessions.requirements import requirement_of
from user_sessions.tokens.attached_tokens import attached_token
from user_sessions.tokens.client_tokens import client_token
from user_sessions.user_agents import Device, device_of
from user_sessions.users import has_user, normalize_name

__all__ = ["FrontendView", "wrong_password"]

OVERRIDES = ("DELETE", "PATCH", "PUT")


class FrontendView(ClerkView):
    """Base view. ``client`` is the calling client, or the one that a sign-in created; None for a visitor."""

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

    # True if the response sets ``__client_uat``, with the time of the sign-in.
    sets_signed_in_cookie: bool = False
    signed_in_since: datetime | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Apply ``_method`` in the query of a POST: pages send only GET and POST without a CORS preflight."""
        request.exception_reporter_filter = RedactingReporterFilter()  # Django reads this attribute
        with suppress(SuspiciousOperation):
            methods = request.GET.getlist("_method")
            if request.method == "POST" and len(methods) == 1 and methods[0] in OVERRIDES:
                request.method = methods[0]
        return super().dispatch(request, *args, **kwargs)

    @property
    def caller(self) -> Caller:
        caller: Caller = self.request.auth  # type: ignore[assignment]  # set by our authentication
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

    # Client and sessions

    def own_client(self) -> Client:
        """Return the calling client, on a route for clients only."""
        assert self.client is not None
        return self.client

    def sessions(self, *, at: datetime) -> list[UserSession]:
        """Return the listed sessions, newest first, with their token facts: one query."""
        return self.own_client().listed_sessions(self._not_left(at=at), at=at)

    def session(self, id: str, *, at: datetime) -> UserSession:
        """Return the session of this client with this id. Raise ClerkError.

        It also returns a revoked session that is not listed, so that its user learns that it is over. A session of
        another client is not found.
        """
        for session in self._not_left(at=at):
            if session.pk == id:
                return session
        raise session_not_found(id)

    def _not_left(self, *, at: datetime) -> list[UserSession]:
        if self.listed is None:
            self.listed = UserSession.on_client(self.own_client(), at=at)
        return self.listed

    def minting_session(self, id: str, *, at: datetime) -> UserSession:
        """Return the live session of this client with this id, with its token facts: one query. Raise ClerkError."""
        session = UserSession.minting(self.caller.workspace, id, at=at) if is_storable(id) else None
        if session is not None and session.client_id == self.own_client().pk:
            return session
        self.session(id, at=at)
        raise ClerkError("authentication_invalid", "The session is over.")

    def active_session(self, request: Request, *, at: datetime) -> UserSession:
        """Return the session in use: the one that SDKs name in ``_clerk_session_id``, or the active one.

        Raise ClerkError.
        """
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
        """Create a client for a visitor. Call it in a transaction, so that a failed sign-in leaves no client.

        Raise StaleClient for a browser that sent a token replaced a moment ago: with a second client it would lose the
        accounts of the first.
        """
        if self.caller.is_stale:
            raise StaleClient
        self.client = Client.objects.begin(self.caller.workspace, at=at)
        return self.client

    @property
    def network(self) -> str:
        """Return the caller's network, which counts requests without another key."""
        return network_of(client_address(self.request))

    @cached_property
    def device(self) -> Device:
        """Return the caller's device."""
        return device_of(self.request.headers.get("user-agent", ""), client_address(self.request))

    def by_password(self, user: Any | None, name: str, password: str, *, or_another: bool = False) -> Any | None:
        """Return the user whom the host's backends authenticate, or None if the name is unknown.

        Raise ClerkError for a wrong password, or over the rate limit. With ``or_another`` the backends may return
        another user with this name.
        """
        who = user.pk if user else normalize_name(name)
        for kind, keys in attempt_limits(who, self.network):
            self.limit(kind, *keys)
        try:
            found = authenticate_password(user, name, password, self.request._request)
        except LockedOut:
            raise ClerkError("user_locked", "Too many wrong passwords. Try again later.") from None
        if found is not None and (user is None or or_another or found.pk == user.pk):
            return found if has_user(self.caller.workspace, found) else None
        if user is None:
            return None
        if not can_have_password(user):
            raise ClerkError("strategy_for_user_invalid", "This user has no password.")
        raise wrong_password()

    def require_password_to_be_enough(self, user: Any, identifier: str) -> None:
        """Raise ClerkError with the host's sentence if the host requires more of this user than a password."""
        missing = requirement_of(user, identifier, self.request._request)
        if missing is not None:
            raise ClerkError("strategy_for_user_invalid", missing)

    def limit(self, kind: str, *keys: object) -> None:
        """Count one request of this kind. Raise ClerkError over the rate limit."""
        if seconds := settings.seconds_to_wait(kind, *keys):
            error = ClerkError("too_many_requests", "Too many requests. Try again later.")
            error.retry_after = seconds
            raise error

    # Responses

    def attached_token(self, session: UserSession, *, at: datetime) -> str | None:
        """Return the session token for the JSON of a live session, or None if it cannot be minted."""
        return attached_token(session, at=at, authorized_party=self.caller.page)

    def wrapped_session(self, session: UserSession, *, at: datetime) -> Response:
        """Return the response to a verb: the session and its current client."""
        token = self.attached_token(session, at=at)
        return self.wrapped(session_object(session, at=at, token=token), at=at)

    def wrapped(self, response: Any, *, at: datetime) -> Response:
        return Response({"response": response, "client": self.client_json(at=at)})

    def client_json(self, *, at: datetime) -> dict[str, Any]:
        """Return the JSON of the client with its sessions.

        A live session whose token is too large is left out, so that its user counts as signed out: clerk-js activates
        a listed session, and ``useAuth`` of the React SDKs throws for one without a token.
        """
        client, sessions = self.own_client(), self.sessions(at=at)
        tokens = {session.pk: self.attached_token(session, at=at) for session in sessions}
        sessions = [session for session in sessions if tokens[session.pk] or not session.is_usable(at)]
        active = client.active_among(sessions, at=at)
        self.sets_signed_in_cookie, self.signed_in_since = True, client.updated_at if active else None
        return client_object(client, sessions, active, at=at, sign_in=SignIn.of_client(client), tokens=tokens)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        if response.status_code < 400 and isinstance(request.auth, Caller):
            self._send_client_token(response, request.auth)
        return response

    def _send_client_token(self, response: Response, caller: Caller) -> None:
        """Send the client its new token, by cookie or header as it sent the old one."""
        renewed = self.client if self.client and self.client.rotation != caller.rotation else None
        if renewed and caller.is_native:
            response.headers["Authorization"] = client_token(renewed)
        elif renewed:
            set_client(response, renewed)
        elif self.client is None and caller.client is not None and not caller.is_native:
            drop_client(response)
        if self.sets_signed_in_cookie and not caller.is_native:
            set_signed_in_cookie(response, caller.workspace, self.signed_in_since)

    def error_response(self, error: Exception) -> Response | None:
        answer = super().error_response(error)
        if answer is None or answer.status_code == 500:
            remove_query(self.request._request)  # an error report would quote it
        return answer


def wrong_password() -> ClerkError:
    return of_parameter("form_password_incorrect", "password", "Password is incorrect. Try again.")
