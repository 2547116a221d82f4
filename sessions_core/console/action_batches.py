"""The rows of an action in batches, so that the action never locks or loads all rows of a list."""

import time
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from sessions_core.console.keysets import Keyset
from sessions_core.db.transactions import is_in_transaction

__all__ = ["row_batches"]

# Seconds between two batches. Writers that wait for the lock of SQLite look for it every 0.1 seconds.
PAUSE = 0.12


def row_batches(queryset: QuerySet[Any], size: int) -> Iterator[QuerySet[Any]]:
    """Yield the rows in the order of their list, which has an index. Reads a batch when it is its turn."""
    keyset, position = Keyset.of(queryset), None
    keys: Any = queryset.values_list("pk", *(name for name, _descends in keyset.columns))
    while rows := keyset.rows_after(keys, position, size + 1):
        yield queryset.filter(pk__in=[pk for pk, *_position in rows[:size]])
        if len(rows) <= size:
            break
        position = rows[size - 1][1:]
        if not is_in_transaction():  # such as that of ATOMIC_REQUESTS, which keeps its locks
            time.sleep(PAUSE)
