"""The error table of the Frontend API: the common table with a few other messages."""

from sessions_core.http.refusals import Refusals
from user_sessions.clerk import refusals
from user_sessions.clerk.errors import ClerkError
from user_sessions.exceptions import ImpersonationRefused, NotLive

__all__ = ["REFUSALS"]

REFUSALS: Refusals[ClerkError] = {
    **refusals.REFUSALS,
    NotLive: lambda error: ClerkError("authentication_invalid", "The session is over."),
    ImpersonationRefused: lambda error: ClerkError(
        "actor_token_cannot_be_used_code", "This user cannot be impersonated."
    ),
}
