"""When an API key was last used, in coarse steps. Most requests write nothing.

The use is recorded after the transaction of the request, so that it never makes a request fail or wait for the row.
"""

import logging
import time
from datetime import datetime, timedelta
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

    def note(self, key: "ApiKey", *, at: datetime) -> None:
        """Record the use when the current transaction commits, or now, if that is due."""
        before = at - (ENDING_INTERVAL if key.expires_at else USE_INTERVAL)
        is_due = key.last_used_at is None or key.last_used_at <= before
        if is_due and time.monotonic() >= self._paused_until:
            on_commit(lambda: self._record(key, at=at, before=before))

    def _record(self, key: "ApiKey", *, at: datetime, before: datetime) -> None:
        due = Q(last_used_at=None) | Q(last_used_at__lte=before)
        try:
            with atomic():
                is_recorded = type(key).objects.filter(due, pk=key.pk).update(last_used_at=at)
                if is_recorded and key.last_used_at is None:
                    key.begin_overlap(at=at)
        except (DatabaseError, InterfaceError) as error:
            if not is_away(error):
                raise
            self._paused_until = time.monotonic() + PAUSE
            logger.warning("The use of an API key was not recorded: %s", error)


key_uses = KeyUses()
