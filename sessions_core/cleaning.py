"""Delete rows that are no longer needed, in small batches beside requests. Each app registers its kinds of rows.

A run stores no position: it walks along an index from the oldest row, and what an interrupted run deleted is gone. Two
runs at once share the work, because each skips the rows that the other has locked.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError
from django.db.models import (
    BooleanField,
    Exists,
    ExpressionWrapper,
    Model,
    OuterRef,
    ProtectedError,
    Q,
    QuerySet,
    RestrictedError,
)

from sessions_core.conf import settings
from sessions_core.db.transactions import atomic
from sessions_core.models import Event, Workspace
from sessions_core.models.refusal_counts import RefusalCount, step_of
from sessions_core.moments import moment
from sessions_core.webhooks.messages import WebhookMessage

__all__ = [
    "FINISHED",
    "Cleaned",
    "Kind",
    "clean",
    "count",
    "first_event_after",
    "kind_named",
    "kinds",
    "record_run",
    "register",
    "register_events",
    "register_refusal_counts",
]

BY = "system:clean"

# The type of the event of a run that came to its end, whether it deleted anything or not.
FINISHED = "sessions.clean_finished"

# Rows whose keys one statement reads. It locks none.
PAGE = 1000

# The most rows that one transaction deletes, the number in the first one, and the seconds for which it may lock them:
# after a slower batch the next ones are smaller.
BATCH = 500
FIRST_BATCH = 100
LONGEST = 0.1

# A run pauses this many times as long as it has worked, so it works for a quarter of the time.
PAUSE = 3

# Walks over the rows of a kind. Another walk follows if rows were locked.
MOST_WALKS = 5


def _nothing(at: datetime, seen: Callable[[int], object]) -> object:
    return None


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Rows that are deleted some time after they are over.

    ``retention`` returns for how long they are kept, or None for ever. ``due`` is the condition for rows that were over
    at a time, and ``among`` a range of the index ``order`` that contains them. ``order`` ends with the primary key.
    Rows that do not meet ``recorded`` stay: their end has not been recorded. ``prepare`` runs first, and calls its
    second argument after each transaction.
    """

    name: str
    model: type[Model]
    retention: Callable[[], timedelta | None]
    due: Callable[[datetime], Q]
    among: Callable[[datetime], Q]
    order: Sequence[str]
    per_workspace: bool = True
    # Rows to lock as well, by relation: those that requests lock before these.
    locked_with: Sequence[str] = ()
    recorded: Q = field(default_factory=Q)
    prepare: Callable[[datetime, Callable[[int], object]], object] = _nothing

    def rows(self) -> QuerySet[Any]:
        """Return all rows. Not through the manager: its ``delete`` would record what has been recorded before."""
        return QuerySet(self.model)


