"""Output of commands: a table for a person at a terminal, tab-separated lines in a pipe, or JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import Any

from django.core.management.base import BaseCommand
from django.core.serializers.json import DjangoJSONEncoder

from sessions_core.management.durations import format_duration
from sessions_core.texts import LONGEST_TEXT, printable

__all__ = ["Report"]

Facts = Mapping[str, Any]

# Rows whose width is measured at once: the next ones get columns of their own.
PAGE = 200


class Report:
    """Writes rows and facts to the stdout of a command.

    A pipe gets whole values without a heading: times in UTC and ISO 8601, an empty text for a missing value.
    """

    def __init__(self, command: BaseCommand, *, as_json: bool) -> None:
        self._out = command.stdout
        self._heading = command.style.SQL_COLTYPE
        self._is_terminal = self._out.isatty()
        self._as_json = as_json

    def facts(self, facts: Facts) -> None:
        """Write one object, a line for each of its facts. A list in it is a table below the other facts."""
        if self._as_json:
            self._out.write(_json(facts))
            return
        tables = {name: value for name, value in facts.items() if isinstance(value, list)}
        lines = {name: self._cell(value) for name, value in facts.items() if name not in tables}
        width = max(map(len, lines), default=0)
        for name, value in lines.items():
            self._out.write(f"{_words(name):<{width}}  {value}" if self._is_terminal else f"{name}\t{value}")
        for name, rows in tables.items():
            if rows:
                self._out.write(f"\n{self._heading(_words(name).capitalize())}" if self._is_terminal else f"\n{name}")
                self.rows(rows, list(rows[0]))

    def rows(self, rows: Iterable[Facts], columns: Sequence[str]) -> None:
        """Write the rows. JSON has all facts of a row, the other forms have these columns."""
        if self._as_json:
            self._out.write(_json(list(rows)))
        elif self._is_terminal:
            self._write_tables(rows, columns)
        else:
            for row in rows:
                self._out.write("\t".join(self._cell(row[column]) for column in columns))

    def _write_tables(self, rows: Iterable[Facts], columns: Sequence[str]) -> None:
        remaining = iter(rows)
        heading = [_words(column).capitalize() for column in columns]
        while page := [[self._cell(row[column]) for column in columns] for row in islice(remaining, PAGE)]:
            widths = [max(map(len, cells)) for cells in zip(*chain([heading], page), strict=True)]
            self._out.write(self._heading(_line(heading, widths)))
            for row in page:
                self._out.write(_line(row, widths))

    def _cell(self, value: Any) -> str:
        if value is None or value == "":
            return "-" if self._is_terminal else ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, datetime):
            at = value.astimezone(UTC)
            return f"{at:%Y-%m-%d %H:%M}" if self._is_terminal else f"{at:%Y-%m-%dT%H:%M:%SZ}"
        if isinstance(value, timedelta):
            return format_duration(value)
        if isinstance(value, list):
            return ", ".join(map(self._cell, value))
        # A text that somebody chose has no escape codes, tabs or line breaks.
        return printable(str(value), longest=LONGEST_TEXT)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _words(name: str) -> str:
    return name.replace("_", " ")


class _Encoder(DjangoJSONEncoder):
    """Writes a duration as arguments of commands spell it."""

    def default(self, value: Any) -> Any:
        return format_duration(value) if isinstance(value, timedelta) else super().default(value)


def _json(value: Any) -> str:
    return json.dumps(value, cls=_Encoder, indent=2)
