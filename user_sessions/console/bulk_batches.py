"""The work of a bulk revocation, in batches that never hold up a sign-in.

A batch reads a range of an index, and then revokes what it found in one short transaction, because on SQLite a
transaction holds up every writer. It locks the sessions in the order of their ids without waiting: those that others
have locked come last, one at a time. A pause follows.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q

from sessions_core.console.keysets import Keyset
from sessions_core.db.transactions import atomic
from sessions_core.moments import moment
from user_sessions.models import Status, UserSession
from user_sessions.models.bulk_revocations import BulkRevocation
from user_sessions.models.closing import close
from user_sessions.models.status import OPEN

__all__ = ["KEYSET", "Chosen", "frozen_set", "next_batch", "work"]

KEYSET = Keyset(UserSession, [("created_at", True), ("id", True)])
ORDER = ("-created_at", "-id")

# Sessions that one transaction revokes, and rows of the index that it reads for them.
BATCH = 50
SCANNED = 2000

# A pause lasts this many times as long as the batch before it.
PAUSE = 3

# Seconds that one request works.
SECONDS = 1.0


@dataclass(frozen=True)
class Chosen:
    """The sessions that a filter matches, whatever their age and status.

    ``scope`` are those that match the parts of the filter which an index serves, or None if they are few.
    """

    sessions: Any
    scope: Any | None


class _Place(NamedTuple):
    """How far the work is: the position in the index, or the sessions that wait."""

    position_at: datetime | None
    position_id: str
    is_walked: bool
    waiting: list[str]


def frozen_set(chosen: Any, row: BulkRevocation) -> Any:
    """Return those of the chosen sessions that the preview saw and that were open then: revoked now or not."""
    was_open = Q(stored_status__in=OPEN) | Q(closed_at__gt=row.as_of)
    return chosen.filter(was_open, _until_newest(row), expire_at__gt=row.as_of).exclude(pk=row.left_out)


def work(
    row: BulkRevocation, chosen: Chosen, *, actor: str, seconds: float = SECONDS, at: datetime | None = None
) -> BulkRevocation:
    """Revoke batches for about this time, and try at least one. Return the row as it is then."""
    deadline = time.monotonic() + seconds
    while True:
        started = time.monotonic()
        row = next_batch(row, chosen, actor=actor, at=at)
        pause = PAUSE * (time.monotonic() - started)
        if not row.is_running or time.monotonic() + pause >= deadline:
            return row
        time.sleep(pause)


def next_batch(row: BulkRevocation, chosen: Chosen, *, actor: str, at: datetime | None = None) -> BulkRevocation:
    """Revoke the next sessions. Return the row as it is then.

    Of two calls at once one revokes them, and the other one only returns the row.
    """
    if not row.is_running:
        return row
    ids, after = _next(row, chosen)
    return _revoke(row, ids, after, actor=actor, at=max(moment(at), row.started_at))  # a server's clock may be slow


@atomic()
def _revoke(seen: BulkRevocation, ids: list[str], after: _Place, *, actor: str, at: datetime) -> BulkRevocation:
    row = BulkRevocation.objects.select_for_update(of=("self",)).get(pk=seen.pk)
    if not row.is_running or _place(row) != _place(seen):
        return row
    row.position_at, row.position_id, row.is_walked, row.waiting = after
    held = ids if seen.is_walked else _lock(ids)
    row.waiting = [*row.waiting, *(id for id in ids if id not in set(held))]
    sessions = UserSession.objects.filter(pk__in=held)
    closed = close(sessions, Status.REVOKED, actor=actor, at=at, reason=row.reason, bulk_revocation=row.pk)
    row.ended += len(closed)
    row.already_over += len(held) - len(closed)
    if row.is_walked and not row.waiting:
        row.finished_at = at
    row.save()
    if row.finished_at:
        row.record("finished", actor=actor, at=at)
    return row


def _place(row: BulkRevocation) -> _Place:
    return _Place(row.position_at, row.position_id, row.is_walked, row.waiting)


def _next(row: BulkRevocation, chosen: Chosen) -> tuple[list[str], _Place]:
    """Return the ids of the next sessions, and the place behind them."""
    here = _place(row)
    if row.is_walked:
        return row.waiting[:1], here._replace(waiting=row.waiting[1:])
    rest = _until_newest(row)
    if row.position_at is not None:
        rest &= KEYSET.beyond((row.position_at, row.position_id))
    last = None
    if chosen.scope is not None:
        last = KEYSET.last_of(chosen.scope.filter(rest).order_by(*ORDER), None, SCANNED)
    sessions = frozen_set(chosen.sessions, row).filter(rest)
    if last is not None:
        sessions = sessions.filter(KEYSET.until(last))
    found = list(sessions.order_by(*ORDER).values_list("created_at", "pk")[:BATCH])
    ids = [id for _, id in found]
    position = found[-1] if len(found) == BATCH else last
    if position is None:
        return ids, here._replace(is_walked=True)
    return ids, here._replace(position_at=position[0], position_id=position[1])


def _lock(ids: list[str]) -> list[str]:
    """Lock the sessions that nobody has locked. Return their ids."""
    rows = UserSession.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
    return list(rows.filter(pk__in=ids).order_by("pk").values_list("pk", flat=True))


def _until_newest(row: BulkRevocation) -> Q:
    """Return the condition for sessions up to the newest one that the preview read."""
    is_older = Q(created_at__lt=row.newest_at) | Q(pk__lte=row.newest_id)
    return Q(created_at__lte=row.newest_at) & is_older
