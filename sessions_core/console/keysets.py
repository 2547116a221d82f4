"""Positions in a list: where a page ends and the next one begins, found by an index and not by counting rows."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

from sessions_core.texts import is_storable

__all__ = ["Keyset"]


@dataclass(frozen=True)
class Keyset:
    """The order of a list: columns of an index that are never NULL, each with True if it descends."""

    model: type[Model]
    columns: list[tuple[str, bool]]

    @classmethod
    def of(cls, queryset: QuerySet[Any]) -> Self:
        columns: dict[str, bool] = {}
        for name in map(str, queryset.query.order_by):  # the admin repeats the order of its queryset
            columns.setdefault(name.lstrip("-"), name.startswith("-"))
        return cls(queryset.model, list(columns.items()))

    def rows_after(self, queryset: QuerySet[Any], position: Sequence[Any] | None, most: int) -> list[Any]:
        """Return the next rows. Each query reads one range of an index: first the rows that share all values of the
        position but the last two, then those that share fewer."""
        if position is None:
            return list(queryset[:most])
        rows: list[Any] = []
        deepest = max(len(self.columns) - 2, 0)
        for shared in range(deepest, -1, -1):
            same = {name: value for (name, _), value in zip(self.columns[:shared], position, strict=False)}
            rest = slice(shared, None) if shared == deepest else slice(shared, shared + 1)
            rows += queryset.filter(_after(self.columns[rest], position[rest]), **same)[: most - len(rows)]
            if len(rows) >= most:
                break
        return rows

    def beyond(self, position: Sequence[Any]) -> Q:
        """Return the condition for rows after the position."""
        return _after(self.columns, position)

    def until(self, position: Sequence[Any]) -> Q:
        """Return the condition for the row at the position and those before it.

        It excludes the few rows behind the position that share its first value: PostgreSQL then knows that the others
        are many, and does not plan for one row.
        """
        (name, descends), *others = self.columns
        until = Q(**{f"{name}__{'gte' if descends else 'lte'}": position[0]})
        return until & ~(Q(**{name: position[0]}) & _after(others, position[1:])) if others else until

    def last_of(self, queryset: QuerySet[Any], position: Sequence[Any] | None, most: int) -> "tuple[Any, ...] | None":
        """Return the position of the last of this number of rows after a position, or None if there are not as many."""
        rows = queryset if position is None else queryset.filter(self.beyond(position))
        names = [name for name, _ in self.columns]
        found: tuple[Any, ...] | None = next(iter(rows.values_list(*names)[most - 1 : most]), None)
        return found

    def text_of(self, row: Model) -> str:
        """Return the position of a row as the address of the next page has it."""
        return self.text_of_position(self.position_of(row))

    def position_of(self, row: Model) -> list[Any]:
        return [getattr(row, name) for name, _ in self.columns]

    def text_of_position(self, position: Sequence[Any]) -> str:
        return json.dumps(list(position), cls=_Exact, separators=(",", ":"))

    def position_in(self, text: str) -> list[Any]:
        """Return the position in an address. Raise ValueError."""
        try:
            given = json.loads(text)
            if not isinstance(given, list) or len(given) != len(self.columns):
                raise ValueError(text)
            return [self._value(name, value) for (name, _), value in zip(self.columns, given, strict=True)]
        except (TypeError, OverflowError, RecursionError, ValidationError):
            raise ValueError(text) from None

    def _value(self, name: str, given: Any) -> Any:
        field: Any = self.model._meta.get_field(name)
        value = field.to_python(given)
        is_text = not isinstance(value, str) or is_storable(value)
        if value is None or not is_text or (isinstance(value, datetime) and value.tzinfo is None):
            raise ValueError(name)
        return value


class _Exact(json.JSONEncoder):
    """Writes all digits of a time. Django's encoder cuts it to milliseconds."""

    def default(self, o: Any) -> str:
        return o.isoformat() if isinstance(o, datetime) else str(o)


def _after(columns: Sequence[tuple[str, bool]], position: Sequence[Any]) -> Q:
    """Return the condition for rows after the position, as a range of the first column."""
    (name, descends), *others = columns
    after = Q(**{f"{name}__{'lt' if descends else 'gt'}": position[0]})
    if not others:
        return after
    bound = Q(**{f"{name}__{'lte' if descends else 'gte'}": position[0]})
    return bound & (after | _after(others, position[1:]))
