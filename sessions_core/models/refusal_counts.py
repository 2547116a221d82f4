"""How many requests were refused: counted in the memory of each process, and added to one table once a minute.

An attacker chooses how many requests are refused, so a refused request must write nothing. Only one request a minute in
each process adds what all of them counted, with one statement, after its response was sent. Refusals that another
process counted are not known here until it has added them.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil, gcd
from threading import Lock
from uuid import UUID

from django.db import models
from django.db.models import F, Sum, Value
from django.utils.translation import pgettext_lazy

from sessions_core.db.side_writes import CountedWrites
from sessions_core.db.upserts import insert_or_add

__all__ = ["MOST_COUNTS", "STEP", "RefusalCount", "RefusalKind", "refusals", "step_of"]

logger = logging.getLogger(__name__)

# A row has the refusals of this time. Every bar of the dashboard begins with such a step, in any time zone.
STEP = timedelta(minutes=5)
SECONDS = STEP.total_seconds()

# Maximum number of workspaces, kinds and steps that a process counts apart between two writes.
MOST_COUNTS = 1000

# The workspace of callers that are not authenticated. Not NULL, which would be unequal to itself in the constraint.
NO_WORKSPACE = UUID(int=0)


class RefusalKind(StrEnum):
    """Why a request was refused."""

    WRONG_PASSWORD = "wrong_password"
    WRONG_CODE = "wrong_code"
    INVALID_CREDENTIAL = "invalid_credential"
    RATE_LIMIT = "rate_limit"


def step_of(time: datetime) -> int:
    """Return the number of the step that a time is in."""
    return int(_steps(time))


def _steps(time: datetime) -> float:
    return time.timestamp() / SECONDS


class RefusalCountQuerySet(models.QuerySet["RefusalCount"]):
    def totals(self, runs: Sequence[Sequence[tuple[datetime, datetime]]]) -> list[list[Counter[str]]]:
        """Return how many refusals of each kind were in each bar of each run, with one statement. Each bar begins with
        a step. Where an hour of the clock was left out, a bar can begin before the one that it follows."""
        found = [[Counter[str]() for _ in bars] for bars in runs]
        steps = [[range(step_of(start), ceil(_steps(end))) for start, end in bars] for bars in runs]
        firsts = [min(bar.start for bar in bars) for bars in steps]
        # Steps that are always in the same bar, such as those of an hour: the database adds them up.
        widths = [gcd(*(bar.start - first for bar in bars)) or 1 for bars, first in zip(steps, firsts, strict=True)]
        parts = [
            self.filter(step__gte=first, step__lt=max(bar.stop for bar in bars))
            .order_by()
            .values("kind")
            .annotate(run=Value(run), place=(F("step") - first) / width, total=Sum("number"))
            .values_list("run", "place", "kind", "total")
            for run, (bars, first, width) in enumerate(zip(steps, firsts, widths, strict=True))
        ]
        for run, place, kind, total in parts[0].union(*parts[1:], all=True):
            step = firsts[run] + place * widths[run]
            for bar, own in enumerate(steps[run]):
                if step in own:
                    found[run][bar][kind] += total
        return found


class RefusalCount(models.Model):
    """The number of refusals of one kind in five minutes."""

    # Not a foreign key, whose check would lock the row of the workspace.
    workspace_id = models.UUIDField(default=NO_WORKSPACE)
    kind = models.CharField(max_length=20)
    # Number of the step since 1970, which databases can divide.
    step = models.IntegerField()
    number = models.BigIntegerField()

    objects = RefusalCountQuerySet.as_manager()

    class Meta:
        # No page shows rows. The dashboard shows sums with the permission to view events.
        default_permissions = ()
        verbose_name = pgettext_lazy("Gatepass", "refusal count")
        verbose_name_plural = pgettext_lazy("Gatepass", "refusal counts")
        constraints = [
            models.UniqueConstraint(fields=["step", "kind", "workspace_id"], name="sessions_core_refusals_once")
        ]
        indexes = [models.Index(fields=["step", "id"], name="sessions_core_refusals_time")]

    def __str__(self) -> str:
        return f"{self.number} {self.kind}"


# Number of the step, kind and workspace.
_Key = tuple[int, str, UUID]


class Refusals(CountedWrites):
    """Counts refusals, and adds the counts to the table. Threads share one instance."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[_Key, int] = {}
        self._lock = Lock()

    def count(self, kind: RefusalKind, workspace_id: UUID | None = None, *, at: datetime | None = None) -> None:
        """Count a refusal in memory."""
        step = int(time.time() / SECONDS) if at is None else step_of(at)
        with self._lock:
            self._hold((step, kind.value, workspace_id or NO_WORKSPACE), 1)

    def has_counts(self) -> bool:
        return bool(self._counts)

    def write(self) -> None:
        """Add the counts to the table. If that fails, log it and keep them."""
        with self._lock:
            counts, self._counts = self._counts, {}
        if not counts:
            return
        is_written = False
        try:
            is_written = self.attempt(lambda: _add(counts), failed="Refused requests were not recorded")
        except Exception:  # an error would end the request, such as that of a table that was not created yet
            logger.exception("Refused requests were not recorded.")
        if not is_written:
            with self._lock:
                for key, number in counts.items():
                    self._hold(key, number)

    def _hold(self, key: _Key, number: int) -> None:
        """Add to a count in memory. Above the bound, workspaces count together."""
        if len(self._counts) >= MOST_COUNTS and key not in self._counts:
            key = (*key[:2], NO_WORKSPACE)
            if len(self._counts) >= 2 * MOST_COUNTS and key not in self._counts:
                del self._counts[next(iter(self._counts))]  # after many hours without a database
        self._counts[key] = self._counts.get(key, 0) + number

    def clear(self) -> None:
        """Forget the counts of this process."""
        self._counts = {}


def _add(counts: dict[_Key, int]) -> None:
    rows = [
        RefusalCount(step=step, kind=kind, workspace_id=workspace_id, number=number)
        for (step, kind, workspace_id), number in counts.items()
    ]
    insert_or_add(rows, key=("step", "kind", "workspace_id"), number="number")


refusals = Refusals()
