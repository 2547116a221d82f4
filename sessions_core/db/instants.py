"""Times of many rows, read without Django's parsing, which takes longer than the rest of a row."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Func

if TYPE_CHECKING:
    BaseField = Field[Any, Any]
else:
    BaseField = Field

__all__ = ["Instant"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class InstantField(BaseField):
    def from_db_value(self, value: Any, _: object, connection: BaseDatabaseWrapper) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, int):
            return EPOCH + timedelta(microseconds=value)
        return datetime.fromisoformat(value).replace(tzinfo=connection.timezone)


class Instant(Func):
    """The same datetime as a ``DateTimeField`` returns, with a time zone.

    PostgreSQL returns it in microseconds since the epoch, and SQLite as the text that Django stored.
    """

    output_field = InstantField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(EXTRACT(EPOCH FROM %(expressions)s) * 1000000)::bigint"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="CAST(%(expressions)s AS text)", **context)
