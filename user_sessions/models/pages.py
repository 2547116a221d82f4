"""Lists of rows, whose SQL is compiled once for each kind of list."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import router
from django.db.models import Count, Model, QuerySet

from sessions_core.db.compiled import CompiledQuery

__all__ = ["ListQuery", "Pages", "Selection"]

R = TypeVar("R")

NEWEST_FIRST = ("-created_at", "-id")


class ListQuery(Generic[R]):
    """The rows that ``find(**values)`` finds: instances, or ``tuples`` of a ``values_list``.

    ``kinds`` are the types of the values, see ``CompiledQuery``. With a value of unknown kind, such as the key of a
    host's user model that has a field of its own, the query is compiled for each call.
    """

    def __init__(
        self,
        model: type[Model],
        find: Callable[..., QuerySet[Any, Any]],
        *,
        kinds: Mapping[str, type | None],
        tuples: bool = False,
        depends_on: Callable[[], Hashable] = lambda: None,
    ) -> None:
        known = {name: kind for name, kind in kinds.items() if kind is not None}
        query = CompiledQuery(model, find, depends_on, **known)
        compiled: Callable[..., Iterable[Any]] = query.tuples if tuples else query.rows
        # As compiled queries do, read the primary database.
        self._rows = (
            compiled if len(known) == len(kinds) else lambda **values: find(**values).using(router.db_for_write(model))
        )

    def rows(self, **values: Any) -> list[R]:
        """Return the rows: one query."""
        return list(self._rows(**values))


class Pages(Generic[R]):
    """The rows that ``find(**values)`` finds, newest first, in pages. ``columns`` makes a ``values_list`` of rows."""

    def __init__(
        self,
        model: type[Model],
        find: Callable[..., QuerySet[Any]],
        *,
        kinds: Mapping[str, type | None],
        columns: Callable[[Any], QuerySet[Any, Any]] | None = None,
        depends_on: Callable[[], Hashable] = lambda: None,
    ) -> None:
        def shown(rows: QuerySet[Any]) -> QuerySet[Any, Any]:
            rows = rows.order_by(*NEWEST_FIRST)
            return columns(rows) if columns else rows

        def first(limit: int, **values: Any) -> QuerySet[Any, Any]:
            return shown(find(**values))[:limit]

        def later(limit: int, offset: int, **values: Any) -> QuerySet[Any, Any]:
            """Select the ids from the index alone, so that earlier rows are not read."""
            ids = find(**values).order_by(*NEWEST_FIRST).values("pk")[offset : offset + limit]
            return shown(find(**values).filter(pk__in=ids))

        def number(**values: Any) -> QuerySet[Any, Any]:
            rows = find(**values).order_by().values("workspace")  # all are of one: a queryset in place of a number
            numbers: QuerySet[Any, Any] = rows.annotate(number=Count("pk")).values_list("number")
            return numbers

        def query(find: Any, *, tuples: bool, **more: type) -> ListQuery[Any]:
            return ListQuery(model, find, kinds={**kinds, **more}, tuples=tuples, depends_on=depends_on)

        self._first = query(first, tuples=columns is not None, limit=int)
        self._later = query(later, tuples=columns is not None, limit=int, offset=int)
        self._number = query(number, tuples=True)

    def page(self, *, limit: int, offset: int, **values: Any) -> list[R]:
        """Return a page: one query."""
        if offset:
            return self._later.rows(limit=limit, offset=offset, **values)
        return self._first.rows(limit=limit, **values)

    def count(self, **values: Any) -> int:
        """Return the number of rows on all pages: one query."""
        return next((number for (number,) in self._number.rows(**values)), 0)


@dataclass(frozen=True)
class Selection(Generic[R]):
    """The rows of one request: pages, the values of their query, and what makes of a page what the caller reads."""

    pages: Pages[Any]
    values: Mapping[str, Any]
    read: Callable[[Sequence[Any]], list[R]]

    def page(self, *, limit: int, offset: int) -> list[R]:
        return self.read(self.pages.page(limit=limit, offset=offset, **self.values))

    def count(self) -> int:
        return self.pages.count(**self.values)
