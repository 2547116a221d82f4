"""A look-up whose SQL is kept.

Building and compiling a query costs Django several times what the database then does with it, and the check of a
credential is the one query that every request makes.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

__all__ = ["KeptQuery"]

M = TypeVar("M", bound=Model)

# Stands where the value goes, among the parameters of the SQL.
_SLOT = "the value that is looked up"


@dataclass(frozen=True)
class _Compiled:
    sql: str
    parameters: list[Any]
    compiler: Any
    converters: Any


class KeptQuery(Generic[M]):
    """The row of a model whose ``column``, a unique text, has some value, with the row that ``related`` refers to."""

    def __init__(self, model: type[M], *, column: str, related: str) -> None:
        self.model = model
        self.column = column
        self.related = related

    @cached_property
    def other(self) -> type[Model]:
        """The model that is joined; known only once all of them are there."""
        other: Any = self.model._meta.get_field(self.related).related_model
        assert isinstance(other, type)
        return other

    def get(self, value: str) -> M | None:
        """One query; None if there is no such row."""
        connection = connections[router.db_for_read(self.model)]
        kept = self._compiled(connection)
        with connection.cursor() as cursor:
            cursor.execute(kept.sql, [value if one == _SLOT else one for one in kept.parameters])
            found = cursor.fetchone()
        if found is None:
            return None
        (values,) = kept.compiler.apply_converters([found], kept.converters)
        names, other_names = _columns(self.model), _columns(self.other)
        row = self.model.from_db(connection.alias, names, values[: len(names)])
        setattr(row, self.related, self.other.from_db(connection.alias, other_names, values[len(names) :]))
        return row

    def _compiled(self, connection: BaseDatabaseWrapper) -> _Compiled:
        """Kept with the connection, and gone with it: converters know the connection they were made for."""
        kept: dict[KeptQuery[Any], _Compiled] = connection.__dict__.setdefault("gatepass_kept_queries", {})
        if self not in kept:
            names = [*_columns(self.model), *(f"{self.related}__{name}" for name in _columns(self.other))]
            rows = self.model._default_manager.filter(**{self.column: _SLOT}).order_by().values_list(*names)
            compiler: Any = rows.query.get_compiler(connection=connection)
            sql, parameters = compiler.as_sql()
            converters = compiler.get_converters([column for column, *_ in compiler.select])
            kept[self] = _Compiled(sql, list(parameters), compiler, converters)
        return kept[self]


def _columns(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]
