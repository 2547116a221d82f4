"""Why a verb of a user session is refused: one class for each reason."""

__all__ = ["ForeignClient", "NotLive", "UserInactive", "UserSessionError"]


class UserSessionError(Exception):
    """Why a verb was refused."""


class NotLive(UserSessionError):
    """The session is over or gone, and nothing brings it back."""


class UserInactive(UserSessionError):
    """The user may not sign in."""


class ForeignClient(UserSessionError):
    """The client belongs to another workspace."""
