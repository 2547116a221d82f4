"""The databases of the benchmark: it makes, marks and removes them, and refuses a database without the mark."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.databases import postgresql

NAME = "gatepass_benchmark"
MARK = "Made by the benchmark of Gatepass, which deletes it."
# The same mark in the header of an SQLite file: "GPBE".
APPLICATION_ID = 0x47504245
# The durability of a production server, in contrast to the server of the suite.
OPTIONS = ["shared_buffers=512MB", "max_wal_size=4GB"]


class NotOurs(Exception):
    """The database exists and was not made by the benchmark; the message says what to do."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The database {name!r} exists, and the benchmark did not make it. Name one that does not exist: the "
            "benchmark makes it, and deletes it at the end."
        )


class Databases(Protocol):
    version: str

    def make(self, suffix: str) -> str:
        """Make an empty database and return its URL. Raise NotOurs."""
        ...


@contextmanager
def databases(choice: str) -> Iterator[Databases]:
    """Yield what makes databases: ``sqlite``, ``postgresql``, or the URL of one that does not exist yet.

    Raise NotOurs or NoPostgreSQL.
    """
    if choice == "postgresql":
        with postgresql(OPTIONS) as server:
            yield from _removing(PostgreSql(server.url.rpartition("/")[0] + f"/{NAME}"))
    elif choice == "sqlite":
        folder = tempfile.mkdtemp(prefix="gatepass-benchmark-")
        try:
            yield Sqlite(f"sqlite:///{folder}/{NAME}.sqlite3")
        finally:
            shutil.rmtree(folder)
    else:
        yield from _removing(Sqlite(choice) if choice.startswith("sqlite:") else PostgreSql(choice))


def _removing(made: "PostgreSql | Sqlite") -> "Iterator[Databases]":
    try:
        yield made
    finally:
        made.remove()


class PostgreSql:
    def __init__(self, url: str) -> None:
        """Make a marked database of this name, so that a second run does not use it. Raise NotOurs."""
        self.url = urlsplit(url)
        self.name = self.url.path.removeprefix("/")
        self.made: list[str] = []
        with self._server() as server:
            row = server.execute("SELECT version()").fetchone()
        self.version = " ".join(str(row and row[0]).split()[:2])
        self.make("")

    def make(self, suffix: str) -> str:
        name = self.name + suffix
        with self._server() as server:
            found = server.execute(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
            ).fetchone()
            if found and found[0] != MARK:
                raise NotOurs(name)
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            server.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), MARK))
        self.made.append(name)
        return self.url._replace(path=f"/{name}").geturl()

    def remove(self) -> None:
        with self._server() as server:
            for name in self.made:
                server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _server(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.url._replace(path="/postgres").geturl(), autocommit=True)


class Sqlite:
    version = f"SQLite {sqlite3.sqlite_version}"

    def __init__(self, url: str) -> None:
        """Make a marked file. Raise NotOurs."""
        self.file = Path(url.removeprefix("sqlite:///"))
        self.made: list[Path] = []
        self.make("")

    def make(self, suffix: str) -> str:
        file = self.file.with_stem(self.file.stem + suffix)
        if file.exists() and _mark(file) != APPLICATION_ID:
            raise NotOurs(str(file))
        _remove(file)
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self.made.append(file)
        return f"sqlite:///{file}"

    def remove(self) -> None:
        for file in self.made:
            _remove(file)


def _mark(file: Path) -> int:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        try:
            return int(connection.execute("PRAGMA application_id").fetchone()[0])
        except sqlite3.DatabaseError:  # not a database
            return 0


def _remove(file: Path) -> None:
    for end in ("", "-wal", "-shm"):
        Path(f"{file}{end}").unlink(missing_ok=True)
