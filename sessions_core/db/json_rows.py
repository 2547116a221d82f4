"""JSON arrays as rows: one parameter of a statement stands for any number of values."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Func, TextField, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

__all__ = ["EachText", "elements"]

# An array of arrays as rows with one column, and an element of the array in it. A column of SQLite converts what it
# takes by itself.
_ROWS = {
    "postgresql": ("json_array_elements(%s::json)", "CAST(each.value ->> {place} AS {type})"),
    "sqlite": ("json_each(%s)", "json_extract(each.value, '$[{place}]')"),
}


def elements(types: list[Any], connection: BaseDatabaseWrapper) -> str:
    """Return what follows ``SELECT`` for the elements of an array of arrays, the only parameter. ``types`` are those of
    the columns."""
    table, element = _ROWS[connection.vendor]
    each = (element.format(place=place, type=type) for place, type in enumerate(types))
    return f"{', '.join(each)} FROM {table} AS each"


class EachText(Func):
    """The texts in a JSON array, for ``filter(pk__in=EachText(array))``. ``field`` casts them to its type."""

    template = "(SELECT %(element)s FROM %(function)s(%(expressions)s) AS each)"
    function = "json_each"

    def __init__(self, array: str, field: "Field[Any, Any] | None" = None) -> None:
        super().__init__(Value(array), output_field=field or TextField())
        self.element = Cast(RawSQL("each.value", ()), field) if field else RawSQL("each.value", ())

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:  # type: ignore[override]
        element, _ = compiler.compile(self.element)
        return super().as_sql(compiler, connection, element=element, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = self.template.replace("(%(expressions)s)", "(CAST(%(expressions)s AS json))")
        return self.as_sql(compiler, connection, function="json_array_elements_text", template=template, **context)
