"""Why a verb is refused: one class for each reason."""

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
    """Why a verb was refused."""


class NotLive(UserSessionError):
    """The session is over or gone, and nothing brings it back."""


class UserInactive(UserSessionError):
    """The user may not sign in."""


class ForeignClient(UserSessionError):
    """The client belongs to another workspace."""


class StaleClient(UserSessionError):
    """The client has a newer token than the one it was known by."""


class ReverificationMissing(UserSessionError):
    """Nobody asked this session's user to prove again who they are, or that was too long ago."""


class SessionExists(UserSessionError):
    """The workspace allows a client one session at a time, and it has one."""


class AlreadySignedIn(UserSessionError):
    """The user has a live session on this client: ``session``."""

    def __init__(self, session: "UserSession") -> None:
        super().__init__(session)
        self.session = session


class Impersonated(UserSessionError):
    """Somebody impersonates a user on this client, and nobody signs in beside them."""


class ImpersonationRefused(UserSessionError):
    """The policy does not let anyone impersonate this user."""


class TooManySessions(UserSessionError):
    """The user has as many live sessions as the workspace allows."""


class NotPending(UserSessionError):
    """The ticket was used or revoked already."""


class NameTaken(UserSessionError):
    """The workspace has a JWT template of this name."""


class NonceSpent(UserSessionError):
    """It was used already."""


class KeyMissing(UserSessionError):
    """The JWT template is to be signed with a key of its own, and there is none."""


class OfSessionTokens(UserSessionError):
    """The JWT template customises session tokens, and is not deleted."""


class TemplateGone(UserSessionError):
    """The JWT template was deleted meanwhile."""


class TicketExpired(UserSessionError):
    """The ticket's time is over."""


class NameRefused(UserSessionError):
    """The JWT template's name cannot stand in a path, or is one of ours."""


class ReservedClaim(UserSessionError):
    """The JWT template sets ``claim``, which the server alone sets."""

    def __init__(self, claim: str) -> None:
        super().__init__(claim)
        self.claim = claim


class AudienceRefused(UserSessionError):
    """The JWT template's ``aud`` is neither text nor a list of texts (RFC 7519, section 4.1.3)."""
