"""Django's SQLite backend, without threads that all wait for a lock of another program."""

import sqlite3
from contextlib import closing

from django.db import OperationalError
from django.db.backends.sqlite3 import base

from sessions_project.backends.outage import Outage

__all__ = ["DatabaseWrapper"]


def _is_locked(error: Exception) -> bool:
    cause = error if isinstance(error, sqlite3.Error) else error.__cause__
    return getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


outage = Outage(is_silence=_is_locked, refusal=OperationalError)


class DatabaseWrapper(base.DatabaseWrapper):
    def _start_transaction_under_autocommit(self) -> None:
        with outage.attempt(self._lock_once):
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # the stubs lack it

    def _lock_once(self) -> None:
        with closing(sqlite3.connect(self.settings_dict["NAME"], timeout=1, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
