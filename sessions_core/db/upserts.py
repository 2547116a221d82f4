"""Insert rows, or add to those that exist, with ``ON CONFLICT``. Django's ``bulk_create`` can only overwrite them."""

from collections.abc import Sequence
from typing import Any

from django.db import connections, router
from django.db.models import AutoField, Model

__all__ = ["insert_or_add"]


def insert_or_add(rows: Sequence[Model], *, key: Sequence[str], number: str) -> None:
    """Insert new rows of one model in one statement. If a row has the ``key`` of an existing one, add its ``number`` to
    that of the existing row.

    ``key`` is the columns of a unique constraint that are never NULL. Sends no signals.
    """
    model, meta = type(rows[0]), rows[0]._meta
    connection = connections[router.db_for_write(model)]
    fields: list[Any] = [field for field in meta.concrete_fields if not isinstance(field, AutoField)]
    quoted = {field.name: connection.ops.quote_name(field.column) for field in fields}
    table, counted = connection.ops.quote_name(meta.db_table), quoted[number]
    columns, unique = ", ".join(quoted.values()), ", ".join(quoted[name] for name in key)
    places = ", ".join([f"({', '.join(['%s'] * len(fields))})"] * len(rows))
    # The same order in every process, so that they do not deadlock.
    in_order = sorted(rows, key=lambda row: tuple(getattr(row, name) for name in key))
    values = [field.get_db_prep_save(field.pre_save(row, True), connection) for row in in_order for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns}) VALUES {places} ON CONFLICT ({unique}) "
            f"DO UPDATE SET {counted} = {table}.{counted} + EXCLUDED.{counted}",
            values,
        )
