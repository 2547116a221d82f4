"""How commands meet a database that is missing or was not migrated."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import OperationalError, ProgrammingError

__all__ = ["ready_database"]


@contextmanager
def ready_database() -> Iterator[None]:
    """Around a command's first question to it. Raises CommandError instead of what the driver says."""
    try:
        yield
    except (OperationalError, ProgrammingError) as reason:
        raise CommandError(f"The database is not ready: {reason}. Has manage.py migrate been run?") from None
