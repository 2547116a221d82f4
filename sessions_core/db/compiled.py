"""Queries whose SQL is compiled once.

Building and compiling a query costs Django several times what the database takes to run it, and a few queries run on
every request. A compiled query is built with a stand-in for each of its values. Django compiles it once for each
database; a call puts its own values in the places of the stand-ins.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    AutoField,
    BigAutoField,
    CharField,
    DateTimeField,
    Field,
    IntegerField,
    Model,
    QuerySet,
    UUIDField,
)
from django.db.models.expressions import RawSQL

from sessions_core.db.cursors import fetch_all
from sessions_core.db.limits import parametrized
from sessions_core.db.returning import run_returning, update_query

__all__ = ["CannotCompile", "CompiledQuery", "CompiledSubquery", "CompiledUpdate", "kind_of"]

M = TypeVar("M", bound=Model)

# The kinds of values, and the field that brings each into the form that a database takes.
_FIELDS: Mapping[type, "Field[Any, Any]"] = {
    str: CharField(),
    int: IntegerField(),
    UUID: UUIDField(),
    datetime: DateTimeField(),
}

# The kinds of the usual key fields.
_KEY_KINDS: Mapping[type, type] = {UUIDField: UUID, CharField: str, AutoField: int, BigAutoField: int}


class CannotCompile(Exception):
    """Raised if the places of a query's values cannot be found in its SQL, so that other values cannot take them."""


@dataclass(frozen=True, eq=False)
class _Statement:
    """A query as it was compiled for one database. ``places`` names the value of each parameter that has one."""

    queryset: Any
    compiler: Any
    sql: str
    parameters: Iterable[Any]
    places: Mapping[int, str]

    def filled(self, values: Mapping[str, Any]) -> list[Any]:
        parameters = list(self.parameters)
        for place, name in self.places.items():
            parameters[place] = values[name]
        return parameters


class _Compiled:
    """A query whose SQL is compiled once for each database.

    ``find`` returns the queryset. It takes the arguments of a call, and by name the values, of which ``kinds`` gives
    the types: ``str``, ``int``, ``UUID`` or ``datetime``. It may compare with the values and slice by them, but not
    compute with them. The SQL is compiled again for other arguments, and if ``depends_on`` returns something else, such
    as a setting that changes the query. Each value must occur in the SQL unless it is ``optional``.
    """

    def __init__(
        self,
        find: Callable[..., QuerySet[Any, Any]],
        depends_on: Callable[[], Hashable],
        kinds: Mapping[str, type],
        optional: Set[str] = frozenset(),
    ) -> None:
        self.find = find
        self.depends_on = depends_on
        self.kinds = kinds
        self.optional = optional
        self._statements: dict[Hashable, _Statement] = {}

    def statement(self, connection: BaseDatabaseWrapper, *arguments: Hashable) -> _Statement:
        """Return the compiled statement. Raise CannotCompile."""
        variant = (connection.alias, self.depends_on(), arguments)
        statement = self._statements.get(variant)
        if statement is None:
            statement = self._statements[variant] = self._compile(connection, arguments)
        return statement

    def prepared(self, values: Mapping[str, Any], connection: BaseDatabaseWrapper) -> dict[str, Any]:
        """Return the values in the form that this database takes. Its driver takes most of them as they are."""
        plain = (str, int, UUID) if connection.features.has_native_uuid_field else (str, int)
        prepared = {**values}
        for name, kind in self.kinds.items():
            if name in values and not (type(values[name]) is kind and kind in plain):
                prepared[name] = _FIELDS[kind].get_db_prep_value(values[name], connection)
        return prepared

    def _compile(self, connection: BaseDatabaseWrapper, arguments: Iterable[Hashable]) -> _Statement:
        """Compile the query twice: only in the places of its values may the results differ."""
        first, second = (_stand_ins(self.kinds, number) for number in (0, 1))
        queryset: Any = self.find(*arguments, **first)
        compiler = queryset.query.get_compiler(connection=connection)
        sql, parameters = parametrized(compiler.as_sql(), first)
        other = self.find(*arguments, **second).query.get_compiler(connection=connection)
        other_sql, others = parametrized(other.as_sql(), second)
        if sql != other_sql:
            raise self._cannot_compile("its SQL contains a value")
        here, there = self.prepared(first, connection), self.prepared(second, connection)
        places = {}
        for place, pair in enumerate(zip(parameters, others, strict=True)):
            name = next((name for name in self.kinds if pair == (here[name], there[name])), None)
            if name is not None:
                places[place] = name
            elif pair[0] != pair[1]:
                raise self._cannot_compile(f"the parameter {pair[0]!r} of its SQL is computed from a value")
        if missing := self.kinds.keys() - self.optional - set(places.values()):
            raise self._cannot_compile(f"its SQL does not use {', '.join(sorted(missing))}")
        compiler.connection = None  # the converters are made for each connection
        return _Statement(queryset, compiler, sql, tuple(parameters), places)

    def _cannot_compile(self, reason: str) -> CannotCompile:
        name = f"{self.find.__module__}.{getattr(self.find, '__qualname__', '')}"
        return CannotCompile(
            f"The query {name} cannot be compiled once for all values: {reason}. Compute before the query and pass the"
            " result as a value. If the query worked with another version of Django, install a supported version."
        )


