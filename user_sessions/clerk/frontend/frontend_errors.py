"""What this API says of refusals that the one for backends does not meet, or words otherwise."""

from user_sessions.clerk.errors import ClerkError
from user_sessions.models import (
    AlreadySignedIn,
    Impersonated,
    ImpersonationRefused,
    NotLive,
    ReverificationMissing,
    SessionExists,
    StaleClient,
)

__all__ = ["refusal_of"]


def refusal_of(error: Exception) -> ClerkError | None:
    match error:
        case NotLive():
            return ClerkError("authentication_invalid", "The session is over.")
        case StaleClient():
            return ClerkError("authentication_invalid", "The client has a newer token than this one.")
        case Impersonated():
            return ClerkError(
                "session_creation_not_allowed", "Nobody signs in beside somebody who impersonates a user."
            )
        case ImpersonationRefused():
            return ClerkError("actor_token_cannot_be_used_code", "This user cannot be impersonated.")
        case SessionExists():
            return ClerkError("session_exists", "You are signed in already, and one session at a time is allowed.")
        case AlreadySignedIn():
            return ClerkError("identifier_already_signed_in", session_id=error.session.pk)
        case ReverificationMissing():
            return ClerkError("session_reverification_missing", "Ask for a verification first.")
    return None
