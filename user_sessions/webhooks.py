"""What webhooks tell of user sessions, in the shapes of the backend API."""

from collections.abc import Sequence
from typing import Any

from sessions_core.models import Event
from sessions_core.webhooks import announce
from user_sessions.backend_api.serializers import session_object, user_object
from user_sessions.backend_api.versions import VERSIONS
from user_sessions.models import UserSession

# A session that expires, is abandoned or is replaced is announced by nothing.
ANNOUNCED = ("created", "pending", "ended", "removed", "revoked")


def payload(events: Sequence[Event]) -> list[dict[str, Any]]:
    """The session and its user as they were when the event happened."""
    sessions = UserSession.objects.select_related("user").in_bulk([event.subject for event in events])
    return [_data(sessions[event.subject], event) for event in events]


def _data(session: UserSession, event: Event) -> dict[str, Any]:
    data = session_object(session, at=event.created_at, version=VERSIONS[-1])
    data.pop("tasks", None)  # not part of the published shape
    return data | {"user": user_object(session.user)}


for deed in ANNOUNCED:
    announce(f"user_session.{deed}", as_=f"session.{deed}", payload=payload)
