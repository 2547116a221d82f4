"""Django's PostgreSQL, with an end to every wait.

``statement_timeout`` bounds what a living server does. It cannot bound a server that accepts connections and then says
nothing, and neither can TCP: the kernel goes on acknowledging for a stopped process. So each wait of psycopg ends here.
"""

from collections.abc import Callable, Generator
from functools import partial
from time import monotonic
from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base

from sessions_project.backends.outage import Outage

__all__ = ["DatabaseWrapper"]

# Seconds by which the database must have answered before a request does: what is left writes the 503.
RESERVE = 0.2
# Seconds by which the server's own limit comes before ours, so that a slow statement is not taken for an outage.
HEAD_START = 0.3


class NoAnswer(psycopg.OperationalError):
    """The server did not answer in time."""


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
            self.close()  # its answer may still come, and must not be taken for that of the next statement
            raise


def _bounded(gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """The same generator of psycopg, which raises NoAnswer when the time is over.

    psycopg sends it 0 every tenth of a second in which nothing came.
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
    """The psycopg module as Django uses it, but for its connections."""

    connect = BoundedConnection.connect

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


class DatabaseWrapper(base.DatabaseWrapper):
    Database = _Driver()  # type: ignore[assignment]  # Django asks it for what it would ask the module

    def init_connection_state(self) -> None:
        super().init_connection_state()
        milliseconds = round(1000 * (settings.GATEPASS_DATABASE_TIMEOUT - RESERVE - HEAD_START))
        with self.connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {milliseconds}")