class CompiledQuery(_Compiled, Generic[M]):
    """The rows of a model that ``find(**values)`` finds; see ``_Compiled``.

    Django makes the objects. Only its SQL and its converters of columns are reused.
    """

    def __init__(
        self,
        model: type[M],
        find: Callable[..., QuerySet[M]],
        depends_on: Callable[[], Hashable] = lambda: None,
        **kinds: type,
    ) -> None:
        super().__init__(find, depends_on, kinds)
        self.model = model

    def get(self, **values: Any) -> M | None:
        """Return the only row, or None: one query."""
        rows = self.rows(**values)
        return rows[0] if rows else None

    def rows(self, **values: Any) -> list[M]:
        """Return all rows: one query."""
        rows, readers, reader = self._run(values)
        objects = reader.objects(rows)
        readers.append(reader)
        return objects

    def tuples(self, **values: Any) -> list[tuple[Any, ...]]:
        """Return the columns of all rows, for a queryset of ``values_list``: one query."""
        rows, readers, reader = self._run(values)
        found = [tuple(reader.converted(row)) for row in rows]
        readers.append(reader)
        return found

    def _run(self, values: Mapping[str, Any]) -> "tuple[list[Any], list[_Reader], _Reader]":
        """Return the rows of the database driver, and a reader with the list of idle ones to put it back to."""
        connection = connections[router.db_for_write(self.model)]  # a replica may lag behind a revocation
        statement = self.statement(connection)
        rows = fetch_all(connection, statement.sql, statement.filled(self.prepared(values, connection)))
        idle: dict[_Statement, list[_Reader]] = connection.__dict__.setdefault("gatepass_readers", {})
        readers = idle.setdefault(statement, [])
        return rows, readers, readers.pop() if readers else _Reader(statement, connection)


class _Reader:
    """Makes the objects of the rows of a statement. One for each connection, because converters read its settings.

    Django makes the objects: its iterable of a queryset is created once, with the reader as compiler, and never ends.
    It ends if a receiver of a signal fails, so a reader is not put back then. If a receiver runs the same query, that
    query gets another reader.
    """

    def __init__(self, statement: _Statement, connection: BaseDatabaseWrapper) -> None:
        compiler = copy(statement.compiler)
        compiler.connection = self._connection = connection
        converters = compiler.get_converters([column for column, *_ in compiler.select])
        self._converters = [(place, each, column) for place, (all, column) in converters.items() for each in all]
        self.select, self.klass_info = compiler.select, compiler.klass_info
        self.annotation_col_map = compiler.annotation_col_map
        self._row: Sequence[Any] = ()
        self._queryset: Any = statement.queryset

    @cached_property
    def _objects(self) -> Iterator[Any]:
        source = SimpleNamespace(
            db=self._connection.alias,
            query=SimpleNamespace(get_compiler=lambda **_: self),
            _known_related_objects={},
            _fetch_mode=getattr(self._queryset, "_fetch_mode", None),
        )
        return iter(self._queryset._iterable_class(source))

    def objects(self, rows: Iterable[Sequence[Any]]) -> list[Any]:
        objects = []
        for self._row in rows:
            objects.append(next(self._objects))
        return objects

    def converted(self, row: Sequence[Any]) -> list[Any]:
        """Return the Python values of the columns."""
        values = list(row)
        for place, convert, column in self._converters:
            values[place] = convert(values[place], column, self._connection)
        return values

    def execute_sql(self, **_: Any) -> None:
        """Called by Django's iterable; the rows are there already."""

    def results_iter(self, _results: None) -> Iterator[list[Any]]:
        """Called by Django's iterable."""
        while True:
            yield self.converted(self._row)


