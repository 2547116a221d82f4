"""Transactions on the database that the host's router gives us, and whether it is there at all. All our tables are in
one, for their rows refer to each other."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import apps
from django.db import InterfaceError, InternalError, OperationalError, connections, router, transaction
from django.db.models import Model

__all__ = ["atomic", "has_table", "is_away", "require_transaction", "roll_back"]

# What PostgreSQL says while it only reads, as a standby does (its manual, appendix A).
_ONLY_READS = "25006"

# Tables that this process has found, by the name of their database.
_found: set[tuple[object, str]] = set()


@contextmanager
def atomic(*, savepoint: bool = True) -> Iterator[None]:
    """``with atomic():`` or ``@atomic()``, like Django's, which takes the database called default."""
    with transaction.atomic(using=_database(), savepoint=savepoint):
        yield


def require_transaction() -> None:
    """Raises TransactionManagementError outside of ``atomic``, where a lock would end at once. On SQLite too, where
    Django does not check it."""
    if not connections[_database()].in_atomic_block:
        raise transaction.TransactionManagementError("A lock needs a transaction: call this inside atomic().")


def roll_back() -> None:
    """Have the transaction that is open come to nothing, quietly."""
    transaction.set_rollback(True, using=_database())


def is_away(error: Exception) -> bool:
    """Whether the database is busy, gone or not to be written to, and the same may succeed in a while."""
    if isinstance(error, InternalError):
        return getattr(error.__cause__, "sqlstate", None) == _ONLY_READS
    return isinstance(error, OperationalError | InterfaceError)


def has_table(using: str, model: type[Model]) -> bool:
    """Return True if ``using`` is the database of our rows, and ``migrate`` has made the table of this model there.

    For receivers of signals: PostgreSQL refuses the rest of a transaction in which a query failed, so they must not
    try. One query until the table is found.
    """
    if using != _database():
        return False
    connection, table = connections[using], model._meta.db_table
    key = (connection.settings_dict["NAME"], table)
    if key not in _found and table in connection.introspection.table_names():
        _found.add(key)
    return key in _found


def _database() -> str:
    return router.db_for_write(apps.get_model("sessions_core", "Workspace"))
