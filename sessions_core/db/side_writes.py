"""Writes beside requests, such as the last use of a key. They never make a request fail.

One thread of a process writes at a time; the others do not wait for it. After an attempt on a database that is locked,
unavailable or read-only, the process makes no other for a while.
"""

import atexit
import logging
import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from django.core.signals import request_finished
from django.db import DatabaseError, InterfaceError

from sessions_core.db.transactions import (
    atomic,
    close_after_request,
    database_name,
    is_away,
    is_connected,
    is_in_transaction,
)

__all__ = ["PAUSE", "WRITE_INTERVAL", "CountedWrites", "SideWrites", "write_at_exit"]

logger = logging.getLogger(__name__)

# Seconds without an attempt after the database was locked, unavailable or read-only.
PAUSE = 60.0

# Seconds between two writes of what a process has counted.
WRITE_INTERVAL = 60.0


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


class CountedWrites(SideWrites):
    """Base of what counts in memory. It writes after a request, at most once a minute, and when the process ends."""

    def __init__(self) -> None:
        super().__init__()
        self._due_at = float("-inf")
        self._database: object = None

    def has_counts(self) -> bool:
        """Return True if this process has counted something that is not written yet."""
        raise NotImplementedError

    def write(self) -> None:
        """Write what is due. An error is logged."""
        raise NotImplementedError

    def write_rest(self) -> None:
        """Write all."""
        self.write()

    def write_due(self, **_: Any) -> None:
        """Receive ``request_finished``. Write if the last time was a minute ago.

        Never inside a transaction, which could be rolled back, such as that of a test case. A connection that was open
        stays open: Django's test client keeps it.
        """
        if not self.has_counts() or time.monotonic() < self._due_at or is_in_transaction():
            return
        self._due_at = time.monotonic() + WRITE_INTERVAL
        self._database = database_name()
        was_connected = is_connected()
        self.write()
        if not was_connected:
            close_after_request()

    def write_at_exit(self) -> None:
        """Write when the process ends, unless its database is another one now, as at the end of tests."""
        if self.has_counts() and self._database == database_name():
            self.write_rest()

    def connect(self) -> None:
        """Write after requests and when the process ends. Called by ``AppConfig.ready``."""
        request_finished.connect(self.write_due)
        atexit.register(self.write_at_exit)
        _connected.append(self)


_connected: list[CountedWrites] = []


def write_at_exit() -> None:
    """Write all that this process has counted. For a process that ends without the handlers of ``atexit``."""
    for each in _connected:
        each.write_at_exit()
