"""Transactions on the database that the host's router gives us. All our tables are in one, for their rows refer to each
other."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import apps
from django.db import router, transaction

__all__ = ["atomic", "undo"]


@contextmanager
def atomic(*, savepoint: bool = True) -> Iterator[None]:
    """``with atomic():`` or ``@atomic()``, like Django's, which takes the database called default."""
    with transaction.atomic(using=_database(), savepoint=savepoint):
        yield


def undo() -> None:
    """Have the transaction that is open come to nothing, quietly."""
    transaction.set_rollback(True, using=_database())


def _database() -> str:
    return router.db_for_write(apps.get_model("sessions_core", "Workspace"))
