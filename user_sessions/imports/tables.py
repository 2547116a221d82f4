"""Read a table of another package, which need not be installed any more."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.db import Error, connections
from django.utils.dateparse import parse_datetime
from django.utils.timezone import make_aware

from user_sessions.imports.past_sessions import Outcome, PastSession, Refused

__all__ = ["Row", "TableRefused", "TableSource"]

BATCH = 500

# Values as text, by column: a wrong value cannot fail the query.
Row = dict[str, str | None]


class TableRefused(Exception):
    """The table cannot be read: it is missing or has other columns, or the database refuses."""


class TableSource(ABC):
    """The rows of a table, in the order of its primary key. It is only read."""

    table: ClassVar[str]
    primary_key: ClassVar[str]
    columns: ClassVar[Sequence[str]]

    def __init__(self, using: str, table: str = "") -> None:
        """``using`` is the database. ``table`` is the name of the table if it is not the usual one."""
        self.using = using
        self.name = table or self.table

    def batches(self) -> Iterator[list[PastSession | Outcome]]:
        """Yield what each row tells, in batches. Raise TableRefused."""
        self._require_columns()
        last: Any = None
        while found := self._page(last):
            last = found[-1][0]
            rows = [dict(zip(self.columns, values, strict=True)) for _, *values in found]
            self.complete(rows)
            yield [self._converted(row) for row in rows]

    def complete(self, rows: Sequence[Row]) -> None:  # noqa: B027  (most sources have one table)
        """Add what other tables know of these rows."""

    @abstractmethod
    def convert(self, row: Row) -> PastSession:
        """Return what a row tells. Raise Refused."""

    def related(self, table: str, column: str, values: Sequence[str | None], *columns: str) -> dict[str, Row]:
        """Return these columns of another table, by the text in ``column``: empty if there is no such table."""
        if table not in connections[self.using].introspection.table_names():
            return {}
        read, places = (column, *columns), ", ".join(["%s"] * len(values))
        chosen = f"FROM {self._quote(table)} WHERE {self._quote(column)} IN ({places})"
        found = self._run(f"SELECT {self._texts(read)} {chosen}", values)
        return {row[0]: dict(zip(read, row, strict=True)) for row in found}

    def time(self, row: Row, column: str) -> datetime:
        """Return a time that the row must have. Raise Refused."""
        found = self.time_or_none(row, column)
        if found is None:
            raise Refused(Outcome.INVALID)
        return found

    def time_or_none(self, row: Row, column: str) -> datetime | None:
        text = row.get(column)
        if text is None:
            return None
        try:
            found = parse_datetime(text)
            if found is not None and found.utcoffset() is None:
                found = make_aware(found, connections[self.using].timezone or UTC)
            if found is not None:
                return found.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise Refused(Outcome.INVALID)

    def _converted(self, row: Row) -> PastSession | Outcome:
        try:
            return self.convert(row)
        except Refused as refused:
            return refused.outcome

    def _page(self, last: Any) -> Sequence[Any]:
        table = self._quote(self.name)
        key = f"{table}.{self._quote(self.primary_key)}"  # not the text of the same name
        following = "" if last is None else f"WHERE {key} > %s "
        query = f"SELECT {key}, {self._texts(self.columns)} FROM {table} {following}ORDER BY {key} LIMIT {BATCH}"
        return self._run(query, [] if last is None else [last])

    def _run(self, query: str, parameters: Sequence[Any]) -> Sequence[Any]:
        try:
            with connections[self.using].cursor() as cursor:
                cursor.execute(query, parameters)
                found: Sequence[Any] = cursor.fetchall()
                return found
        except Error as problem:  # only its type: its text can contain a value
            raise TableRefused(f"The table {self.name!r} cannot be read: {type(problem).__name__}.") from None

    def _require_columns(self) -> None:
        connection = connections[self.using]
        if self.name not in connection.introspection.table_names():
            raise TableRefused(f"The database {self.using!r} has no table {self.name!r}.")
        with connection.cursor() as cursor:
            given = {each.name for each in connection.introspection.get_table_description(cursor, self.name)}
        if missing := {self.primary_key, *self.columns} - given:
            raise TableRefused(f"The table {self.name!r} has no column {', '.join(sorted(missing))}.")

    def _quote(self, name: str) -> str:
        return connections[self.using].ops.quote_name(name)

    def _text(self, column: str) -> str:
        return f"CAST({self._quote(column)} AS text)"

    def _texts(self, columns: Sequence[str]) -> str:
        return ", ".join(map(self._text, columns))
