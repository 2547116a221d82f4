"""Writes with ``RETURNING``, so that what was written need not be read again.

Both databases support ``RETURNING`` (SQLite since 3.35, 2021), but Django has no public API for it.
"""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import AutoField, Model, QuerySet, sql
from django.db.models.signals import post_save, pre_save

__all__ = ["insert", "insert_missing", "run_returning", "update_query", "update_returning"]


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
    model, meta = type(rows[0]), rows[0]._meta
    using = router.db_for_write(model)
    connection = connections[using]
    fields: list[Any] = [field for field in meta.concrete_fields if not isinstance(field, AutoField)]
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    places = f"({', '.join(['%s'] * len(fields))})"
    start = f"INSERT INTO {connection.ops.quote_name(meta.db_table)} ({columns}) VALUES"
    size = connection.ops.bulk_batch_size(fields, rows)
    for row in rows:
        pre_save.send(model, instance=row, raw=False, using=using, update_fields=None)
    for batch in (rows[first : first + size] for first in range(0, len(rows), size)):
        values = [field.get_db_prep_save(field.pre_save(row, True), connection) for row in batch for field in fields]
        statement = f"{start} {', '.join([places] * len(batch))}"
        for row, (key,) in zip(batch, run_returning(model, ["pk"], statement, values, connection), strict=True):
            row.pk, row._state.adding, row._state.db = key, False, using
    for row in rows:
        post_save.send(model, instance=row, created=True, raw=False, using=using, update_fields=None)


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
    fields: list[Any] = [model._meta.pk if name == "pk" else model._meta.get_field(name) for name in columns]
    returned = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    with transaction.mark_for_rollback_on_error(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f"{statement} RETURNING {returned}", parameters)
        rows = cursor.fetchall()
    return [
        tuple(_python_value(value, field, connection) for value, field in zip(row, fields, strict=True)) for row in rows
    ]


def _python_value(value: Any, field: Any, connection: BaseDatabaseWrapper) -> Any:
    column = field.get_col(field.model._meta.db_table)  # of a foreign key, as its target
    for convert in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection)):
        value = convert(value, column, connection)
    return value
