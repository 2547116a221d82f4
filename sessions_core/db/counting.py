"""Count the rows of many querysets with one statement, each up to a bound."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import Case, Q, QuerySet, Value, When

from sessions_core.db.compiled import CompiledSubquery

__all__ = ["Bounded", "bounded_counts", "counts_between"]


class Bounded(NamedTuple):
    """A queryset, and the number of its rows above which counting stops.

    With a condition, this many rows and one more are tried in their order, and those that meet it are counted. In the
    filter of the queryset, the condition could make the database read all rows first.
    """

    rows: "QuerySet[Any, Any]"
    most: int
    condition: Q | None = None


def bounded_counts(wanted: Sequence[Bounded]) -> list[int]:
    """Return how many rows each queryset has, or the bound plus one for more. One statement for each database.

    A database reads no more of an index than it counts, so the bound also limits the time.
    """
    places: dict[str, list[int]] = {}
    for place, each in enumerate(wanted):
        places.setdefault(each.rows.db, []).append(place)
    counted = [0] * len(wanted)
    for alias, own in places.items():
        for place, count in zip(own, _run(alias, [wanted[place] for place in own]), strict=True):
            counted[place] = count
    return counted


def counts_between(
    rows: "QuerySet[Any, Any]", times: Sequence[tuple[datetime, datetime]], *, most: int
) -> Sequence[int]:
    """Return how many of the rows were created from each start until before its end, or the bound plus one for more.

    One statement. The count of one span is compiled, and used for all.
    """
    counted = CompiledSubquery(
        lambda start, end: _limited(Bounded(rows.filter(created_at__gte=start, created_at__lt=end), most)),
        start=datetime,
        end=datetime,
    )
    try:
        spans = [counted.expression(using=rows.db, start=start, end=end) for start, end in times]
    except EmptyResultSet:  # no row can match, as in ``none()``
        return [0] * len(times)
    parts, parameters = [_count_of(span.sql) for span in spans], [each for span in spans for each in span.params]
    return _row(rows.db, parts, parameters)


def _run(alias: str, wanted: Sequence[Bounded]) -> Sequence[int]:
    parts: list[str] = []
    parameters: list[Any] = []
    for each in wanted:
        try:
            sql, own = _limited(each).query.get_compiler(connection=connections[alias]).as_sql()
        except EmptyResultSet:
            parts.append("0")
            continue
        parts.append(_count_of(sql))
        parameters += own
    return _row(alias, parts, parameters)


def _count_of(sql: str) -> str:
    return f"(SELECT COUNT(counted.one) FROM ({sql}) AS counted)"


def _row(alias: str, parts: Iterable[str], parameters: Sequence[Any]) -> Sequence[int]:
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", parameters)
        counts: Sequence[int] = cursor.fetchone()
    return counts


def _limited(wanted: Bounded) -> Any:
    """Return the query of one column, which is 1 for the rows to count and otherwise null. It reads no column of the
    table, so that an index is enough."""
    if wanted.condition is None:
        return wanted.rows.order_by().annotate(one=Value(1)).values_list("one")[: wanted.most + 1]
    meets_it = Case(When(wanted.condition, then=Value(1)))
    return wanted.rows.annotate(one=meets_it).values_list("one")[: wanted.most + 1]
