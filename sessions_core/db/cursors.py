"""On PostgreSQL, the statements of hot requests run on a cursor that is kept.

To make a cursor and close it takes psycopg and Django a fifth of the time of a short statement. SQLite's is cheaper
than the check whether it can be used again.
"""

from collections.abc import Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

__all__ = ["fetch_all"]

# A kept cursor keeps its last rows, so one with more rows is dropped.
MOST_KEPT_ROWS = 100


def fetch_all(connection: BaseDatabaseWrapper, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows, as the database driver returns them."""
    cursor = _kept(connection) or connection.cursor()
    cursor.execute(statement, parameters)
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    if connection.vendor == "postgresql" and len(rows) <= MOST_KEPT_ROWS:
        vars(connection)["gatepass_cursor"] = cursor
    return rows


def _kept(connection: BaseDatabaseWrapper) -> Any:
    """Take the kept cursor from the connection. Return it, or None if a new one is needed.

    A debugging tool replaces ``connection.cursor``, or sets what makes Django return another kind of cursor.
    """
    kept = vars(connection).pop("gatepass_cursor", None)
    if kept is None or connection.queries_logged or "cursor" in vars(connection):
        return None
    # As ``connection.cursor`` does.
    connection.close_if_health_check_failed()
    connection.validate_thread_sharing()
    return kept if kept.connection is connection.connection else None
