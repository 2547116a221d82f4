"""Why a verb of a client session is refused: one class for each reason."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from client_sessions.models.sessions import ClientSession


class ClientSessionError(Exception):
    """Why a verb was refused."""


class KeyTaken(ClientSessionError):
    """A live client session of this workspace has this user identifier key: ``holder``, if it is still there."""

    def __init__(self, holder: "ClientSession | None" = None) -> None:
        super().__init__()
        self.holder = holder


class NotLive(ClientSessionError):
    """The client session is revoked, expired or deleted, and nothing brings it back."""


class GrantConflict(ClientSessionError):
    """The client session has another resource of a type it can hold only one of, or another user identifier key."""
