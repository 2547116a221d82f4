"""Errors of client sessions and their tokens."""

from typing import TYPE_CHECKING, ClassVar

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

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

    def __str__(self) -> str:
        """Return the reason. Most are raised without arguments, and their class says it."""
        return super().__str__() or self.__doc__ or ""


class KeyTaken(ClientSessionError):
    """Another live client session of the workspace has this user identifier key: ``holder``, unless it was deleted."""

    def __init__(self, holder: "ClientSession | None" = None) -> None:
        super().__init__()
        self.holder = holder

    def __str__(self) -> str:
        return "Another live client session of the workspace has this user identifier key."


class NotLive(ClientSessionError):
    """The client session is revoked, expired or deleted."""


class GrantConflict(ClientSessionError):
    """The client session has another user identifier key, or another resource of a type that allows only one."""


class TokenRefused(ClientSessionError):
    """The caller has no live client session. ``code`` is stable; ``message`` is for people."""

    code: ClassVar[str]
    message: "ClassVar[_StrOrPromise]"

    def __str__(self) -> str:
        return str(self.message)


class TokenMissing(TokenRefused):
    """The request has no client session token."""

    code = "not_authenticated"
    message = _("A client session token is required.")


class TokenMalformed(TokenRefused):
    """A header for client session tokens contains another value."""

    code = "invalid_client_session_token"
    message = _("The token is not a client session token.")


class TokenUnknown(TokenRefused):
    """The token is forged, or its session was deleted."""

    code = "client_session_not_found"
    message = _("The client session token is unknown.")


class TokenExpired(TokenRefused):
    """The client session of the token has expired."""

    code = "client_session_expired"
    message = _("The client session has expired.")


class TokenRevoked(TokenRefused):
    """The client session of the token was revoked."""

    code = "client_session_revoked"
    message = _("The client session was revoked.")
