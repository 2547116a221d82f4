"""Why a verb is refused: one class for each reason."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from user_sessions.models.sessions import UserSession

__all__ = [
    "AlreadySignedIn",
    "ForeignClient",
    "Impersonated",
    "KeyMissing",
    "NameTaken",
    "NotLive",
    "NotPending",
    "OfSessionTokens",
    "SessionExists",
    "TemplateGone",
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


class SessionExists(UserSessionError):
    """The workspace allows a client one session at a time, and it has one."""


class AlreadySignedIn(UserSessionError):
    """The user has a live session on this client: ``session``."""

    def __init__(self, session: "UserSession") -> None:
        super().__init__(session)
        self.session = session


class Impersonated(UserSessionError):
    """Somebody impersonates a user on this client, and nobody signs in beside them."""


class TooManySessions(UserSessionError):
    """The user has as many live sessions as the workspace allows."""


class NotPending(UserSessionError):
    """The ticket was used or revoked already."""


class NameTaken(UserSessionError):
    """The workspace has a JWT template of this name."""


class KeyMissing(UserSessionError):
    """The JWT template is to be signed with a key of its own, and there is none."""


class OfSessionTokens(UserSessionError):
    """The JWT template customises session tokens, and is not deleted."""


class TemplateGone(UserSessionError):
    """The JWT template was deleted meanwhile."""
