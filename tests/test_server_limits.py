"""Limits of the web server: slow readers, idle connections, a stop and a fork."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from waitress.adjustments import Adjustments

from sessions_project import worker
from sessions_project.backends.outage import Outage
from tests.embedded import apart
from tests.test_serve import ROOT, environment, free_port

pytestmark = apart

LARGE = 8 * 2**20


def get(path: str = "/") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    parts = [b"x" * 2**20] * {"/large": 8, "/larger": 32}.get(environ["PATH_INFO"], 0) or [b"ok"]
    start_response("200 OK", [("Content-Length", str(sum(map(len, parts))))])
    return parts


@contextmanager
def serving() -> Iterator[tuple[worker.Server, Any]]:
    """Yield a worker in a thread of this process, and a function that connects to it."""
    clients: list[socket.socket] = []

    def connect(data: bytes = b"") -> socket.socket:
        clients.append(socket.create_connection(address, timeout=5))
        clients[-1].sendall(data)
        return clients[-1]

    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        server = worker.server_of(application, listener)
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            yield server, connect
        finally:
            for client in clients:
                client.close()
            server.stop()
            thread.join(timeout=10)
            server.close()


def ended(client: socket.socket) -> bool:
    """Return True if the server closes the connection within 5 seconds."""
    with suppress(ConnectionResetError):
        while client.recv(65536):
            pass
    return True


def answered(client: socket.socket) -> bool:
    return client.recv(1000).startswith(b"HTTP/1.1 200 OK")


@pytest.fixture
def channel() -> Iterator[tuple[worker.Channel, socket.socket]]:
    """Yield one connection without a server, and the client's socket."""
    here, client = socket.socketpair()
    server = SimpleNamespace(active_channels={}, pull_trigger=lambda: None)
    channel = worker.Channel(server, here, ("127.0.0.1", 1), Adjustments(), map={})
    with client:
        yield channel, client
        channel.handle_close()


def test_a_client_that_never_reads_its_answer_is_closed(channel):
    channel, _ = channel
    now = time.monotonic()
    channel.write_soon(b"x" * LARGE)
    for seconds in (0, worker.ANSWER_SECONDS - 1, worker.ANSWER_SECONDS):
        channel.enforce(now + seconds)
        assert channel.connected
    channel.enforce(now + worker.ANSWER_SECONDS + 1)
    assert not channel.connected and channel.total_outbufs_len == 0


def test_a_client_that_reads_slowly_does_not_extend_the_timeout(channel):
    channel, client = channel
    now = time.monotonic()
    channel.write_soon(b"x" * LARGE)
    for seconds in range(worker.ANSWER_SECONDS + 2):
        channel.enforce(now + seconds)
        client.recv(1000)
    assert not channel.connected


def test_the_read_timeout_restarts_with_each_response(channel):
    channel, client = channel
    now = time.monotonic()
    channel.server.add_task = lambda task: None
    for seconds in (0, worker.ANSWER_SECONDS - 1, 2 * worker.ANSWER_SECONDS - 2):
        channel.received(get())
        channel.write_soon(b"x" * LARGE)
        channel.enforce(now + seconds)
        while channel.total_outbufs_len:
            client.recv(LARGE)
            channel._flush_some()
        channel.requests.clear()
    assert channel.connected


def test_a_slow_reader_gets_its_whole_response_and_delays_no_one():
    with serving() as (_, connect):
        slow = connect(get("/large"))
        read = len(slow.recv(1000))
        assert answered(connect(get())) and answered(connect(get()))
        while read < LARGE:
            read += len(slow.recv(65536))


def test_threads_of_clients_that_never_read_are_freed(monkeypatch, settings):
    """An answer over 16 MiB occupies its thread until the client reads."""
    settings.GATEPASS_THREADS = 2
    monkeypatch.setattr(worker, "ANSWER_SECONDS", 1)
    with serving() as (server, connect):
        silent = [connect(get("/larger")) for _ in range(2)]
        time.sleep(0.3)
        assert server.task_dispatcher.active_count == 2
        assert answered(connect(get()))
        assert all(ended(client) for client in silent)


def test_a_connection_that_is_idle_after_a_request_is_closed(monkeypatch):
    monkeypatch.setattr(worker, "IDLE_SECONDS", 1)
    with serving() as (_, connect):
        client = connect(get())
        assert answered(client)
        assert ended(client)


def test_a_connection_that_sends_nothing_is_closed(monkeypatch):
    monkeypatch.setattr(worker, "REQUEST_SECONDS", 1)
    with serving() as (_, connect):
        assert ended(connect())


def test_connections_over_the_limit_wait_and_are_then_served(monkeypatch):
    monkeypatch.setattr(worker, "CONNECTIONS", 5)
    with serving() as (server, connect):
        idle = [connect() for _ in range(10)]
        waiting = connect(get())
        time.sleep(0.3)
        assert len(server.active_channels) < 5
        for client in idle:
            client.close()
        assert answered(waiting)


SLOW = """
import django, sys, time, types
django.setup()
def application(environ, start_response):
    print("begun", flush=True)
    time.sleep(float(environ["PATH_INFO"].strip("/")))
    start_response("200 OK", [("Content-Length", "4")])
    return [b"done"]
sys.modules["sessions_project.wsgi"] = types.SimpleNamespace(application=application)
from sessions_project import server
print("ready", flush=True)
server.main("127.0.0.1", int(sys.argv[1]), 1)
"""


@pytest.mark.parametrize(("seconds", "answer"), [(1, b"done"), (30, b"")])
def test_a_stopping_server_finishes_short_requests(tmp_path, seconds, answer):
    port = free_port()
    own = environment(tmp_path) | {"DJANGO_SETTINGS_MODULE": "sessions_project.settings"}
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, str(port)], cwd=ROOT, env=own, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stdout.readline() == b"ready\n"
        client = connected(port)
        client.sendall(get(f"/{seconds}"))
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        with client, client.makefile("rb") as read:
            assert read.read()[-4:] == answer
        assert process.wait(timeout=15) == 0
        assert time.monotonic() - started < worker.GRACE + 3


def connected(port: int) -> socket.socket:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port), timeout=15)
        time.sleep(0.05)
    raise TimeoutError("the server does not listen")


class Silence(Exception):
    pass


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_process_forked_during_an_outage_asks_the_database_itself():
    outage, release = Outage(is_silence=lambda error: True, refusal=Silence), threading.Event()
    with pytest.raises(Silence), outage.attempt(release.wait):
        raise Silence
    with outage._begin:  # as while another thread of the parent notes the outage
        pid = os.fork()
        if not pid:
            in_child(outage)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    with pytest.raises(Silence, match="does not answer"), outage.attempt(release.wait):
        raise AssertionError("it was not refused")
    release.set()


def in_child(outage: Outage) -> None:
    """Exit with 0 if a call reaches the database and its failure begins an outage of this process."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(10)  # ends a process that waits for the parent's lock
    code, asked = 1, threading.Event()
    try:
        with outage.attempt(asked.set):
            raise Silence
    except Silence as refusal:
        code = int(bool(refusal.args) or not asked.wait(timeout=5))
    finally:
        os._exit(code)
