"""Rate limits of the Frontend API."""

from user_sessions.clerk.errors import ClerkError
from user_sessions.conf import settings

__all__ = ["count"]


def count(kind: str, *keys: object) -> None:
    """Count one request of this kind. Raise ClerkError over the rate limit."""
    if seconds := settings.seconds_to_wait(kind, *keys):
        error = ClerkError("too_many_requests", "Too many requests. Try again later.")
        error.retry_after = seconds
        raise error
