"""When an API key was last used, in coarse steps. Most requests write nothing.

The use is recorded after the transaction of the request, and never makes a request fail. On PostgreSQL it waits for no
lock. On SQLite it waits for another writer, but only one request of a process does so at a time.
"""

import logging
import time
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from django.db import DatabaseError, InterfaceError
from django.db.models import Q

from sessions_core.db.transactions import atomic, is_away, on_commit

if TYPE_CHECKING:
    from sessions_core.models.api_keys import ApiKey

__all__ = ["ENDING_INTERVAL", "USE_INTERVAL", "key_uses"]

logger = logging.getLogger(__name__)

# A use is recorded at most once in this time.
USE_INTERVAL = timedelta(hours=1)

# The same for a key with an end: during an overlap an operator waits for the last use.
ENDING_INTERVAL = timedelta(minutes=1)

# Seconds without an attempt after the database was locked, unavailable or read-only.
PAUSE = 60.0


class KeyUses:
    """Records uses. Threads share one instance."""

    def __init__(self) -> None:
        self._paused_until = float("-inf")
        self._attempt = Lock()

    def note(self, key: "ApiKey", *, at: datetime) -> None:
        """Record the use when the current transaction commits, or now, if that is due."""
        before = at - (ENDING_INTERVAL if key.expires_at else USE_INTERVAL)
        is_due = key.last_used_at is None or key.last_used_at <= before
        if is_due and time.monotonic() >= self._paused_until:
            on_commit(lambda: self._record(key, at=at, before=before))

    def _record(self, key: "ApiKey", *, at: datetime, before: datetime) -> None:
        if not self._attempt.acquire(blocking=False):
            return
        keys = type(key).objects
        due = keys.filter(Q(last_used_at=None) | Q(last_used_at__lte=before), pk=key.pk)
        free = due.select_for_update(skip_locked=True, no_key=True).order_by()
        try:
            with atomic():
                is_recorded = keys.filter(pk__in=free.values("pk")).update(last_used_at=at)
                if is_recorded and key.last_used_at is None:
                    key.begin_overlap(at=at)
        except (DatabaseError, InterfaceError) as error:
            if not is_away(error):
                raise
            self._paused_until = time.monotonic() + PAUSE
            logger.warning("The use of an API key was not recorded: %s", error)
        finally:
            self._attempt.release()


key_uses = KeyUses()
