"""Answers that contain the client with its sessions, and the cookies that follow from them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpResponseBase

from sessions_core.http.responses import Response
from user_sessions.clerk.cookies import drop_client, set_client, set_signed_in_cookie
from user_sessions.clerk.frontend.calling_client import CallingClient
from user_sessions.clerk.frontend.client_authentication import Caller
from user_sessions.clerk.frontend.frontend_shapes import client_object, session_object
from user_sessions.models import Client, SignIn, UserSession
from user_sessions.tokens.attached_tokens import attached_token
from user_sessions.tokens.client_tokens import client_token

__all__ = ["ClientAnswer", "ClientAnswers", "set_cookies"]


class ClientAnswer(Response):
    """An answer that also sets ``__client_uat``: ``signed_in_since`` is the time of the sign-in, None if signed out."""

    def __init__(self, response: Any, client: Any = None, *, signed_in_since: datetime | None = None) -> None:
        super().__init__({"response": response, "client": client})
        self.signed_in_since = signed_in_since


@dataclass(frozen=True)
class ClientAnswers:
    """The answers to one request. ``page`` is the origin of the calling page, if any."""

    own: CallingClient
    page: str | None

    def attached_token(self, session: UserSession, *, at: datetime) -> str | None:
        """Return the session token for the JSON of a live session, or None if it cannot be minted."""
        return attached_token(session, at=at, authorized_party=self.page)

    def client(self, *, at: datetime) -> ClientAnswer:
        client, signed_in_since = self._client(at=at)
        return ClientAnswer(client, signed_in_since=signed_in_since)

    def session(self, session: UserSession, *, at: datetime) -> ClientAnswer:
        """Return the answer to a verb: the session and its current client, which usually lists the session."""
        client, signed_in_since = self._client(at=at)
        shown = next((listed for listed in client["sessions"] if listed["id"] == session.pk), None)
        if shown is None:
            shown = session_object(session, at=at, token=self.attached_token(session, at=at))
        return ClientAnswer(shown, client, signed_in_since=signed_in_since)

    def wrapped(self, response: Any, *, at: datetime) -> ClientAnswer:
        client, signed_in_since = self._client(at=at)
        return ClientAnswer(response, client, signed_in_since=signed_in_since)

    def _client(self, *, at: datetime) -> tuple[dict[str, Any], datetime | None]:
        """Return the JSON of the client with its sessions, and since when a user is signed in.

        A live session whose token is too large is left out, so that its user counts as signed out: clerk-js activates
        a listed session, and ``useAuth`` of the React SDKs throws for one without a token.
        """
        client, sessions = self.own.client, self.own.sessions(at=at)
        tokens = {session.pk: self.attached_token(session, at=at) for session in sessions}
        sessions = [session for session in sessions if tokens[session.pk] or not session.is_usable(at)]
        active = client.active_among(sessions, at=at)
        sign_in = SignIn.of_client(client) if client.has_open_sign_in else None
        found = client_object(client, sessions, active, at=at, sign_in=sign_in, tokens=tokens)
        return found, client.updated_at if active else None


def set_cookies(response: HttpResponseBase, caller: Caller, client: Client | None) -> None:
    """Send the client its new token, by cookie or header as it sent the old one, and set ``__client_uat``."""
    renewed = client if client and client.rotation != caller.rotation else None
    if renewed and caller.is_native:
        response.headers["Authorization"] = client_token(renewed)
    elif renewed:
        set_client(response, renewed)
    elif client is None and caller.client is not None and not caller.is_native:
        drop_client(response)
    if isinstance(response, ClientAnswer) and not caller.is_native:
        set_signed_in_cookie(response, caller.workspace, response.signed_in_since)
