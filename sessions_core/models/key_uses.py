"""When an API key was last used, in coarse steps, and how often since it was rolled. Most requests write nothing.

The use is recorded after the transaction of the request, and never makes a request fail. On PostgreSQL it waits for no
lock. On SQLite it waits for another writer, but only one request of a process does so at a time.

Each process counts the uses of a rolled key, and adds them to the row at most once a minute, with the time of the last
one. What it has not added when it stops, or when the key ends, is not counted.
"""

import logging
import time
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import DatabaseError, InterfaceError
from django.db.models import F, Q

from sessions_core.db.transactions import atomic, is_away, on_commit

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

# Seconds without an attempt after the database was locked, unavailable or read-only.
PAUSE = 60.0


class KeyUses:
    """Records uses. Threads share one instance."""

    def __init__(self) -> None:
        self._paused_until = float("-inf")
        self._attempt = Lock()
        # For each rolled key: its uses that are not added to its row yet, and the time of the first of them.
        self._counted: dict[UUID, tuple[int, datetime]] = {}
        self._counting = Lock()

    def note(self, key: "ApiKey", *, at: datetime) -> None:
        """Record the use when the current transaction commits, or now, if that is due."""
        before = at - (ENDING_INTERVAL if key.expires_at else USE_INTERVAL)
        is_due = key.last_used_at is None or key.last_used_at <= before
        if key.successor_id is not None:
            is_due = self._count(key, at=at) <= before or is_due
        if is_due and time.monotonic() >= self._paused_until:
            on_commit(lambda: self._record(key, at=at, before=before))

    def _count(self, key: "ApiKey", *, at: datetime) -> datetime:
        """Count a use. Return the time of the first one that is not added yet."""
        with self._counting:
            uses, since = self._counted.get(key.pk, (0, at))
            if uses or len(self._counted) < MOST_COUNTED:
                self._counted[key.pk] = uses + 1, since
            return since

    def _record(self, key: "ApiKey", *, at: datetime, before: datetime) -> None:
        if not self._attempt.acquire(blocking=False):
            return
        keys, uses = type(key).objects, self._counted.get(key.pk, (0, at))[0]
        is_old = Q(last_used_at=None) | Q(last_used_at__lte=before)
        due = keys.filter(Q() if uses else is_old, pk=key.pk)
        free = due.select_for_update(skip_locked=True, no_key=True).order_by()
        added = {"uses_since_roll": F("uses_since_roll") + uses} if uses else {}
        try:
            with atomic():
                is_recorded = keys.filter(pk__in=free.values("pk")).update(last_used_at=at, **added)
                if is_recorded and key.last_used_at is None:
                    key.begin_overlap(at=at)
            if is_recorded and uses:
                self._subtract(key, uses, at=at)
        except (DatabaseError, InterfaceError) as error:
            if not is_away(error):
                raise
            self._paused_until = time.monotonic() + PAUSE
            logger.warning("The use of an API key was not recorded: %s", error)
        finally:
            self._attempt.release()

    def _subtract(self, key: "ApiKey", added: int, *, at: datetime) -> None:
        """Forget uses that were added to the row. Others may have been counted meanwhile."""
        with self._counting:
            uses, _since = self._counted.pop(key.pk)
            if uses > added:
                self._counted[key.pk] = uses - added, at


key_uses = KeyUses()
