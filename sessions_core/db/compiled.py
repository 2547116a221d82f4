"""A look-up whose SQL is kept.

Building and compiling a query costs Django several times what the database then does with it, and a few look-ups are
made by every request.
"""

from collections.abc import Callable, Hashable, Iterable
from copy import copy
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, QuerySet

__all__ = ["CompiledQuery"]

M = TypeVar("M", bound=Model)


class CompiledQuery(Generic[M]):
    """The rows that ``find`` finds.

    ``find`` is called once with a stand-in for each of its parameters: ``slots`` tells the name of a field of the model
    that is of the same kind as the parameter, and the stand-in, a value that occurs nowhere else in the query. Where a
    setting changes the query, ``depends_on`` returns it, and ``find`` is called once for each value.
    """

    def __init__(
        self,
        model: type[M],
        find: Callable[..., QuerySet[M]],
        depends_on: Callable[[], Hashable] = lambda: None,
        **slots: tuple[str, Any],
    ) -> None:
        self.model = model
        self.find = find
        self.depends_on = depends_on
        self.slots = slots

    def get(self, **values: Any) -> M | None:
        """The one row, where there can be no other: one query; None if there is no such row."""
        return next(iter(self.rows(**values)), None)

    def rows(self, **values: Any) -> Iterable[M]:
        """All of them: one query."""
        connection = connections[router.db_for_write(self.model)]  # a replica may not know yet what was revoked
        kept = self._kept(connection)
        filled = [
            (stand_in, self._prepared(name, values[name], connection)) for name, stand_in in kept.stand_ins.items()
        ]
        rows: Iterable[M] = kept.rows([_fill(parameter, filled) for parameter in kept.parameters])
        return rows

    def _kept(self, connection: BaseDatabaseWrapper) -> "_Kept":
        """Kept with the connection, and gone with it: converters know the connection they were made for."""
        kept: dict[Hashable, _Kept] = connection.__dict__.setdefault("gatepass_kept_queries", {})
        variant = (self, self.depends_on())
        if variant not in kept:
            stand_ins = {name: stand_in for name, (_, stand_in) in self.slots.items()}
            prepared = {name: self._prepared(name, stand_in, connection) for name, stand_in in stand_ins.items()}
            kept[variant] = _Kept(self.find(**stand_ins), prepared, connection)
        return kept[variant]

    def _prepared(self, name: str, value: Any, connection: BaseDatabaseWrapper) -> Any:
        """A value in the form that this database takes."""
        field: Any = self.model._meta.get_field(self.slots[name][0])
        return field.get_db_prep_value(value, connection)


class _Kept:
    """A compiled query. Django makes its rows; only the SQL and the converters are not made again."""

    def __init__(self, queryset: QuerySet[Any], stand_ins: dict[str, Any], connection: BaseDatabaseWrapper) -> None:
        self.queryset: Any = queryset
        self.stand_ins = stand_ins
        self.compiler: Any = queryset.query.get_compiler(connection=connection)
        self.sql, self.parameters = self.compiler.as_sql()
        assert all(stand_in in self.parameters for stand_in in stand_ins.values()), "a stand-in was rewritten"
        self.converters = self.compiler.get_converters([column for column, *_ in self.compiler.select])

    def rows(self, parameters: list[Any]) -> Any:
        compiler = copy(self.compiler)
        compiler.as_sql = lambda *_, **__: (self.sql, parameters)
        compiler.get_converters = lambda _: self.converters
        source = SimpleNamespace(
            db=self.compiler.using or self.compiler.connection.alias,
            query=SimpleNamespace(get_compiler=lambda **_: compiler),
            _known_related_objects={},
            _fetch_mode=getattr(self.queryset, "_fetch_mode", None),
        )
        return self.queryset._iterable_class(source)


def _fill(parameter: Any, filled: list[tuple[Any, Any]]) -> Any:
    for stand_in, value in filled:
        if parameter == stand_in:
            return value
    return parameter
