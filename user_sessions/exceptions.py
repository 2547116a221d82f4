"""Errors of user sessions: one class for each reason that a verb is refused."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from user_sessions.models.sessions import UserSession

__all__ = [
    "AlreadySignedIn",
    "AudienceRefused",
    "ForeignClient",
    "Impersonated",
    "ImpersonationRefused",
    "KeyMissing",
    "NameRefused",
    "NameTaken",
    "NonceSpent",
    "NotLive",
    "NotPending",
    "OfSessionTokens",
    "ReservedClaim",
    "ReverificationMissing",
    "SessionExists",
    "StaleClient",
    "TemplateGone",
    "TicketExpired",
    "TooManySessions",
    "UserInactive",
    "UserSessionError",
]


class UserSessionError(Exception):
    """Base class: a verb was refused."""

    def __str__(self) -> str:
        """Return the reason. Most are raised without arguments, and their class says it."""
        return super().__str__() or self.__doc__ or ""


class NotLive(UserSessionError):
    """The session is not live, or it was deleted."""


class UserInactive(UserSessionError):
    """The user is inactive."""


class ForeignClient(UserSessionError):
    """The client belongs to another workspace."""


class StaleClient(UserSessionError):
    """The client's token is stale: the client has a newer one."""


class ReverificationMissing(UserSessionError):
    """No re-authentication of this session is pending, or the request for it has expired."""


class SessionExists(UserSessionError):
    """The workspace allows one session at a time on each client, and this client has one."""


class AlreadySignedIn(UserSessionError):
    """The user already has a live session on this client: ``session``."""

    def __init__(self, session: "UserSession") -> None:
        super().__init__(session)
        self.session = session

    def __str__(self) -> str:
        return f"The user already has the live session {self.session} on this client."


class Impersonated(UserSessionError):
    """Sign-in is disabled on this client during an impersonation."""


class ImpersonationRefused(UserSessionError):
    """``USER_SESSIONS["MAY_BE_IMPERSONATED"]`` does not allow this user to be impersonated."""


class TooManySessions(UserSessionError):
    """The user has as many live sessions as the workspace allows."""


class NotPending(UserSessionError):
    """The ticket was already used or revoked."""


class NameTaken(UserSessionError):
    """The workspace already has a JWT template with this name."""


class NonceSpent(UserSessionError):
    """The nonce is invalid, expired or already used."""


class KeyMissing(UserSessionError):
    """The JWT template needs its own signing key, and it has none for this algorithm."""


class OfSessionTokens(UserSessionError):
    """The JWT template customises session tokens, so it cannot be deleted."""


class TemplateGone(UserSessionError):
    """The JWT template was deleted in the meantime."""


class TicketExpired(UserSessionError):
    """The ticket has expired."""


class NameRefused(UserSessionError):
    """The JWT template's name is not valid in a URL path, or is reserved."""


class ReservedClaim(UserSessionError):
    """The JWT template sets ``claim``, which only the server may set."""

    def __init__(self, claim: str) -> None:
        super().__init__(claim)
        self.claim = claim

    def __str__(self) -> str:
        return f"Only the server may set the claim {self.claim!r}."


class AudienceRefused(UserSessionError):
    """The JWT template's ``aud`` is neither a string nor a list of strings (RFC 7519, section 4.1.3)."""
