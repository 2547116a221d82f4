"""When an API key was last used, in coarse steps, and how often since it was rolled. Most requests write nothing.

The use is recorded after the transaction of the request, and never makes a request fail. On PostgreSQL it waits for no
lock. On SQLite it waits for another writer, but only one request of a process does so at a time.

Each process counts the uses of a rolled key, and adds them to the row at most once a minute, with the time of the last
one. What it has not added when it stops, or when the key ends, is not counted.
"""

from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import F, Q

from sessions_core.db.side_writes import SideWrites
from sessions_core.db.transactions import on_commit

if TYPE_CHECKING:
    from sessions_core.models.api_keys import ApiKey

__all__ = ["ENDING_INTERVAL", "USE_INTERVAL", "key_uses"]

# A use is recorded at most once in this time.
USE_INTERVAL = timedelta(hours=1)

# The same for a key with an end: during an overlap an operator waits for the last use.
ENDING_INTERVAL = timedelta(minutes=1)

# Rolled keys that a process counts at once.
MOST_COUNTED = 1000


class KeyUses(SideWrites):
    """Records uses. Threads share one instance."""

    def __init__(self) -> None:
        super().__init__()
        # For each rolled key: its uses that are not added to its row yet, and the time of the first of them.
        self._counted: dict[UUID, tuple[int, datetime]] = {}
        self._counting = Lock()

    def note(self, key: "ApiKey", *, at: datetime) -> None:
        """Record the use when the current transaction commits, or now, if that is due."""
        before = at - (ENDING_INTERVAL if key.expires_at else USE_INTERVAL)
        is_due = key.last_used_at is None or key.last_used_at <= before
        if key.successor_id is not None:
            is_due = self._count(key, at=at) <= before or is_due
        if is_due and not self.is_paused:
            on_commit(lambda: self._record(key, at=at, before=before))

    def _count(self, key: "ApiKey", *, at: datetime) -> datetime:
        """Count a use. Return the time of the first one that is not added yet."""
        with self._counting:
            uses, since = self._counted.get(key.pk, (0, at))
            if uses or len(self._counted) < MOST_COUNTED:
                self._counted[key.pk] = uses + 1, since
            return since

    def _record(self, key: "ApiKey", *, at: datetime, before: datetime) -> None:
        keys, added = type(key).objects, 0

        def write() -> None:
            nonlocal added
            uses, _since = self._counted.get(key.pk, (0, at))
            is_old = Q(last_used_at=None) | Q(last_used_at__lte=before)
            due = keys.filter(Q() if uses else is_old, pk=key.pk)
            free = due.select_for_update(skip_locked=True, no_key=True).order_by()
            changes = {"uses_since_roll": F("uses_since_roll") + uses} if uses else {}
            is_recorded = keys.filter(pk__in=free.values("pk")).update(last_used_at=at, **changes)
            if is_recorded and key.last_used_at is None:
                key.begin_overlap(at=at)
            if is_recorded and uses:
                added = uses
                self._add(key, -uses, at=at)  # not after the attempt: the next one may begin before

        is_committed = self.attempt(write, failed="The use of an API key was not recorded")
        if added and not is_committed:
            self._add(key, added, at=at)

    def _add(self, key: "ApiKey", number: int, *, at: datetime) -> None:
        """Add to the uses that the row does not have yet. Others may have been counted meanwhile."""
        with self._counting:
            uses, _since = self._counted.pop(key.pk, (0, at))
            if uses + number:
                self._counted[key.pk] = uses + number, at


key_uses = KeyUses()
