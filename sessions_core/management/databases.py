"""How commands meet a database that is missing or was not migrated."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import DatabaseError, Error, ProgrammingError

from sessions_core.db.transactions import is_away

__all__ = ["ready_database"]


@contextmanager
def ready_database() -> Iterator[None]:
    """Around a command's first question to it. Raises CommandError instead of what the driver says."""
    try:
        yield
    except Error as reason:
        # A file that is damaged is a DatabaseError of no narrower kind.
        if not isinstance(reason, ProgrammingError) and type(reason) is not DatabaseError and not is_away(reason):
            raise
        raise CommandError(f"The database is not ready: {reason}. Has manage.py migrate been run?") from None