class CompiledUpdate(_Compiled):
    """A compiled ``update_returning``. ``change(**values)`` returns the rows, and their new values by column."""

    def __init__(
        self,
        model: type[Model],
        change: Callable[..., tuple[QuerySet[Any, Any], Mapping[str, Any]]],
        returning: Sequence[str] = ("pk",),
        depends_on: Callable[[], Hashable] = lambda: None,
        **kinds: type,
    ) -> None:
        def find(**values: Any) -> Any:
            return SimpleNamespace(query=update_query(*change(**values)))

        super().__init__(find, depends_on, kinds)
        self.model = model
        self.returning = returning

    def run(self, **values: Any) -> list[tuple[Any, ...]]:
        """Return the columns of ``returning`` of each changed row: one query."""
        connection = connections[router.db_for_write(self.model)]
        statement = self.statement(connection)
        parameters = statement.filled(self.prepared(values, connection))
        return run_returning(self.model, self.returning, statement.sql, parameters, connection)


class CompiledSubquery(_Compiled):
    """A compiled sub-query for a queryset that is not compiled: ``filter(pk__in=subquery.expression(…))``.

    ``optional`` names values that the SQL of some arguments does not use.
    """

    def __init__(
        self,
        find: Callable[..., QuerySet[Any, Any]],
        depends_on: Callable[[], Hashable] = lambda: None,
        optional: Set[str] = frozenset(),
        **kinds: type,
    ) -> None:
        super().__init__(find, depends_on, kinds, optional)

    def expression(self, *arguments: Hashable, using: str, **values: Any) -> RawSQL:
        connection = connections[using]
        statement = self.statement(connection, *arguments)
        return RawSQL(statement.sql, statement.filled(self.prepared(values, connection)))

    def correlated(
        self, *arguments: Hashable, connection: BaseDatabaseWrapper, columns: Mapping[str, str], **values: Any
    ) -> tuple[str, list[Any]]:
        """Return SQL and parameters in which columns of the outer query, as SQL, stand for some of the values."""
        statement = self.statement(connection, *arguments)
        prepared = self.prepared(values, connection)
        first, *rest = statement.sql.split("%s")
        sql, parameters = [first], []
        for place, (parameter, following) in enumerate(zip(statement.parameters, rest, strict=True)):
            name = statement.places.get(place)
            column = columns.get(name) if name else None
            if column is None:
                parameters.append(prepared[name] if name else parameter)
            sql += [column or "%s", following]
        return "".join(sql), parameters


def kind_of(key: "Field[Any, Any]") -> type | None:
    """Return the kind of the values of a key field, or None if a compiled query cannot take them."""
    return _KEY_KINDS.get(type(key))


def _stand_ins(kinds: Mapping[str, type], number: int) -> dict[str, Any]:
    """Return a value of each kind. No two are equal, those of another number included, and no query contains one."""
    return {name: _stand_in(kind, 2 * place + number) for place, (name, kind) in enumerate(kinds.items())}


def _stand_in(kind: type, number: int) -> Any:
    if kind is str:
        return f"stand-in {number}"
    if kind is int:
        return 31_900 + number  # fits the smallest column, and no query has such a limit
    if kind is UUID:
        return UUID(int=number)
    return datetime(2000 + number, 1 + number, 1 + number, number, number, number, number, tzinfo=UTC)
