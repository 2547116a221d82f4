"""Django's PostgreSQL backend with a timeout for every wait.

``statement_timeout`` limits statements of a running server. It does not limit a server that accepts connections and
then does not answer. Neither does TCP: the kernel acknowledges packets for a stopped process. So this backend limits
each wait of psycopg.
"""

import select
from collections.abc import Callable, Generator
from functools import partial
from time import monotonic
from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base, features, operations

from sessions_core.db.returning import MOST_PARAMETERS
from sessions_project.backends.outage import Outage

__all__ = ["DatabaseWrapper"]

# Seconds that are reserved to send the 503 after a database timeout.
RESERVE = 0.2
# Seconds by which statement_timeout is shorter, so that a slow statement does not count as an outage.
HEAD_START = 0.3


class NoAnswer(psycopg.OperationalError):
    """The server did not answer in time."""


class StalePlan(psycopg.OperationalError):
    """A prepared statement returns a column whose type has changed since. A new connection prepares it again."""


outage = Outage(is_silence=lambda error: isinstance(error, NoAnswer), refusal=NoAnswer)


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed when the server does not answer."""

    _again: Callable[[], object]

    @classmethod
    def _connect_gen(cls, *args: Any, **kwargs: Any) -> Any:
        return _bounded(super()._connect_gen(*args, **kwargs))

    @classmethod
    def connect(cls, *args: Any, **kwargs: Any) -> Any:
        open_one = partial(super().connect, *args, **kwargs)

        def again() -> None:
            open_one().close()

        with outage.attempt(again):
            connection = open_one()
        connection._again = again
        return connection

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            with outage.attempt(self._again):
                return super().wait(_bounded(gen), *args, **kwargs)
        except NoAnswer:
            self.close()  # a late answer must not be read as the answer of the next statement
            raise
        except psycopg.errors.FeatureNotSupported as error:
            if "cached plan" not in str(error):
                raise
            self.close()
            raise StalePlan(str(error)) from error


def _bounded(gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Wrap a generator of psycopg and raise NoAnswer after the timeout.

    psycopg sends 0 every tenth of a second without data.
    """
    seconds = settings.GATEPASS_DATABASE_TIMEOUT - RESERVE
    deadline = monotonic() + seconds
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and monotonic() >= deadline:
                raise NoAnswer(f"PostgreSQL did not answer within {seconds:.1f} seconds.")
            wanted = gen.send(ready)
    except StopIteration as done:
        return done.value


class _Driver:
    """The psycopg module with another ``connect``."""

    connect = BoundedConnection.connect

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


class DatabaseFeatures(features.DatabaseFeatures):
    max_query_params = MOST_PARAMETERS


class DatabaseOperations(operations.DatabaseOperations):
    def bulk_batch_size(self, fields: Any, objs: Any) -> int:
        return min(len(objs), MOST_PARAMETERS // max(len(fields), 1))


class DatabaseWrapper(base.DatabaseWrapper):
    Database = _Driver()  # type: ignore[assignment]  # Django reads attributes of the module
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations

    def is_usable(self) -> bool:
        """Return False if the server closed the connection. Django asks before the first query of each request.

        Only a connection on which something arrived is asked with a query: between two requests nothing arrives but
        the end of the connection, or a rare notice.
        """
        arrived = select.poll()
        try:
            arrived.register(self.connection.fileno(), select.POLLIN)
        except psycopg.Error:  # it is closed
            return False
        return not arrived.poll(0) or super().is_usable()

    def init_connection_state(self) -> None:
        super().init_connection_state()
        milliseconds = round(1000 * (settings.GATEPASS_DATABASE_TIMEOUT - RESERVE - HEAD_START))
        with self.connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {milliseconds}")
