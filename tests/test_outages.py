"""A database that does not respond: the server returns 503 in time and recovers with the database."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg
import pytest

from sessions_project.backends.outage import Outage
from sessions_project.backends.postgresql.base import BoundedConnection, NoAnswer
from tests.databases import NoPostgreSQL, postgresql
from tests.embedded import apart
from tests.test_serve import ROOT, environment, migrate

pytestmark = apart

# Seconds. The server's limit is 2; a busy machine gets more.
SOON = 4


class Server:
    def __init__(self, url: str, api_key: str) -> None:
        self.url, self.api_key = url, api_key

    def status(self, path: str, body: object = None) -> tuple[int, str | None]:
        """Return the status and ``Retry-After`` of one request with the secret key."""
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(self.url + path, data, headers), timeout=SOON) as answer:
                return answer.status, answer.headers["Retry-After"]
        except HTTPError as refused:
            with refused:
                return refused.code, refused.headers["Retry-After"]


@contextmanager
def served(data: Path, **given: str) -> Iterator[Server]:
    own = environment(data, **given)
    manage = [sys.executable, "manage.py"]
    if "DATABASE_URL" in given:
        subprocess.run([*manage, "migrate", "-v0"], cwd=ROOT, env=own, check=True)
    else:
        migrate(data)
    made = subprocess.run(
        [*manage, "bootstrap", "Acme", "--json"], cwd=ROOT, env=own, check=True, capture_output=True, text=True
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "sessions_project.server", "127.0.0.1", str(port), "1"]
    with subprocess.Popen(command, cwd=ROOT, env=own) as process:
        server = Server(f"http://127.0.0.1:{port}", json.loads(made.stdout)["api_key"])
        try:
            wait_until_ready(server)
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if server.status("/ready")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise TimeoutError("the server is not ready")


@pytest.fixture(scope="module")
def on_postgresql(tmp_path_factory) -> Iterator[tuple[Server, str]]:
    """Yield a server and the URL of its database."""
    try:
        with (
            postgresql() as database,
            served(tmp_path_factory.mktemp("data"), DATABASE_URL=database.url) as server,
        ):
            yield server, database.url
    except NoPostgreSQL as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))


@contextmanager
def stopped(url: str) -> Iterator[None]:
    """Stop the database: it accepts connections but does not respond."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row
    postmaster = int(Path(row[0], "postmaster.pid").read_text().splitlines()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    processes = [postmaster, *map(int, children)]
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            with suppress(ProcessLookupError):  # it goes on, sees that its client is gone, and ends
                os.kill(pid, signal.SIGCONT)


def test_a_silent_database_is_a_503_in_time_and_the_next_request_works(on_postgresql):
    server, url = on_postgresql
    asked = ["/v1/sessions?limit=1&user_id=user_1", "/client_sessions/list", "/ready", "/"] * 10
    with ThreadPoolExecutor(len(asked)) as threads:
        list(threads.map(server.status, asked))  # each thread of the server has its connection
        with stopped(url):
            answers = list(threads.map(server.status, asked))
            assert server.status("/health") == (200, None)
        assert set(answers) == {(503, "2")}
    wait_until_ready(server)
    assert server.status("/v1/sessions?limit=1&user_id=user_1")[0] == 200


def test_health_answers_while_every_thread_waits_for_the_database(on_postgresql):
    server, url = on_postgresql
    wait_until_ready(server)
    with ThreadPoolExecutor(20) as threads, stopped(url):
        waiting = [threads.submit(server.status, "/client_sessions/list") for _ in range(20)]
        assert server.status("/health") == (200, None)
        assert not all(each.done() for each in waiting)


def test_the_end_of_idle_connections_is_noticed_before_a_query(on_postgresql):
    server, url = on_postgresql
    wait_until_ready(server)
    asked = ["/v1/sessions?limit=1&user_id=user_1"] * 20
    with ThreadPoolExecutor(len(asked)) as threads, psycopg.connect(url) as connection:
        list(threads.map(server.status, asked))
        others = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        connection.execute(f"SELECT pg_terminate_backend(pid, 5000) {others}")
        assert set(threads.map(server.status, asked)) == {(200, None)}


def test_a_column_of_another_type_costs_a_503_and_no_restart(on_postgresql):
    server, url = on_postgresql
    wait_until_ready(server)
    asked = "/v1/sessions?limit=1&user_id=user_1"
    for _ in range(60):  # each thread prepares its statements
        assert server.status(asked) == (200, None)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE sessions_core_apikey ALTER name TYPE varchar(300)")
    statuses = [server.status(asked)[0] for _ in range(60)]
    assert set(statuses) <= {200, 503} and set(statuses[-10:]) == {200}


def test_connecting_to_a_silent_server_times_out(settings):
    settings.GATEPASS_DATABASE_TIMEOUT = 1
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(NoAnswer):
        BoundedConnection.connect(f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/x")


def test_a_lock_of_another_program_blocks_only_writers(tmp_path):
    with served(tmp_path) as server:
        other = sqlite3.connect(tmp_path / "gatepass.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            refused = server.status("/client_sessions/create", {"user_identifier_key": "jane"})
            read = [server.status(path)[0] for path in ("/health", "/ready", "/client_sessions/list")]
        finally:
            other.rollback()
            other.close()
        assert (refused, read) == ((503, "2"), [200, 200, 200])
        time.sleep(1)  # the server looks for the lock once a second
        assert server.status("/client_sessions/create", {"user_identifier_key": "jane"})[0] == 200


class Silence(Exception):
    pass


def test_during_an_outage_calls_are_refused_until_the_database_answers_in_the_background():
    outage = Outage(is_silence=lambda error: isinstance(error, Silence), refusal=Silence)
    silent, answered = threading.Event(), threading.Event()
    silent.set()

    def again() -> None:
        if silent.is_set():
            time.sleep(0.01)
            raise Silence
        answered.set()

    with pytest.raises(Silence), outage.attempt(again):
        raise Silence
    with pytest.raises(Silence, match="does not answer"), outage.attempt(again):
        raise AssertionError("it was not refused")
    silent.clear()
    assert answered.wait(timeout=10)
    time.sleep(0.05)  # the thread notes the answer after it came
    with outage.attempt(again):
        pass
