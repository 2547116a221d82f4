"""The client that sent a request, and its sessions, which are read at most once in a request."""

from datetime import datetime

from sessions_core.texts import is_storable
from user_sessions.clerk.base_view import session_not_found
from user_sessions.clerk.errors import ClerkError
from user_sessions.clerk.frontend.client_authentication import Caller
from user_sessions.models import Client, StaleClient, UserSession

__all__ = ["CallingClient"]


class CallingClient:
    """``row`` is the calling client, or the one that this request created; None for a visitor."""

    def __init__(self, caller: Caller) -> None:
        self.row: Client | None = caller.client
        self._caller = caller
        self._not_left: list[UserSession] | None = None

    @property
    def client(self) -> Client:
        """Return the client, on a route for clients only."""
        assert self.row is not None
        return self.row

    def begin(self, *, at: datetime) -> Client:
        """Return the client, created for a visitor.

        Call it in a transaction, so that a failed sign-in leaves no client. Raise StaleClient for a browser that sent a
        token replaced a moment ago: with a second client it would lose the accounts of the first.
        """
        if self.row is None:
            self._refuse_stale()
            self.row = Client.objects.begin(self._caller.workspace, at=at)
        return self.row

    def close(self, *, at: datetime) -> None:
        """Sign every user out and close the client. The caller is a visitor then. Raise StaleClient or ClerkError."""
        self._refuse_stale()
        if self.row is None:
            raise ClerkError("resource_not_found", "There is no client to forget.")
        self.row.close(actor=self.row.actor, at=at)
        self.row = None

    def sessions(self, *, at: datetime) -> list[UserSession]:
        """Return the listed sessions, newest first, with their token facts: one query."""
        return self.client.listed_sessions(self._read(at=at), at=at)

    def session(self, id: str, *, at: datetime) -> UserSession:
        """Return the session of this client with this id. Raise ClerkError.

        It also returns a revoked session that is not listed, so that its user learns that it is over. A session of
        another client is not found.
        """
        session = self.find(id, at=at)
        if session is None:
            raise session_not_found(id)
        return session

    def find(self, id: str, *, at: datetime) -> UserSession | None:
        """Return the session of this client with this id, or None."""
        return next((session for session in self._read(at=at) if session.pk == id), None)

    def minting_session(self, id: str, *, at: datetime) -> UserSession:
        """Return the live session of this client with this id, with its token facts: one query. Raise ClerkError."""
        session = UserSession.minting(self._caller.workspace, id, at=at) if is_storable(id) else None
        if session is not None and session.client_id == self.client.pk:
            return session
        self.session(id, at=at)
        raise ClerkError("authentication_invalid", "The session is over.")

    def active_session(self, named: list[str], *, at: datetime) -> UserSession:
        """Return the session in use: the one in ``named``, if that is not empty, or the active one.

        Raise ClerkError.
        """
        sessions = self.sessions(at=at)
        if named:
            active = next((session for session in sessions if [session.pk] == named and session.is_usable(at)), None)
        else:
            active = self.client.active_among(sessions, at=at)
        if active is None:
            raise ClerkError("signed_out", "Nobody is signed in on this client.")
        return active

    def _read(self, *, at: datetime) -> list[UserSession]:
        if self._not_left is None:
            self._not_left = UserSession.on_client(self.client, at=at)
        return self._not_left

    def _refuse_stale(self) -> None:
        if self._caller.is_stale:
            raise StaleClient
