"""When an API key was last used, in coarse steps. Most requests write nothing.

The use is recorded after the transaction of the request, and never makes a request fail. On PostgreSQL it waits for no
lock. On SQLite it waits for another writer, but only one request of a process does so at a time.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Q

from sessions_core.db.side_writes import SideWrites
from sessions_core.db.transactions import on_commit

if TYPE_CHECKING:
    from sessions_core.models.api_keys import ApiKey

__all__ = ["ENDING_INTERVAL", "USE_INTERVAL", "key_uses"]

# A use is recorded at most once in this time.
USE_INTERVAL = timedelta(hours=1)

# The same for a key with an end: during an overlap an operator waits for the last use.
ENDING_INTERVAL = timedelta(minutes=1)


class KeyUses(SideWrites):
    """Records uses. Threads share one instance."""

    def note(self, key: "ApiKey", *, at: datetime) -> None:
        """Record the use when the current transaction commits, or now, if that is due."""
        before = at - (ENDING_INTERVAL if key.expires_at else USE_INTERVAL)
        is_due = key.last_used_at is None or key.last_used_at <= before
        if is_due and not self.is_paused:
            on_commit(lambda: self._record(key, at=at, before=before))

    def _record(self, key: "ApiKey", *, at: datetime, before: datetime) -> None:
        keys = type(key).objects
        due = keys.filter(Q(last_used_at=None) | Q(last_used_at__lte=before), pk=key.pk)
        free = due.select_for_update(skip_locked=True, no_key=True).order_by()

        def write() -> None:
            is_recorded = keys.filter(pk__in=free.values("pk")).update(last_used_at=at)
            if is_recorded and key.last_used_at is None:
                key.begin_overlap(at=at)

        self.attempt(write, failed="The use of an API key was not recorded")


key_uses = KeyUses()
