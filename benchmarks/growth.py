"""Measure each operation with more and more rows: ``python -m benchmarks.growth --database postgresql``.

The rows belong to two thousand tenants. Each call concerns another session, so that no page of an index is read again
and again. Requests go through Django's handler in this process. An operation is measured as a share of a bare REST
framework view, and its growth is that share divided by its share with the fewest rows. The measure is the time of CPU,
of PostgreSQL as well: other programs on the machine do not change it much.
"""

import argparse
import io
import json
import os
import random
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.databases import postgresql, sqlite

if TYPE_CHECKING:
    from benchmarks.load import Operation, Request

SIZES = (1_000, 100_000, 1_000_000, 10_000_000)

# Bytes of the rows and indexes of one session of each kind, and of what building the indexes needs beside them.
BYTES_A_ROW = 3_000

ROUNDS, CALLS = 7, 50
RESULTS = Path(__file__).parent / "results" / "growth.json"

# The share of the bare view's rate, by operation.
Shares = Mapping[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="rows of each kind of session")
    arguments = parser.parse_args()
    data = Path(tempfile.mkdtemp(prefix="gatepass-growth-"))
    try:
        with a_database(arguments.database, data) as (name, url):
            settings = {"BENCHMARK_PROJECT": "gatepass", "BENCHMARK_PREPARED": ""}
            os.environ.update(settings, DATABASE_URL=url, DJANGO_SETTINGS_MODULE="benchmarks.host.settings")
            save(arguments.database, name, measure_all(sorted(arguments.sizes), data))
    finally:
        shutil.rmtree(data, ignore_errors=True)


@contextmanager
def a_database(kind: str, data: Path) -> Iterator[tuple[str, str]]:
    """Yield name and URL of a new database."""
    if kind == "sqlite":
        database = sqlite(data)
        yield database.name, database.url
    else:
        with postgresql() as database:
            yield database.name, database.url


def measure_all(sizes: Sequence[int], data: Path) -> dict[int, Shares]:
    """Return the shares of each operation at each size that the disk has room for."""
    from benchmarks.projects import key_of_peers

    os.environ.update(key_of_peers())
    import django

    django.setup()
    from benchmarks.fill import fill
    from benchmarks.scene import Scene

    scene = Scene(sessions=2, pool=len(SIZES) * (ROUNDS * CALLS + 1))
    operations = [operation for operation in scene.operations() if not operation.good]
    once = {operation.name: iter(operation.requests) for operation in operations if operation.is_once}
    workspace = scene.workspace.pk
    measured: dict[int, Shares] = {}
    filled = 0
    for size in sizes:
        free = shutil.disk_usage(data).free
        if (size - filled) * BYTES_A_ROW > free:
            print(f"{size:,} rows need {(size - filled) * BYTES_A_ROW / 1e9:.0f} GB, {free / 1e9:.0f} GB are free")
            break
        seconds = fill(workspace, size, first=filled)
        print(f"{size:,} rows, filled in {seconds:.0f} s", flush=True)
        filled = size
        measured[size] = {operation.name: _share(operation, size, once.get(operation.name)) for operation in operations}
        _report(measured)
    return measured


def _share(operation: "Operation", size: int, once: "Iterator[Request] | None") -> float:
    """Return the share of the bare view's rate, in rounds that alternate with it."""
    from benchmarks.load import Operation, Request

    numbers = _sample(size, operation.name)
    bare = _caller(Operation(name="bare view", requests=[Request("GET", "/bare")]), numbers, None)
    ours = _caller(operation, numbers, once)
    ours()
    rounds = [(_cpu_time(bare), _cpu_time(ours)) for _ in range(ROUNDS)]
    bare_times, times = zip(*rounds, strict=True)
    return statistics.median(bare_times) / statistics.median(times)


