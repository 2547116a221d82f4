"""Transactions on the database that the router of the host selects, and errors of an unavailable database. All our
tables are in one database, because their rows refer to each other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.apps import apps
from django.db import InterfaceError, InternalError, OperationalError, connections, router, transaction
from django.db.models import Model

__all__ = [
    "atomic",
    "close_after_request",
    "database_name",
    "has_table",
    "is_away",
    "is_connected",
    "is_in_transaction",
    "on_commit",
    "require_transaction",
    "roll_back",
    "roll_back_request",
    "without_request_transaction",
]

View = TypeVar("View", bound=Callable[..., Any])

# The SQLSTATE of a write to a read-only PostgreSQL, such as a standby (PostgreSQL manual, appendix A).
_ONLY_READS = "25006"

# The error is of a driver that has no SQLSTATE.
_UNKNOWN = ""

# Tables that this process has found, as pairs of database name and table.
_found: set[tuple[object, str]] = set()


@contextmanager
def atomic(*, savepoint: bool = True) -> Iterator[None]:
    """Like Django's ``atomic``, as context manager or decorator, but on our database instead of ``default``."""
    with transaction.atomic(using=_database(), savepoint=savepoint):
        yield


def require_transaction() -> None:
    """Raise TransactionManagementError outside of ``atomic``, where a lock would be released at once. Also on SQLite,
    where Django does not check it."""
    if not is_in_transaction():
        raise transaction.TransactionManagementError("A lock needs a transaction: call this inside atomic().")


def is_in_transaction() -> bool:
    """Return True if changes can still be rolled back."""
    return bool(connections[_database()].in_atomic_block)


def on_commit(call: Callable[[], object]) -> None:
    """Make the call when the current transaction commits, or now if there is none. Its error is logged."""
    transaction.on_commit(call, using=_database(), robust=True)


def roll_back() -> None:
    """Roll back the current transaction when it ends."""
    transaction.set_rollback(True, using=_database())


def roll_back_request() -> None:
    """Roll back the transactions of ``ATOMIC_REQUESTS``, as REST framework does when a view raises an error."""
    for connection in connections.all():
        if connection.settings_dict["ATOMIC_REQUESTS"] and connection.in_atomic_block:
            connection.set_rollback(True)


def without_request_transaction(view: View) -> View:
    """Set attributes of a view so that it commits each of its transactions, also with ``ATOMIC_REQUESTS``."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


def is_away(error: Exception) -> bool:
    """Return True if the database is busy, unavailable or read-only, so that a later attempt may succeed."""
    if isinstance(error, InternalError):
        # None: psycopg raised the error itself, as when a connection pool has lost its server.
        return getattr(error.__cause__, "sqlstate", _UNKNOWN) in (_ONLY_READS, None)
    return isinstance(error, OperationalError | InterfaceError)


def has_table(using: str, model: type[Model]) -> bool:
    """Return True if ``using`` is our database and has the table of this model.

    For receivers of signals that may run before ``migrate``: on PostgreSQL a failed query aborts the transaction. One
    query until the table is found.
    """
    if using != _database():
        return False
    connection, table = connections[using], model._meta.db_table
    key = (connection.settings_dict["NAME"], table)
    if key not in _found and table in connection.introspection.table_names():
        _found.add(key)
    return key in _found


def database_name() -> object:
    """Return the name of the database in the settings of our connection. Tests change it."""
    return connections[_database()].settings_dict["NAME"]


def is_connected() -> bool:
    """Return True if this thread has an open connection to our database."""
    return connections[_database()].connection is not None


def close_after_request() -> None:
    """Close our connection as Django does at the end of a request: unless it is in a transaction or persistent."""
    connections[_database()].close_if_unusable_or_obsolete()


def _database() -> str:
    return router.db_for_write(apps.get_model("sessions_core", "Workspace"))
