"""When an API key was last used, in coarse steps, and how often since it was rolled. Most requests write nothing.

The use is recorded after the transaction of the request, and never makes a request fail. On PostgreSQL it waits for no
lock. On SQLite it waits for another writer, but only one request of a process does so at a time.

Each process counts the uses of a rolled key, and adds them to the row at most once a minute, with the time of the last
one: with a use, or after any other request, or when the process ends.
"""

import logging
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.db.models import Case, F, Q, Value, When

from sessions_core.db.side_writes import CountedWrites
from sessions_core.db.transactions import on_commit
from sessions_core.moments import moment

if TYPE_CHECKING:
    from sessions_core.models.api_keys import ApiKey

__all__ = ["ENDING_INTERVAL", "USE_INTERVAL", "key_uses"]

logger = logging.getLogger(__name__)

# A use is recorded at most once in this time.
USE_INTERVAL = timedelta(hours=1)

# The same for a key with an end: during an overlap an operator waits for the last use.
ENDING_INTERVAL = timedelta(minutes=1)

# Rolled keys that a process counts at once.
MOST_COUNTED = 1000


class Uses(NamedTuple):
    """The uses of a key that are not added to its row yet, and the times of the first and the last of them."""

    key: "ApiKey"
    number: int
    first: datetime
    last: datetime


class KeyUses(CountedWrites):
    """Records uses. Threads share one instance."""

    def __init__(self) -> None:
        super().__init__()
        self._counted: dict[UUID, Uses] = {}
        self._counting = Lock()

    def note(self, key: "ApiKey", *, at: datetime) -> None:
        """Record the use when the current transaction commits, or now, if that is due."""
        before = at - (ENDING_INTERVAL if key.expires_at else USE_INTERVAL)
        is_due = key.last_used_at is None or key.last_used_at <= before
        if key.successor_id is not None:
            is_due = self._count(key, 1, first=at, last=at).first <= before or is_due
        if is_due and not self.is_paused:
            on_commit(lambda: self._record(key, at=at, before=before))

    def has_counts(self) -> bool:
        return bool(self._counted)

    def write(self, *, at: datetime | None = None) -> None:
        """Add the uses of each key whose first one was a minute ago."""
        self._write(before=moment(at) - ENDING_INTERVAL)

    def write_rest(self) -> None:
        self._write(before=datetime.max.replace(tzinfo=UTC))

    def clear(self) -> None:
        """Forget the counts of this process."""
        self._counted = {}

    def _write(self, *, before: datetime) -> None:
        with self._counting:
            due = [uses for uses in self._counted.values() if uses.first <= before]
        for uses in due:
            if self.is_paused:
                return
            try:
                self._record(uses.key, at=uses.last, before=before)
            except Exception:  # an error would end the request
                logger.exception("The uses of an API key were not recorded.")

    def _record(self, key: "ApiKey", *, at: datetime, before: datetime) -> None:
        """Record a use, with those that were counted. Others may have recorded later ones since it was due."""
        keys, added = type(key).objects, 0

        def write() -> None:
            nonlocal added
            uses = self._counted.get(key.pk)
            is_count_due = uses is not None and uses.first <= before
            is_old = Q(last_used_at=None) | Q(last_used_at__lte=before)
            due = keys.filter(Q() if is_count_due else is_old, pk=key.pk)
            free = due.select_for_update(skip_locked=True, no_key=True).order_by()
            changes = {"uses_since_roll": F("uses_since_roll") + uses.number} if uses else {}
            last = max(uses.last, at) if uses else at
            is_older = Q(last_used_at=None) | Q(last_used_at__lt=last)
            latest = Case(When(is_older, then=Value(last)), default=F("last_used_at"))
            is_recorded = keys.filter(pk__in=free.values("pk")).update(last_used_at=latest, **changes)
            if is_recorded and key.last_used_at is None:
                key.begin_overlap(at=at)
            if uses is not None and (is_recorded or (is_count_due and not keys.filter(pk=key.pk).exists())):
                added = uses.number
                self._count(key, -added, first=at, last=at)  # not after the attempt: the next one may begin before

        is_committed = self.attempt(write, failed="The use of an API key was not recorded")
        if added and not is_committed:
            self._count(key, added, first=at, last=at)

    def _count(self, key: "ApiKey", number: int, *, first: datetime, last: datetime) -> Uses:
        """Add to the uses that the row does not have yet, or take off those that it has. Others may have been counted
        meanwhile."""
        with self._counting:
            found = self._counted.pop(key.pk, None)
            uses = Uses(key, number, first, last)
            if found:
                since = min(found.first, first) if number > 0 else first
                uses = Uses(key, found.number + number, since, max(found.last, last))
            if uses.number > 0 and (found or len(self._counted) < MOST_COUNTED):
                self._counted[key.pk] = uses
            return uses


key_uses = KeyUses()
