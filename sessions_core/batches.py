"""Ids in batches, so that no statement has too many parameters."""

from collections.abc import Collection, Iterator
from typing import Any

__all__ = ["BATCH", "batches"]

BATCH = 200


def batches(ids: Collection[Any]) -> Iterator[list[Any]]:
    """Yield the ids in order, in lists of at most ``BATCH``."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), BATCH):
        yield ordered[start : start + BATCH]