def _cpu_time(call: Callable[[], None]) -> float:
    """Return the seconds of CPU that the calls cost, in this process and in its connection's process of PostgreSQL."""
    before = _cpu_used()
    for _ in range(CALLS):
        call()
    return _cpu_used() - before


def _cpu_used() -> float:
    from django.db import connection

    used = time.process_time()
    if connection.vendor == "postgresql":
        connection.ensure_connection()
        backend = connection.connection.info.backend_pid
        used += int(Path(f"/proc/{backend}/schedstat").read_text().split()[0]) / 1e9
    return used


def _sample(size: int, seed: str) -> Iterator[int]:
    """Return numbers of live sessions of the measured workspace, each once as far as there are enough."""
    from benchmarks.fill import is_own

    chosen = random.Random(seed)
    numbers: dict[int, None] = {}
    wanted = min(size // 4, ROUNDS * CALLS)
    while len(numbers) < wanted:
        number = chosen.randrange(1, size)
        if is_own(number) and number % 3:  # of three sessions one has ended
            numbers[number] = None
    return cycle(numbers)


def _caller(operation: "Operation", numbers: Iterator[int], once: "Iterator[Request] | None") -> Callable[[], None]:
    """Return a function that sends the request, about another session each time. It raises RuntimeError for another
    status than the expected one."""
    from django.core.handlers.wsgi import WSGIHandler

    handler, requests = WSGIHandler(), once or cycle(operation.requests)

    def call() -> None:
        statuses: list[str] = []
        response = handler(
            _environ(next(requests), operation.status, next(numbers)),
            lambda status, *_: statuses.append(status),  # type: ignore[arg-type]
        )
        content = b"".join(response)
        response.close()
        if statuses != [statuses[0]] or int(statuses[0][:3]) != operation.status:
            raise RuntimeError(f"{operation.name}: {statuses} {content[:300]!r}")

    return call


def _environ(request: "Request", status: int, number: int) -> dict[str, Any]:
    content = b"" if request.body is None else json.dumps(request.body).encode()
    where = urlsplit(_about(request.path, number))
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    if request.path == "/workspaces/get" and status == 200:
        headers["HTTP_AUTHORIZATION"] = f"Bearer {_token(number)}"
    return {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": where.path,
        "QUERY_STRING": where.query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "application/json" if content else "",
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(content),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        **headers,
    }


def _about(path: str, number: int) -> str:
    """Return the path about this session instead of the one of the scene."""
    from benchmarks.fill import client_session_id, number_of_user, session_id

    path = re.sub(r"(?<=/v1/sessions/)sess_\w+", session_id(number), path)
    if "limit=100" not in path:  # the user with two hundred sessions stays
        path = re.sub(r"(?<=user_id=user_)\d+", str(number_of_user(number)), path)
    return re.sub(r"(?<=client_session_id=)[\w-]+", str(client_session_id(number)), path)


def _token(number: int) -> str:
    from benchmarks.fill import token_short
    from client_sessions.models.querysets import TOKEN
    from sessions_core.crypto.tokens import newest_key_id

    return TOKEN.token(token_short(number), newest_key_id())


def _report(measured: Mapping[int, Shares]) -> None:
    first, last = min(measured), max(measured)
    print(f"{'operation':<32}{'share':>8}{'growth':>8}")
    for name, share in measured[last].items():
        print(f"{name:<32}{share:>8.2f}{share / measured[first][name]:>8.2f}", flush=True)


def save(kind: str, name: str, measured: Mapping[int, Shares]) -> None:
    """Write the shares and their growth into ``results/growth.json``, beside those of the other database."""
    first = measured[min(measured)]
    RESULTS.parent.mkdir(exist_ok=True)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[kind] = {
        "database": name,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "operations": {
            operation: {
                str(size): {
                    "share": round(shares[operation], 3),
                    "growth": round(shares[operation] / first[operation], 2),
                }
                for size, shares in measured.items()
            }
            for operation in first
        },
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
