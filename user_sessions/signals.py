"""Django signals about user sessions, sent after the transaction of the change has committed.

The sender is ``UserSession``. An error that a receiver raises is logged and has no other effect.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.dispatch import Signal

from sessions_core.models import Event
from sessions_core.signals import send_after
from user_sessions.models import Status, UserSession
from user_sessions.models.status import OPEN

__all__ = ["new_device_signed_in", "session_ended", "session_started", "token_reused"]

# session, actor
session_started = Signal()

# session, actor
new_device_signed_in = Signal()

# workspace_id, session_ids, status, reason, actor, at
session_ended = Signal()

# workspace_id, session_id, origin, at
token_reused = Signal()

# Ids that a query of an epoch's sessions reads at a time.
BATCH = 500


class SessionsOfEpoch:
    """The ids of the sessions that an epoch ended, read in batches at each iteration: there may be millions."""

    def __init__(self, event: Event) -> None:
        self.event = event

    def __iter__(self) -> Iterator[str]:
        sessions: Any = UserSession.objects.filter(workspace=self.event.workspace_id, recorded_ends=0)
        ended = sessions.with_status_facts().filter(epoch_id=self.event.data["epoch"], stored_status__in=OPEN)
        yield from ended.order_by().values_list("pk", flat=True).iterator(chunk_size=BATCH)


def _started(events: Sequence[Event]) -> Iterator[Mapping[str, Any]]:
    # ``UserSession.require`` records ``user_session.pending`` with the tasks, ``start`` without.
    begun = {event.subject: event for event in events if "tasks" not in event.data}
    if not begun:
        return
    joined = ("user", "client", "workspace", "latest_activity")
    sessions = UserSession.objects.with_status_facts().select_related(*joined).in_bulk(begun)
    for id, session in sessions.items():
        yield {"session": session, "actor": begun[id].actor}


def _on_new_devices(events: Sequence[Event]) -> Iterator[Mapping[str, Any]]:
    yield from _started([event for event in events if event.data.get("new_device")])


def _ended(events: Sequence[Event]) -> Iterator[Mapping[str, Any]]:
    """Yield once for all events: they share everything but the session. Skip those of sessions that were over."""
    first = events[0]
    if "was_over" not in first.data:
        status = Status(first.type.removeprefix("user_session."))
        yield _end(first, [event.subject for event in events], status)


def _ended_by_epoch(events: Sequence[Event]) -> Iterator[Mapping[str, Any]]:
    for event in events:
        yield _end(event, SessionsOfEpoch(event), Status.REVOKED)


def _end(event: Event, session_ids: Sequence[str] | SessionsOfEpoch, status: Status) -> Mapping[str, Any]:
    return {
        "workspace_id": event.workspace_id,
        "session_ids": session_ids,
        "status": status,
        "reason": event.data["reason"],
        "actor": event.actor,
        "at": event.created_at,
    }


def _reused(events: Sequence[Event]) -> Iterator[Mapping[str, Any]]:
    for event in events:
        yield {
            "workspace_id": event.workspace_id,
            "session_id": event.subject,
            "origin": event.data["origin"],
            "at": event.created_at,
        }


ENDS = ("ended", "revoked", "replaced", "removed", "expired")

BEGINNINGS = ("user_session.created", "user_session.pending")

send_after(*BEGINNINGS, signal=session_started, sender=UserSession, arguments=_started)
send_after(*BEGINNINGS, signal=new_device_signed_in, sender=UserSession, arguments=_on_new_devices)
send_after(*(f"user_session.{end}" for end in ENDS), signal=session_ended, sender=UserSession, arguments=_ended)
send_after("epoch.begun", signal=session_ended, sender=UserSession, arguments=_ended_by_epoch)
send_after("user_session.token_reused", signal=token_reused, sender=UserSession, arguments=_reused)
