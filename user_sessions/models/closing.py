"""Close many sessions at once, and record the end of each session once."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Case, CharField, F, OuterRef, Subquery, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from sessions_core.db.returning import update_returning
from sessions_core.db.transactions import atomic
from sessions_core.models import Event
from sessions_core.moments import moment
from sessions_core.texts import LONGEST_ACTOR, LONGEST_REASON, text
from user_sessions.models.epochs import Epoch
from user_sessions.models.status import OPEN, Status, an_epoch_ended_it
from user_sessions.models.voiding import reason as void_reason

if TYPE_CHECKING:
    from user_sessions.models.querysets import UserSessionQuerySet

__all__ = ["LEAVES", "close", "closing", "end_data", "record_expired"]

EXPIRED_BY = "system:expired"
BATCH = 500

# The states that each transition can leave. In other states it changes nothing.
LEAVES = {
    Status.ENDED: OPEN,
    Status.REVOKED: OPEN,
    Status.REPLACED: OPEN,
    Status.REMOVED: (*OPEN, Status.ENDED, Status.REVOKED, Status.REPLACED, Status.EXPIRED),
}


def close(
    sessions: "UserSessionQuerySet", status: Status, *, actor: str, at: datetime, reason: str, **facts: str
) -> Sequence[str]:
    """Close the sessions that allow it. Return their ids. ``facts`` are more data of their events."""
    leaving, changes = closing(sessions, status, actor=actor, at=at, reason=reason)
    with atomic(savepoint=False):
        closed = update_returning(leaving, ["workspace", "id", "recorded_ends"], **changes)
        _record(status, closed, actor=actor, at=at, reason=reason, **facts)
    return [id for _, id, _ in closed]


def closing(
    sessions: "UserSessionQuerySet", status: Status, *, actor: str, at: datetime, reason: str
) -> "tuple[UserSessionQuerySet, dict[str, Any]]":
    """Return the sessions that allow this transition, and their new columns. Raise ValueError for texts too long."""
    text(actor, name="actor", longest=LONGEST_ACTOR)
    text(reason, name="reason", longest=LONGEST_REASON)
    changes = {"stored_status": status, "updated_at": at}
    if status == Status.REMOVED:
        return sessions.with_status(*LEAVES[status], at=at), changes | {
            "closed_at": _unless_closed("closed_at", at, epoch="not_before"),
            "closed_by": _unless_closed("closed_by", actor, _while_void(at, prefix="system:"), epoch="actor"),
            "close_reason": _unless_closed("close_reason", reason, _while_void(at), epoch="reason"),
            "recorded_ends": _one_more_end(),
        }
    # Nothing has closed these sessions, and no epoch has ended them.
    changes |= {"closed_at": at, "closed_by": actor, "close_reason": reason, "recorded_ends": F("recorded_ends") + 1}
    if status != Status.REVOKED:
        return sessions.live(at=at), changes
    return sessions.open(at=at), changes | {
        "closed_by": Coalesce(void_reason(prefix="system:"), Value(actor)),
        "close_reason": Coalesce(void_reason(), Value(reason)),
    }


def end_data(reason: str, *, is_first: bool) -> dict[str, Any]:
    """Return the data of the event. ``was_over`` marks a session whose end was recorded before."""
    return {"reason": reason} if is_first else {"reason": reason, "was_over": True}


def record_expired(
    sessions: "UserSessionQuerySet", *, at: datetime | None = None, seen: Callable[[int], object] = int
) -> int:
    """Record an event for each session that has expired since the last call. Return how many.

    Nothing else changes: the status of these sessions is derived. It records in batches, so that other requests do not
    wait long, and calls ``seen`` with the number so far. Of concurrent calls one records a session.
    """
    at, recorded = moment(at), 0
    due = sessions.filter(stored_status__in=OPEN, expire_at__lte=at, recorded_ends=0)
    while (some := _record_some_expired(due, at=at)) is not None:
        recorded += some
        seen(recorded)
    return recorded


@atomic()
def _record_some_expired(due: "UserSessionQuerySet", *, at: datetime) -> int | None:
    """Record a batch. Return how many had expired, or None if there is none left. Skip rows that others have locked."""
    locked = list(due.select_for_update(skip_locked=True).order_by("expire_at").values_list("pk", flat=True)[:BATCH])
    if not locked:
        return None
    ended = update_returning(
        due.filter(pk__in=locked), ["workspace", "id", "recorded_ends"], recorded_ends=_one_more_end()
    )
    expired = [row for row in ended if row[2] == 1]  # an epoch ended the others before
    _record(Status.EXPIRED, expired, actor=EXPIRED_BY, at=at)
    return len(expired)


def _record(
    status: Status, rows: Iterable[tuple[Any, ...]], *, actor: str, at: datetime, reason: str = "", **facts: str
) -> None:
    """Record an event for each session, in one statement for all of a workspace."""
    alike = defaultdict(list)
    for workspace_id, id, recorded_ends in rows:
        alike[workspace_id, recorded_ends == 1].append(id)
    for (workspace_id, is_first), ids in alike.items():
        Event.objects.record_all(
            f"user_session.{status}",
            subjects=sorted(ids),
            workspace_id=workspace_id,
            actor=actor,
            at=at,
            **end_data(reason, is_first=is_first),
            **facts,
        )


def _one_more_end() -> Combinable:
    """Count one more end of a session, or two if an epoch ended it, which recorded no end of each session."""
    return F("recorded_ends") + Case(When(an_epoch_ended_it(), then=2), default=1)


def _unless_closed(column: str, value: Any, *derived: Case, epoch: str) -> Case:
    """Return the stored value of a closed session, else that of its epoch or void reason, else the given value."""
    its_epoch = Subquery(Epoch.objects.of(OuterRef).values(epoch)[:1])
    return Case(When(closed_at__isnull=False, then=F(column)), default=Coalesce(its_epoch, *derived, Value(value)))


def _while_void(at: datetime, *, prefix: str = "") -> Case:
    """Return why the user's row made the session void, or NULL if it did not or the session had expired."""
    return Case(When(expire_at__gt=at, then=void_reason(prefix=prefix)), default=None, output_field=CharField())
