"""On PostgreSQL each statement of hot requests runs on a cursor of its own, which is kept and parses times quickly.

A new cursor takes psycopg and Django a fifth of the time of a short statement, and so does a kept one that ran another
statement: psycopg then looks up again how to convert each column. SQLite's cursors are cheaper than the check whether
they can be used again.
"""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from functools import cache
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

__all__ = ["fetch_all"]

# The most cursors of a connection; the least recently used one is dropped first.
MOST_KEPT = 32

# A kept cursor keeps its last rows, so one with more rows is dropped.
MOST_KEPT_ROWS = 20


def fetch_all(connection: BaseDatabaseWrapper, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows, as the database driver returns them."""
    kept = _kept(connection)
    # psycopg compares statements by identity.
    same, cursor = kept.pop(statement) if statement in kept else (statement, _new(connection))
    cursor.execute(same, parameters)
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    if len(rows) <= MOST_KEPT_ROWS:
        kept[same] = same, cursor
        if len(kept) > MOST_KEPT:
            del kept[next(iter(kept))]
    return rows


def _kept(connection: BaseDatabaseWrapper) -> dict[str, tuple[str, Any]]:
    """Return the statements and kept cursors of the connection, by statement, or an empty dict where none are kept.

    A debugging tool replaces ``connection.cursor``, or sets what makes Django return another kind of cursor.
    """
    if connection.vendor != "postgresql" or connection.queries_logged or "cursor" in vars(connection):
        return {}
    # As ``connection.cursor`` does.
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    connection.validate_thread_sharing()
    kept: dict[str, tuple[str, Any]]
    of_connection, kept = vars(connection).get("gatepass_cursors", (None, {}))
    if of_connection is not connection.connection:
        kept = {}
        vars(connection)["gatepass_cursors"] = connection.connection, kept
    return kept


def _new(connection: BaseDatabaseWrapper) -> Any:
    cursor: Any = connection.cursor()
    if connection.vendor == "postgresql" and hasattr(cursor.cursor, "adapters"):  # psycopg 3
        cursor.cursor.adapters.register_loader("timestamptz", _loader_of_times(connection.timezone))
    return cursor


@cache
def _loader_of_times(zone: tzinfo | None) -> type[Any]:
    """Return a loader that gives the same times as Django's, which matches a regular expression with each.

    PostgreSQL writes times in the time zone of the connection.
    """
    from psycopg.types.datetime import TimestamptzLoader

    class TimeLoader(TimestamptzLoader):
        def load(self, data: Any) -> datetime:
            try:
                at = datetime.fromisoformat(str(data, "ascii"))
            except ValueError:  # such as a time before the year 1, which psycopg refuses with an error of its own
                at = super().load(data)
            return at.replace(tzinfo=zone)

    return TimeLoader
