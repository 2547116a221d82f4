"""The operator's own session, which an action must not end."""

from typing import Any

from django.http import HttpRequest

__all__ = ["own_session", "without_own"]


def own_session(request: HttpRequest) -> str:
    """Return the id of the user session with which the operator uses the console, or an empty text."""
    session = getattr(request, "user_session", None)
    return session.pk if session else ""


def without_own(request: HttpRequest, sessions: Any) -> Any:
    """Return the sessions without the operator's own one: an action must not sign its operator out."""
    own = own_session(request)
    return sessions.exclude(pk=own) if own else sessions
