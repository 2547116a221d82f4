"""On PostgreSQL, Gatepass reuses a cursor for each statement of hot requests, and parses times quickly.

A new cursor takes psycopg and Django a fifth of the time of a short statement. So does one that ran another statement
before, because psycopg then looks up again how to convert each column. On SQLite, checking whether a cursor can be
reused costs more than a new one.
"""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from functools import cache
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

__all__ = ["fetch_all"]

# The most cursors of a connection; the least recently used one is dropped first.
MOST_CURSORS = 32

# A cursor keeps its last statement, with the values of parameters, and its last rows. So one with more rows, or with a
# longer text as a parameter, is not reused.
MOST_ROWS = 20
LONGEST_PARAMETER = 4096


def fetch_all(connection: BaseDatabaseWrapper, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows, as the database driver returns them."""
    if not _makes_plain_cursors(connection):
        return _run(connection.cursor(), statement, parameters)
    cursors = _reusable(connection)
    # psycopg compares statements by identity.
    same, cursor = cursors.pop(statement) if statement in cursors else (statement, _new(connection))
    rows = _run(cursor, same, parameters)
    if len(rows) <= MOST_ROWS and not any(type(each) is str and len(each) > LONGEST_PARAMETER for each in parameters):
        cursors[same] = same, cursor
        if len(cursors) > MOST_CURSORS:
            del cursors[next(iter(cursors))]
    return rows


def _run(cursor: Any, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    cursor.execute(statement, parameters)
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _reusable(connection: BaseDatabaseWrapper) -> dict[str, tuple[str, Any]]:
    """Return the statements and cursors of the connection, by statement."""
    # As ``connection.cursor`` does.
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    connection.validate_thread_sharing()
    cursors: dict[str, tuple[str, Any]]
    of_connection, cursors = vars(connection).get("gatepass_cursors", (None, {}))
    if of_connection is not connection.connection:
        cursors = {}
        vars(connection)["gatepass_cursors"] = connection.connection, cursors
    return cursors


def _makes_plain_cursors(connection: BaseDatabaseWrapper) -> bool:
    """Return True if ``connection.cursor`` only makes a cursor of PostgreSQL.

    A backend of another package may do more: django-tenants sets the schema. A debugging tool replaces ``cursor`` of
    the connection, or lets Django log the statements.
    """
    is_of_django = connection.vendor == "postgresql" and type(connection).__module__.startswith("django.")
    return is_of_django and not connection.queries_logged and "cursor" not in vars(connection)


def _new(connection: BaseDatabaseWrapper) -> Any:
    cursor: Any = connection.cursor()
    if hasattr(cursor.cursor, "adapters"):  # psycopg 3
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
