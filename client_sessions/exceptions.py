"""Why a client session refuses a verb or a token: one class for each reason."""

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from client_sessions.models.sessions import ClientSession

__all__ = [
    "ClientSessionError",
    "GrantConflict",
    "KeyTaken",
    "NotLive",
    "TokenExpired",
    "TokenMalformed",
    "TokenMissing",
    "TokenRefused",
    "TokenRevoked",
    "TokenUnknown",
]


class ClientSessionError(Exception):
    """Base of the errors of client sessions."""


class KeyTaken(ClientSessionError):
    """A live client session of this workspace has this user identifier key: ``holder``, if it is still there."""

    def __init__(self, holder: "ClientSession | None" = None) -> None:
        super().__init__()
        self.holder = holder


class NotLive(ClientSessionError):
    """The client session is revoked, expired or deleted, and nothing brings it back."""


class GrantConflict(ClientSessionError):
    """The client session has another resource of a type it can hold only one of, or another user identifier key."""


class TokenRefused(ClientSessionError):
    """The caller does not hold a live client session. ``code`` is stable; ``message`` is for people."""

    code: ClassVar[str]
    message: ClassVar[str]

    def __str__(self) -> str:
        return self.message


class TokenMissing(TokenRefused):
    """The request has no client session token."""

    code = "not_authenticated"
    message = "A client session token is required."


class TokenMalformed(TokenRefused):
    """A header that is only for client session tokens holds something else."""

    code = "invalid_client_session_token"
    message = "The token is not a client session token."


class TokenUnknown(TokenRefused):
    """The token was forged, rolled or deleted."""

    code = "client_session_not_found"
    message = "The client session token is unknown."


class TokenExpired(TokenRefused):
    """The client session of the token has expired."""

    code = "client_session_expired"
    message = "The client session has expired."


class TokenRevoked(TokenRefused):
    """The client session of the token was revoked."""

    code = "client_session_revoked"
    message = "The client session was revoked."
