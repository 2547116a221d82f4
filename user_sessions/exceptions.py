"""Errors of user sessions: one class for each reason that a verb is refused."""

from typing import TYPE_CHECKING, ClassVar

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

    from user_sessions.models.sessions import UserSession

__all__ = [
    "AlreadySignedIn",
    "AudienceRefused",
    "CsrfFailed",
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
    "SessionExpired",
    "SessionNotFound",
    "SessionPending",
    "SessionRevoked",
    "SessionTokenError",
    "SessionTokenExpired",
    "SessionTokenInvalid",
    "SessionTokenMissing",
    "SessionTokenNotYetValid",
    "SessionTokenRefused",
    "SessionsUnavailable",
    "SignInRefused",
    "StaleClient",
    "TemplateChanged",
    "TemplateGone",
    "TicketExpired",
    "TooManySessions",
    "UserInactive",
    "UserSessionError",
    "WrongOrigin",
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


class SignInRefused(UserSessionError):
    """``USER_SESSIONS["SIGN_IN_RISK"]`` refuses the sign-in. ``session`` is the one that did not begin."""

    def __init__(self, session: "UserSession", reason: str) -> None:
        super().__init__(session, reason)
        self.session = session
        self.reason = reason

    def __str__(self) -> str:
        return self.reason or "The sign-in looks like that of somebody else."


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


class TemplateChanged(UserSessionError):
    """The template changed since it was read."""


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


class SessionTokenError(UserSessionError):
    """The session token of a request is not accepted. ``code`` is stable; ``message`` is for people."""

    code: ClassVar[str]
    message: "ClassVar[_StrOrPromise]"

    def __str__(self) -> str:
        return str(self.message)


class SessionTokenRefused(SessionTokenError):
    """The caller is not signed in."""


class SessionTokenMissing(SessionTokenRefused):
    """The request has no session token."""

    code = "not_authenticated"
    message = _("Sign in to continue.")


class SessionTokenInvalid(SessionTokenRefused):
    """The token is forged, of another kind or of another workspace, or its signing key was revoked."""

    code = "invalid_session_token"
    message = _("The session token is invalid.")


class SessionTokenExpired(SessionTokenRefused):
    """The token has expired. The session may be live: request a new token."""

    code = "session_token_expired"
    message = _("The session token has expired.")


class SessionTokenNotYetValid(SessionTokenRefused):
    """The token becomes valid later, which happens if the clocks of two servers differ."""

    code = "session_token_not_yet_valid"
    message = _("The session token is not valid yet.")


class WrongOrigin(SessionTokenRefused):
    """The token in the cookie was not issued for a page of the workspace or of this host."""

    code = "wrong_origin"
    message = _("The session token was issued for another origin.")


class SessionPending(SessionTokenRefused):
    """The session is pending: the user must complete a task first."""

    code = "session_pending"
    message = _("The session is pending until the user completes a task.")


class SessionNotFound(SessionTokenRefused):
    """The session of the token was deleted, for example with its user."""

    code = "session_not_found"
    message = _("The session no longer exists.")


class SessionExpired(SessionTokenRefused):
    """The session of the token has expired."""

    code = "session_expired"
    message = _("The session has expired.")


class SessionRevoked(SessionTokenRefused):
    """The session of the token was ended, revoked, removed or replaced, or its user is inactive."""

    code = "session_revoked"
    message = _("The session is over.")


class CsrfFailed(SessionTokenError):
    """A request that may change something has its session token in a cookie and fails the CSRF checks."""

    code = "csrf_failed"
    message = _("The CSRF token is missing or incorrect.")


class SessionsUnavailable(SessionTokenError):
    """The database is unavailable, so nobody can be authenticated."""

    code = "sessions_unavailable"
    message = _("Sessions cannot be checked at the moment. Try again later.")
