"""``UPDATE … RETURNING``, so that an event can be recorded for exactly the changed rows.

Both databases support ``RETURNING`` (SQLite since 3.35, 2021), but Django has no public API for it.
"""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, router, transaction
from django.db.models import Model, QuerySet, sql

__all__ = ["update_returning"]


def update_returning(rows: QuerySet[Any], columns: Sequence[str], /, **values: Any) -> list[tuple[Any, ...]]:
    """Update ``rows`` as ``rows.update(**values)`` does. Return these columns, texts or keys, of the changed rows.

    The conditions of ``rows`` must use its own table and sub-queries, not joins: a join would read an older snapshot
    than the one that is updated.
    """
    model: type[Model] = rows.model
    alias = router.db_for_write(model)
    query: Any = rows.order_by().query.chain(sql.UpdateQuery)
    query.add_update_values(values)
    query.clear_select_clause()
    connection = connections[alias]
    try:
        statement, parameters = query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:  # no row can match, as in ``none()``
        return []
    fields: list[Any] = [model._meta.get_field(name) for name in columns]
    returned = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    with transaction.mark_for_rollback_on_error(using=alias), connection.cursor() as cursor:
        cursor.execute(f"{statement} RETURNING {returned}", parameters)
        return [tuple(field.to_python(value) for field, value in zip(fields, row, strict=True)) for row in cursor]
