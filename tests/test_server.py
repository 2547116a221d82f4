"""The web server: slow clients, dead workers and headers that WSGI cannot distinguish."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser

from sessions_project.worker import REQUEST_SECONDS
from tests.embedded import apart
from tests.test_serve import ROOT, environment, migrate

pytestmark = apart

# Django's CSRF check reads the body of this request, so it needs no account.
SLOW_BODY = (
    b"POST /admin/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: csrftoken=" + b"a" * 32 + b"\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\na"
)


class Served:
    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.process, self.port = process, port

    def get(self, path: str, timeout: float = 5, host: str = "127.0.0.1") -> int:
        asked = Request(f"http://127.0.0.1:{self.port}{path}", headers={"Host": host})
        with urlopen(asked, timeout=timeout) as answer:
            return int(answer.status)

    def send(self, data: bytes) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=REQUEST_SECONDS + 10)
        client.sendall(data)
        return client

    def workers(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def wait(self, host: str = "127.0.0.1") -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                assert self.get("/ready", host=host) == 200
                return
            except OSError:
                time.sleep(0.1)
        raise TimeoutError("the server does not answer")


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("data")
    own = environment(data, GATEPASS_WORKERS="2")
    migrate(data)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "sessions_project.server", "127.0.0.1", str(port), "2"]
    with subprocess.Popen(command, cwd=ROOT, env=own) as process:
        try:
            served = Served(process, port)
            served.wait()
            yield served
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0


def test_clients_that_never_finish_a_request_do_not_block_others(server):
    hanging = [server.send(SLOW_BODY) for _ in range(200)]
    started = time.monotonic()
    assert {server.get(path) for path in ("/health", "/ready", "/") for _ in range(10)} == {200}
    assert time.monotonic() - started < 5
    for client in hanging:
        client.close()


def body_that_does_not_arrive(server: Served) -> bytes:
    with server.send(SLOW_BODY) as client:
        return client.recv(100)


def slow_trickle_of_bytes(server: Served) -> bytes:
    """Send a header every half second until the server ends the connection."""
    with server.send(b"GET /health HTTP/1.1\r\n") as client, suppress(OSError):
        for _ in range(2 * (REQUEST_SECONDS + 10)):
            client.sendall(b"X-Slow: 1\r\n")
            time.sleep(0.5)
    return b""


@pytest.fixture(scope="module")
def ends(server: Served) -> dict[Callable[[Served], bytes], tuple[bytes, float]]:
    """Return what each slow client got last, and after how many seconds. They wait at the same time."""

    def end(client: Callable[[Served], bytes]) -> tuple[bytes, float]:
        started = time.monotonic()
        return client(server), time.monotonic() - started

    clients = (body_that_does_not_arrive, slow_trickle_of_bytes)
    with ThreadPoolExecutor(len(clients)) as threads:
        return dict(zip(clients, threads.map(end, clients), strict=True))


def test_a_body_that_does_not_arrive_gets_408(ends):
    got, seconds = ends[body_that_does_not_arrive]
    assert got.startswith(b"HTTP/1.1 408 Request Timeout")
    assert REQUEST_SECONDS - 1 < seconds < REQUEST_SECONDS + 5


def test_a_slow_trickle_of_bytes_does_not_extend_the_timeout(ends):
    _, seconds = ends[slow_trickle_of_bytes]
    assert seconds < REQUEST_SECONDS + 5


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="it finds the workers in /proc")
def test_a_killed_worker_is_replaced_and_the_others_serve_meanwhile(server):
    before = server.workers()
    os.kill(before[0], signal.SIGKILL)
    for _ in range(30):
        assert server.get("/ready") == 200
        time.sleep(0.1)
    after = server.workers()
    assert len(after) == len(before) == 2
    assert before[0] not in after and before[1] in after


def test_a_header_spelt_with_an_underscore_is_ignored(server):
    kinds = [refusal(server, name) for name in ("client-session-token", "client_session_token")]
    assert kinds == ["invalid_client_session_token", "unauthorized"]


@pytest.mark.parametrize("name", ["X_Forwarded_For", "X_Forwarded-Proto", "X-Forwarded_Host", "Clerk_API_Version"])
def test_no_trusted_header_can_be_replaced_by_another_spelling(name):
    request = HTTPRequestParser(Adjustments())
    real = name.replace("_", "-")
    request.received(f"GET / HTTP/1.1\r\n{real}: proxy\r\n{name}: forged\r\n\r\n".encode())
    assert request.headers == {real.upper().replace("-", "_"): "proxy"}


def refusal(server: Served, header: str) -> str:
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(f"http://127.0.0.1:{server.port}/devices/list", headers={header: "x"}), timeout=5)
    with refused.value as answer:
        return str(json.load(answer)["error"]["type"])
