"""Django signals about client sessions, sent after the transaction of the change has committed.

The sender is ``ClientSession``. An error that a receiver raises is logged and has no other effect.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.dispatch import Signal

from client_sessions import resources
from client_sessions.models import ClientSession
from sessions_core.models import Event
from sessions_core.signals import send_after

__all__ = ["client_session_revoked", "client_session_started", "grants_changed"]

# session, actor
client_session_started = Signal()

# workspace_id, session_ids, actor, at
client_session_revoked = Signal()

# workspace_id, session_id, change, grants, actor, at
grants_changed = Signal()

# What happened to the grants, by the type of the event.
CHANGES = {
    "client_session.granted": "granted",
    "client_session.grants_removed": "removed",
    "client_session.grants_limited": "limited",
}


def _started(events: Sequence[Event]) -> Iterator[Mapping[str, Any]]:
    begun = {UUID(event.subject): event for event in events}
    for id, session in ClientSession.objects.select_related("workspace").in_bulk(begun).items():
        yield {"session": session, "actor": begun[id].actor}


def _revoked(events: Sequence[Event]) -> Iterator[Mapping[str, Any]]:
    """Yield once for all events: they share everything but the session. Skip deleted sessions revoked before."""
    first = events[0]
    if "was_revoked" not in first.data:
        yield {
            "workspace_id": first.workspace_id,
            "session_ids": [UUID(event.subject) for event in events],
            "actor": first.actor,
            "at": first.created_at,
        }


def _changed(events: Sequence[Event]) -> Iterator[Mapping[str, Any]]:
    for event in events:
        yield {
            "workspace_id": event.workspace_id,
            "session_id": UUID(event.subject),
            "change": CHANGES[event.type],
            "grants": {
                resource_type: [resources.format_id(resource_type, id) for id in ids]
                for resource_type, ids in event.data["grants"].items()
            },
            "actor": event.actor,
            "at": event.created_at,
        }


send_after("client_session.created", signal=client_session_started, sender=ClientSession, arguments=_started)
send_after(
    "client_session.revoked",
    "client_session.deleted",
    signal=client_session_revoked,
    sender=ClientSession,
    arguments=_revoked,
)
send_after(*CHANGES, signal=grants_changed, sender=ClientSession, arguments=_changed)