@dataclass(frozen=True)
class Cleaned:
    """How many rows were deleted, how many others had locked in every walk, and how many the host's rows protect.

    The next run deletes the locked ones. ``why_kept`` says which foreign keys protect rows.
    """

    deleted: int = 0
    locked: int = 0
    kept: int = 0
    why_kept: str = ""

    def __add__(self, other: "Cleaned") -> "Cleaned":
        return Cleaned(
            self.deleted + other.deleted,
            self.locked + other.locked,
            self.kept + other.kept,
            self.why_kept or other.why_kept,
        )


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Let ``manage.py sessions clean`` delete this kind of rows. Call it in ``AppConfig.ready``."""
    _kinds[kind.name] = kind


def kind_named(name: str) -> Kind:
    return _kinds[name]


def kinds() -> Sequence[Kind]:
    """Return the kinds in the order in which they are cleaned: that of their registration."""
    return list(_kinds.values())


def clean(kind: Kind, *, at: datetime | None = None, seen: Callable[[int], object] = int) -> Cleaned:
    """Delete the rows whose retention is over. Call ``seen`` with the number so far, after each batch.

    It pauses after each statement that reads and after each batch, in proportion to the time that they took.
    """
    at, retention = moment(at), kind.retention()
    if retention is None:
        return Cleaned()
    until, done, pace = at - retention, Cleaned(), _Pace(PAUSE)
    kind.prepare(at, lambda _: pace.rest())
    for _ in range(MOST_WALKS):
        done = Cleaned(done.deleted)
        for keys in _batches(kind, until, kind.due(until) & kind.recorded, pace):
            done += pace.timed(keys, partial(_clean_batch, kind, keys, until, at=at))
            seen(done.deleted)
            pace.rest()
        if not done.locked:
            break
    return done


class _Pace:
    """How fast a run works: the rows of a batch follow from the time that the last one took, as do the pauses."""

    def __init__(self, pause: float) -> None:
        self.pause = pause
        self.rows = min(FIRST_BATCH, BATCH)
        self.since = time.monotonic()

    def timed(self, keys: Sequence[Any], batch: Callable[[], Cleaned]) -> Cleaned:
        """Run a batch, and choose the size of the next one."""
        started = time.monotonic()
        cleaned = batch()
        took = time.monotonic() - started
        self.rows = max(1, min(int(len(keys) * LONGEST / max(took, 1e-3)), 2 * self.rows, BATCH))
        return cleaned

    def rest(self) -> None:
        """Pause in proportion to the time since the last pause."""
        time.sleep(self.pause * (time.monotonic() - self.since))
        self.since = time.monotonic()


def record_run(*, at: datetime | None = None) -> None:
    """Record that every kind was cleaned, for the check that nothing cleans."""
    Event.objects.record(FINISHED, subject="sessions", workspace_id=None, actor=BY, at=moment(at))


def count(kind: Kind, *, at: datetime | None = None, seen: Callable[[int], object] = int) -> Cleaned:
    """Return what ``clean`` would delete if it ran now. Change nothing.

    Rows whose end is not recorded count, because ``clean`` records it first. Rows that become due only because other
    rows go, such as clients, do not count.
    """
    retention, found = kind.retention(), 0
    if retention is None:
        return Cleaned()
    until = moment(at) - retention
    for keys in _batches(kind, until, kind.due(until), _Pace(0)):
        found += len(keys)
        seen(found)
    return Cleaned(found)


def _batches(kind: Kind, until: datetime, wanted: Q, pace: _Pace) -> Iterator[Sequence[Any]]:
    """Yield the primary keys of the wanted rows. A batch may have rows of many workspaces, each with few."""
    due: list[Any] = []
    workspaces: Iterable[Any] = [None]
    if kind.per_workspace:
        old = kind.rows().filter(kind.among(until)).order_by()
        workspaces = Workspace.objects.filter(Exists(old.filter(workspace=OuterRef("pk")))).values_list("pk", flat=True)
    for workspace_id in workspaces:
        for keys in _pages(kind, workspace_id, until, wanted):
            due += keys
            pace.rest()
            while len(due) >= pace.rows:
                batch, due = due[: pace.rows], due[pace.rows :]
                yield batch
    if due:
        yield due


def _pages(kind: Kind, workspace_id: Any, until: datetime, wanted: Q) -> Iterator[Sequence[Any]]:
    """Yield the primary keys of wanted rows. Each query reads the next few rows of the index, wanted or not."""
    is_due = ExpressionWrapper(wanted, output_field=BooleanField())
    rows = kind.rows().filter(kind.among(until), **({"workspace": workspace_id} if kind.per_workspace else {}))
    columns = rows.annotate(gatepass_is_due=is_due).order_by(*kind.order).values_list(*kind.order, "gatepass_is_due")
    page = list(columns[:PAGE])
    while page:
        yield [key for *_, key, due in page if due]
        *last, _ = page[-1]
        page = list(columns.filter(_after(kind.order, last))[:PAGE]) if len(page) == PAGE else []


def _after(order: Sequence[str], last: Sequence[Any]) -> Q:
    """Return the condition for rows after the last one. The first part lets the database start there in its index."""
    if len(order) == 1:
        return Q(**{f"{order[0]}__gt": last[0]})
    (first, key), (value, last_key) = order, last
    return Q(**{f"{first}__gte": value}) & (Q(**{f"{first}__gt": value}) | Q(**{f"{key}__gt": last_key}))


def _clean_batch(kind: Kind, keys: Sequence[Any], until: datetime, *, at: datetime) -> Cleaned:
    """Delete the rows of a batch. If rows of the host protect some of them, halve the batch until only those stay."""
    try:
        gone = _delete(kind, keys, until, at=at)
    except (ProtectedError, RestrictedError, IntegrityError) as error:
        if len(keys) == 1:
            return Cleaned(kept=1, why_kept=str(error.args[0]))
        half = len(keys) // 2
        return _clean_batch(kind, keys[:half], until, at=at) + _clean_batch(kind, keys[half:], until, at=at)
    return Cleaned(gone, locked=len(keys) - gone)


@atomic()
def _delete(kind: Kind, keys: Sequence[Any], until: datetime, *, at: datetime) -> int:
    """Delete the rows of a batch that are still due. Skip those that others have locked. Return how many."""
    due = kind.rows().filter(kind.due(until) & kind.recorded)
    lockable = due.filter(pk__in=keys).order_by("pk").only("pk", *kind.locked_with)
    if kind.locked_with:  # without arguments it would join every key
        lockable = lockable.select_related(*kind.locked_with)
    locked = [row.pk for row in lockable.select_for_update(skip_locked=True, of=("self", *kind.locked_with))]
    # The condition applies again, after the lock: a row may have been used between the query and its lock.
    _, rows = due.filter(pk__in=locked).delete()
    gone = rows.get(kind.model._meta.label, 0)
    if gone:
        Event.objects.record("sessions.cleaned", subject=kind.name, workspace_id=None, actor=BY, at=at, rows=gone)
    return gone


def first_event_after(until: datetime) -> int:
    """Return an id that no event until this time has, but for those that were recorded out of order.

    The time has no index, and the ids rise with it: a few look-ups along the primary key.
    """
    ids = Event.objects.order_by("pk").values_list("pk", "created_at")
    newest = ids.last()
    low, high = 0, newest[0] + 1 if newest else 0
    while low < high:
        middle = (low + high) // 2
        found = ids.filter(pk__gte=middle, pk__lt=high).first()
        if found is None or found[1] > until:
            high = middle
        else:
            low = found[0] + 1
    return low


def register_events() -> None:
    """Register old events. An event stays as long as a webhook message about it."""
    register(
        Kind(
            name="events",
            model=Event,
            retention=partial(settings.retention_of, "events"),
            due=_is_old,
            among=lambda until: Q(pk__lt=first_event_after(until)),
            order=("pk",),
            per_workspace=False,
        )
    )


def register_refusal_counts() -> None:
    """Register old counts of refused requests, which stay as long as events."""
    register(
        Kind(
            name="refusal_counts",
            model=RefusalCount,
            retention=partial(settings.retention_of, "events"),
            due=lambda until: Q(step__lt=step_of(until)),
            among=lambda until: Q(step__lt=step_of(until)),
            order=("step", "pk"),
            per_workspace=False,
        )
    )


def _is_old(until: datetime) -> Q:
    messages = WebhookMessage.objects.filter(event=OuterRef("pk"))
    return Q(created_at__lte=until) & Q(~Exists(messages))
