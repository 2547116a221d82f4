"""How the database runs the statements of an operation: which index it uses for each table, and what it sorts."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection

__all__ = ["Plan", "Statements", "as_text", "file", "is_slow", "plans", "statements"]

# What a statement does to which table, and the steps of its plan.
Plan = tuple[str, list[str]]

_EXPLAIN = {"postgresql": "EXPLAIN (COSTS OFF) ", "sqlite": "EXPLAIN QUERY PLAN "}

# A step that reads a table or sorts, as the two databases write it.
_STEP = re.compile(r"^\s*(?:->\s+)?((?:.*\bScan\b|Sort Key:|SCAN|SEARCH|USE TEMP B-TREE).*)$")

# Tables of a statement itself, which has read them by an index before.
_OWN_TABLES = ("reached", "counted", "CONSTANT")

_SLOW = re.compile(
    rf"^(?:Parallel )?Seq Scan|^Sort Key:|^SCAN (?!\d|{'|'.join(_OWN_TABLES)})|^USE TEMP B-TREE FOR .*ORDER"
)


def is_slow(step: str) -> bool:
    """Return True if the step reads a whole table or index, or sorts."""
    return bool(_SLOW.search(step))


class Statements:
    """The statements that were run, in order, each once, with their parameters."""

    def __init__(self) -> None:
        self.run: dict[str, Any] = {}

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip("(").partition(" ")[0] in ("SELECT", "UPDATE", "DELETE", "WITH"):
            self.run.setdefault(sql, params)
        return execute(sql, params, many, context)


@contextmanager
def statements() -> Iterator[Statements]:
    """Collect the statements of the block."""
    seen = Statements()
    with connection.execute_wrapper(seen):
        yield seen


def plans(seen: Statements) -> list[Plan]:
    return [(_title(sql), _steps(sql, params)) for sql, params in seen.run.items()]


def file() -> Path:
    """Return where the plans of this database are on file: they differ between versions."""
    version = ".".join(map(str, connection.get_database_version()[: 1 if connection.vendor == "postgresql" else 2]))
    return Path(__file__).parent / "plans_of" / f"{connection.vendor}-{version}.txt"


def as_text(found: Mapping[str, Sequence[Plan]]) -> str:
    lines = []
    for operation, each in found.items():
        lines.append(f"# {operation}")
        for title, steps in each:
            lines += [f"  {title}", *(f"    {step}" for step in steps)]
    return "\n".join(lines) + "\n"


def _steps(sql: str, params: Any) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_EXPLAIN[connection.vendor] + sql, params)
        lines = [str(row[-1]) for row in cursor.fetchall()]
    found = (_STEP.match(line) for line in lines)
    return [_without_aliases(match[1]) for match in found if match]


def _title(sql: str) -> str:
    """Return the verb and the table of a statement, which is the first outside of parentheses."""
    outside = sql
    while outside != (outside := re.sub(r"\([^()]*\)", "", outside)):
        pass
    table = re.search(r'(?:FROM|UPDATE|INTO) "(\w+)"', outside)
    return f"{sql.partition(' ')[0]} {table[1] if table else ''}".strip()


def _without_aliases(step: str) -> str:
    """Leave out the names that Django numbers."""
    return re.sub(r"(?<= on )(\w+) \w+$", r"\1", re.sub(r"\b[uvw]\d+(_\d+)?\.", "", step)).strip()
