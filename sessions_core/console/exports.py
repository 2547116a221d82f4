"""Signed downloads of a list, as CSV or JSON lines, streamed. Each names the filter, the time and the operator."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any
from unicodedata import category

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.http import StreamingHttpResponse

from sessions_core.console.keysets import Keyset
from sessions_core.crypto.file_signatures import signing_lines

__all__ = ["FORMATS", "all_rows", "batches", "download", "neutralised"]

FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson; charset=utf-8"}

# Rows that are in memory at once.
BATCH = 500

# A spreadsheet takes a cell that begins with one of these for a formula. The last four are their wide forms.
# Spaces, marks and separators before it do not matter, because an import may drop them or begin a cell after them.
FORMULA = (
    *("=", "+", "-", "@", "\t", "\r", "\n"),
    *("\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}", "\N{FULLWIDTH HYPHEN-MINUS}"),
    "\N{FULLWIDTH COMMERCIAL AT}",
)

SEPARATORS = ",;|"


def neutralised(value: Any) -> str:
    """Return the text of a cell that no spreadsheet runs as a formula: such a text begins with an apostrophe."""
    text = value if isinstance(value, str) else json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
    text = "" if value is None else text
    return f"'{text}" if (text.startswith(FORMULA) or _bare(text).startswith(FORMULA)) else text


def _bare(text: str) -> str:
    """Return the text without the spaces, invisible characters and separators that it begins with."""
    return next((text[n:] for n, sign in enumerate(text) if not (sign in SEPARATORS or _is_invisible(sign))), "")


def _is_invisible(sign: str) -> bool:
    return sign.isspace() or category(sign) in ("Cc", "Cf")


def all_rows(queryset: QuerySet[Any]) -> Iterator[Any]:
    """Yield all rows in order."""
    return chain.from_iterable(batches(queryset))


def batches(queryset: QuerySet[Any]) -> Iterator[Sequence[Any]]:
    """Yield all rows in order, a batch at a time, each found by the position of the row before it."""
    keyset, position = Keyset.of(queryset), None
    while rows := keyset.rows_after(queryset, position, BATCH):
        yield rows
        position = keyset.position_of(rows[-1])


def download(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, about: Mapping[str, Any], name: str, format: str
) -> StreamingHttpResponse:
    """Return the rows as a file. Its first line has ``about``: what was exported, with which filter, when, by whom. Its
    last line has a signature of all others, which ``manage.py check_download`` verifies."""
    if format == "csv":
        lines = signing_lines(_csv(rows, columns, about))
    else:
        lines = signing_lines(_json_lines(rows, about), before='{"signature": "hmac-sha256 ', after='"}')
    response = StreamingHttpResponse(lines, content_type=FORMATS[format])
    response["Content-Disposition"] = f'attachment; filename="{name}.{format}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


class _Line:
    """A file of which ``csv`` gets each line back."""

    def write(self, line: str) -> str:
        return line


def _csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], about: Mapping[str, Any]) -> Iterator[str]:
    writer: Any = csv.writer(_Line())
    yield writer.writerow(["# " + json.dumps(about, cls=DjangoJSONEncoder, ensure_ascii=False)])
    yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([neutralised(row[column]) for column in columns])


def _json_lines(rows: Iterable[Mapping[str, Any]], about: Mapping[str, Any]) -> Iterator[str]:
    yield json.dumps({"export": about}, cls=DjangoJSONEncoder) + "\n"
    for row in rows:
        yield json.dumps(row, cls=DjangoJSONEncoder) + "\n"
