"""One-line errors of commands when the database is missing or not migrated."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import DatabaseError, Error, ProgrammingError

from sessions_core.db.transactions import is_away

__all__ = ["ready_database"]


@contextmanager
def ready_database() -> Iterator[None]:
    """Raise CommandError instead of the driver's error. Wrap the first query of a command in it."""
    try:
        yield
    except Error as reason:
        # A damaged SQLite file raises plain DatabaseError.
        if not isinstance(reason, ProgrammingError) and type(reason) is not DatabaseError and not is_away(reason):
            raise
        raise CommandError(f"The database is not ready: {reason}. Has manage.py migrate been run?") from None
