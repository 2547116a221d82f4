"""Writes with ``RETURNING``, so that what was written need not be read again.

Both databases support ``RETURNING`` (SQLite since 3.35, 2021), but Django has no public API for it.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import AutoField, Model, QuerySet, sql
from django.db.models.signals import post_save, pre_save

from sessions_core.db.cursors import fetch_all
from sessions_core.db.json_rows import elements

# Parameters of one statement in PostgreSQL's protocol. Django lets psycopg write them into the SQL, unless the option
# ``server_side_binding`` is on.
MOST_PARAMETERS = 65_535

__all__ = [
    "MOST_PARAMETERS",
    "Insert",
    "Inserts",
    "insert",
    "insert_all",
    "insert_missing",
    "insert_together",
    "run_returning",
    "update_query",
    "update_returning",
]


def update_returning(rows: QuerySet[Any], columns: Sequence[str], /, **values: Any) -> list[tuple[Any, ...]]:
    """Update ``rows`` as ``rows.update(**values)`` does. Return these columns of the changed rows.

    The conditions of ``rows`` must use its own table and sub-queries, not joins: a join would read an older snapshot
    than the one that is updated.
    """
    connection = connections[router.db_for_write(rows.model)]
    try:
        statement, parameters = update_query(rows, values).get_compiler(connection=connection).as_sql()
    except EmptyResultSet:  # no row can match, as in ``none()``
        return []
    return run_returning(rows.model, columns, statement, parameters, connection)


def insert(rows: Sequence[Model]) -> None:
    """Insert new rows of one model in one statement, and set their keys. Sends the signals of ``save``.

    ``save`` and ``bulk_create`` compile a query for each call, which takes longer than the statement.
    """
    insert_together(Insert.plain(rows))


def insert_together(*inserts: "tuple[Insert, Sequence[Model]]") -> None:
    """Insert new rows of several models, which may refer to each other: foreign keys are checked at the commit.

    PostgreSQL takes one statement for all of them, SQLite one for each model. Sends the signals of ``save``: all
    ``pre_save`` before, and all ``post_save`` after the rows are inserted.
    """
    using = router.db_for_write(inserts[0][0].model)
    connection = connections[using]
    for each, rows in inserts:
        for row in rows:
            pre_save.send(each.model, instance=row, raw=False, using=using, update_fields=None)
    statements = [(_prepared(connection, each, _InsertStatement), rows) for each, rows in inserts]
    number = sum(len(statement.fields) * len(rows) for statement, rows in statements)
    if connection.vendor == "postgresql" and len(inserts) > 1 and number <= MOST_PARAMETERS:
        _run_as_one(statements, connection)
    else:
        for statement, rows in statements:
            statement.run(rows)
    for each, rows in inserts:
        for row in rows:
            post_save.send(each.model, instance=row, created=True, raw=False, using=using, update_fields=None)


def insert_all(
    model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]], /, **alike: Any
) -> list[tuple[Any, ...]]:
    """Insert rows given as their values in these columns; all have the same values in the others.

    Return the key and these columns of each row. All rows are one parameter, so it is one statement for any number of
    rows. Sends no signals.
    """
    connection = connections[router.db_for_write(model)]
    quote = connection.ops.quote_name
    varying: list[Any] = [model._meta.get_field(name) for name in columns]
    fields: list[Any] = [model._meta.get_field(name) for name in alike]
    names = ", ".join(quote(field.column) for field in (*fields, *varying))
    values = "%s, " * len(fields) + elements([field.db_type(connection) for field in varying], connection)
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({names}) SELECT {values}"
    parameters = [field.get_db_prep_save(alike[field.attname], connection) for field in fields]
    each = [
        [field.get_db_prep_save(value, connection) for field, value in zip(varying, row, strict=True)] for row in rows
    ]
    return run_returning(model, ["pk", *columns], statement, [*parameters, json.dumps(each, default=str)], connection)


class Insert:
    """How ``insert_together`` inserts rows of a model.

    ``facts`` returns expressions, such as sub-queries. The statement evaluates them for each row, and sets their values
    as attributes of the row.
    """

    def __init__(self, model: type[Model], facts: Callable[[], Mapping[str, Any]] = dict) -> None:
        self.model = model
        self.facts = facts

    @staticmethod
    def plain(rows: Sequence[Model]) -> "tuple[Insert, Sequence[Model]]":
        """Return the rows with their insert, which has no facts."""
        return _plain_insert(type(rows[0])), rows


@cache
def _plain_insert(model: type[Model]) -> Insert:
    return Insert(model)


# New rows, each group with its insert.
Inserts = Sequence[tuple[Insert, Sequence[Model]]]


def insert_missing(rows: Sequence[Model]) -> set[Any]:
    """Insert the rows whose primary key no row has yet, in one statement. Return their keys. Sends no signals.

    Of concurrent calls with the same key one inserts it; the others wait until that one commits.
    """
    if not rows:
        return set()
    model, fields = type(rows[0]), list[Any](rows[0]._meta.concrete_fields)
    connection = connections[router.db_for_write(model)]
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    places = ", ".join([f"({', '.join(['%s'] * len(fields))})"] * len(rows))
    table = connection.ops.quote_name(model._meta.db_table)
    in_order = sorted(rows, key=lambda row: row.pk)  # the same in every process, so that they do not deadlock
    values = [field.get_db_prep_save(field.pre_save(row, True), connection) for row in in_order for field in fields]
    statement = f"INSERT INTO {table} ({columns}) VALUES {places} ON CONFLICT DO NOTHING"
    return {key for (key,) in run_returning(model, ["pk"], statement, values, connection)}


def update_query(rows: QuerySet[Any], values: Any) -> Any:
    """Return the query of ``rows.update(**values)``."""
    query: Any = rows.order_by().query.chain(sql.UpdateQuery)
    query.add_update_values(values)
    query.clear_select_clause()
    return query


def run_returning(
    model: type[Model],
    columns: Sequence[str],
    statement: str,
    parameters: Sequence[Any],
    connection: BaseDatabaseWrapper,
) -> list[tuple[Any, ...]]:
    """Run a statement. Return these columns of the written rows."""
    return _prepared(connection, (model, tuple(columns)), _Returning).run(statement, parameters)


class _Returning:
    """The ``RETURNING`` of statements on one model: columns, and expressions by name."""

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        returned: tuple[type[Model], Sequence[str]],
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        model, columns = returned
        fields: list[Any] = [model._meta.pk if name == "pk" else model._meta.get_field(name) for name in columns]
        query: Any = model._base_manager.annotate(**facts or {}).query
        compiler = query.get_compiler(connection=connection)
        compiled = [compiler.compile(query.annotations[name]) for name in facts or {}]
        self.connection = connection
        self.width = len(fields) + len(compiled)
        self.sql = ", ".join(
            [*(connection.ops.quote_name(field.column) for field in fields), *(sql for sql, _ in compiled)]
        )
        self.parameters = [parameter for _, parameters in compiled for parameter in parameters]
        # A foreign key is converted as its target.
        expressions = [*(field.get_col(model._meta.db_table) for field in fields), *query.annotations.values()]
        self.converters = [
            (place, convert, expression)
            for place, expression in enumerate(expressions)
            for convert in (*connection.ops.get_db_converters(expression), *expression.get_db_converters(connection))
        ]

    def run(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run a statement. Return what it returns for each written row."""
        return self.converted(
            _run(f"{statement} RETURNING {self.sql}", [*parameters, *self.parameters], self.connection)
        )

    def converted(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Return the Python values of the rows of the database driver."""
        return [self._converted(row) for row in rows] if self.converters else rows

    def _converted(self, row: Sequence[Any]) -> tuple[Any, ...]:
        values = list(row)
        for place, convert, expression in self.converters:
            values[place] = convert(values[place], expression, self.connection)
        return tuple(values)


class _InsertStatement:
    def __init__(self, connection: BaseDatabaseWrapper, insert: Insert) -> None:
        meta, facts = insert.model._meta, insert.facts()
        self.connection = connection
        self.names = list(facts)
        self.fields: list[Any] = [field for field in meta.concrete_fields if not isinstance(field, AutoField)]
        columns = ", ".join(connection.ops.quote_name(field.column) for field in self.fields)
        self.start = f"INSERT INTO {connection.ops.quote_name(meta.db_table)} ({columns}) VALUES "
        self.places = f"({', '.join(['%s'] * len(self.fields))})"
        self.returning = _Returning(connection, (insert.model, ["pk"]), facts)

    def run(self, rows: Sequence[Model]) -> None:
        size = self.connection.ops.bulk_batch_size(self.fields, rows) if len(rows) > 1 else 1
        size = min(size, MOST_PARAMETERS // len(self.fields))
        for batch in (rows[first : first + size] for first in range(0, len(rows), size)):
            self.keep(batch, self.returning.run(*self.of(batch)))

    def of(self, rows: Sequence[Model]) -> tuple[str, list[Any]]:
        """Return SQL and parameters for these rows."""
        values = [
            field.get_db_prep_save(field.pre_save(row, True), self.connection) for row in rows for field in self.fields
        ]
        return self.start + ", ".join([self.places] * len(rows)), values

    def keep(self, rows: Sequence[Model], written: Iterable[tuple[Any, ...]]) -> None:
        """Set on the rows what the statement returned."""
        for row, (key, *facts) in zip(rows, written, strict=True):
            row.pk, row._state.adding, row._state.db = key, False, self.connection.alias
            vars(row).update(zip(self.names, facts, strict=True))


def _run_as_one(inserts: Sequence[tuple[_InsertStatement, Sequence[Model]]], connection: BaseDatabaseWrapper) -> None:
    """Run inserts as one statement of PostgreSQL. It returns an array for each returned column."""
    parts, arrays, parameters = [], [], []
    for number, (each, rows) in enumerate(inserts):
        (statement, values), part = each.of(rows), f"gatepass_{number}"
        columns = [f"c{place}" for place in range(each.returning.width)]
        parts.append(f"{part} ({', '.join(columns)}) AS ({statement} RETURNING {each.returning.sql})")
        arrays += [f"(SELECT array_agg({column}) FROM {part})" for column in columns]
        parameters += [*values, *each.returning.parameters]
    [written] = _run(f"WITH {', '.join(parts)} SELECT {', '.join(arrays)}", parameters, connection)
    returned = iter(written)
    for each, rows in inserts:
        of_rows = list(zip(*islice(returned, each.returning.width), strict=True))
        each.keep(rows, each.returning.converted(of_rows))


def _run(statement: str, parameters: Sequence[Any], connection: BaseDatabaseWrapper) -> list[tuple[Any, ...]]:
    with transaction.mark_for_rollback_on_error(using=connection.alias):
        return fetch_all(connection, statement, parameters)


S = TypeVar("S")


def _prepared(connection: BaseDatabaseWrapper, key: Any, make: Callable[[BaseDatabaseWrapper, Any], S]) -> S:
    """Return what ``make`` returns, made once for each connection: it reads the connection's settings."""
    made: dict[Any, S] = connection.__dict__.setdefault("gatepass_statements", {})
    if key not in made:
        made[key] = make(connection, key)
    return made[key]
