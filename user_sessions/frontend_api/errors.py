"""What this API says of refusals that the one for backends does not meet, or words otherwise."""

from user_sessions.dialect.errors import ApiError
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


def refusal_of(error: Exception) -> ApiError | None:
    match error:
        case NotLive():
            return ApiError("authentication_invalid", "The session is over.")
        case StaleClient():
            return ApiError("authentication_invalid", "The client has a newer token than this one.")
        case Impersonated():
            return ApiError("session_creation_not_allowed", "Nobody signs in beside somebody who impersonates a user.")
        case ImpersonationRefused():
            return ApiError("actor_token_cannot_be_used_code", "This user cannot be impersonated.")
        case SessionExists():
            return ApiError("session_exists", "You are signed in already, and one session at a time is allowed.")
        case AlreadySignedIn():
            return ApiError("identifier_already_signed_in", session_id=error.session.pk)
        case ReverificationMissing():
            return ApiError("session_reverification_missing", "Ask for a verification first.")
    return None
