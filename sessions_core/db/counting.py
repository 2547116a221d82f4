"""Count the rows of many querysets with one statement, each up to a bound."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet, Value

__all__ = ["Bounded", "bounded_counts"]

# A queryset, and the number of its rows above which counting stops.
Bounded = tuple["QuerySet[Any, Any]", int]


def bounded_counts(wanted: Sequence[Bounded]) -> list[int]:
    """Return how many rows each queryset has, or the bound plus one for more. One statement for each database.

    A database reads no more of an index than it counts, so the bound also limits the time.
    """
    places: dict[str, list[int]] = {}
    for place, (rows, _) in enumerate(wanted):
        places.setdefault(rows.db, []).append(place)
    counted = [0] * len(wanted)
    for alias, own in places.items():
        for place, count in zip(own, _run(alias, [wanted[place] for place in own]), strict=True):
            counted[place] = count
    return counted


def _run(alias: str, wanted: Sequence[Bounded]) -> Sequence[int]:
    parts: list[str] = []
    parameters: list[Any] = []
    for rows, most in wanted:
        limited: Any = rows.order_by().values_list(Value(1))[: most + 1]  # no column, so that an index is enough
        try:
            sql, own = limited.query.get_compiler(connection=connections[alias]).as_sql()
        except EmptyResultSet:
            parts.append("0")
            continue
        parts.append(f"(SELECT COUNT(*) FROM ({sql}) AS counted)")
        parameters += own
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", parameters)
        counts: Sequence[int] = cursor.fetchone()
    return counts
