"""Writes beside requests, such as the last use of a key. They never make a request fail.

One thread of a process writes at a time; the others do not wait for it. After an attempt on a database that is locked,
unavailable or read-only, the process makes no other for a while.
"""

import logging
import time
from collections.abc import Callable
from threading import Lock

from django.db import DatabaseError, InterfaceError

from sessions_core.db.transactions import atomic, is_away

__all__ = ["PAUSE", "SideWrites"]

logger = logging.getLogger(__name__)

# Seconds without an attempt after the database was locked, unavailable or read-only.
PAUSE = 60.0


class SideWrites:
    """Base of what writes. Threads share one instance."""

    def __init__(self) -> None:
        self._paused_until = float("-inf")
        self._attempt = Lock()

    @property
    def is_paused(self) -> bool:
        return time.monotonic() < self._paused_until

    def attempt(self, write: Callable[[], object], *, failed: str) -> bool:
        """Call ``write`` in a transaction. Return True if it was committed.

        Return False if another thread is writing, or if the database is unavailable, which is logged with ``failed``.
        """
        if not self._attempt.acquire(blocking=False):
            return False
        try:
            with atomic():
                write()
        except (DatabaseError, InterfaceError) as error:
            if not is_away(error):
                raise
            self._paused_until = time.monotonic() + PAUSE
            logger.warning("%s: %s", failed, error)
            return False
        finally:
            self._attempt.release()
        return True
