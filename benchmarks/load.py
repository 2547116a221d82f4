"""Load on a server of this machine: a few persistent connections, one client process, for a few seconds."""

import http.client
import json
import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, NamedTuple

HOST = "127.0.0.1"
# All requests name this host, whatever the port of the server, because the Frontend API belongs to one origin.
NAMED = f"{HOST}:8000"
# The workspace that the requests are about. Views of a host need to know it.
WORKSPACE = "00000000-0000-4000-8000-000000000001"
CONNECTIONS = 4
# Seconds without any answer after which the run fails.
PATIENCE = 30

CUT_OFF = 0  # in place of a status

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)")


class Request(NamedTuple):
    """A request. ``body`` is sent as JSON, unless it is None."""

    method: str
    path: str
    headers: Mapping[str, str] = {}
    body: Any = None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """Requests that are sent in turn; if ``is_once``, each of them is sent only once. ``status`` is what they expect.

    An operation that is refused has ``good``, the name of the accepted operation that it is compared with.
    """

    name: str
    requests: Sequence[Request]
    is_once: bool = False
    status: int = 200
    good: str = ""


@dataclass(kw_only=True)
class Answers:
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Return answers per second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, percent: int) -> float:
        """Return this percentile of the latencies, in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] * 1000 if ordered else 0.0


def message(request: Request) -> bytes:
    body = b"" if request.body is None else json.dumps(request.body).encode()
    headers = {"Host": NAMED, "Accept": "application/json", **request.headers}
    if request.method != "GET":
        headers |= {"Content-Length": str(len(body))}
    if body:
        headers |= {"Content-Type": "application/json"}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{request.method} {request.path} HTTP/1.1\r\n{head}\r\n".encode() + body


def rate(port: int, operation: Operation, *, seconds: float) -> float:
    """Return requests per second. Raise RuntimeError for another status."""
    answers = drive(port, cycle([message(request) for request in operation.requests]), seconds=seconds)
    if set(answers.statuses) != {operation.status}:
        raise RuntimeError(f"{operation.name}: {dict(answers.statuses)}")
    return answers.rate


def drive(port: int, messages: Iterator[bytes], *, seconds: float) -> Answers:
    """Send the messages over CONNECTIONS connections until the time is over or none is left."""
    answers, started = Answers(), time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for _ in range(CONNECTIONS):
            _begin(selector, port, next(messages, None))
        while selector.get_map():
            events = selector.select(PATIENCE)
            if not events:
                raise TimeoutError(f"no answer within {PATIENCE} seconds")
            for key, _ in events:
                connection: _Connection = key.data
                if (status := connection.receive()) is None:
                    continue
                answers.latencies.append(time.perf_counter() - connection.started)
                answers.statuses[status] += 1
                is_over = time.perf_counter() - started > seconds
                following = None if is_over else next(messages, None)
                if following is not None and not connection.is_closed:
                    connection.send(following)
                else:
                    selector.unregister(connection.socket)
                    connection.socket.close()
                    _begin(selector, port, following)
    answers.seconds = time.perf_counter() - started
    return answers


def _begin(selector: selectors.BaseSelector, port: int, first: bytes | None) -> None:
    """Send a message over a new connection, unless there is none."""
    if first is not None:
        connection = _Connection(port)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send(first)


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.is_closed = False

    def send(self, message: bytes) -> None:
        self.received, self.started = b"", time.perf_counter()
        with suppress(ConnectionError):  # the server has answered and closed; what it sent is read next
            self.socket.sendall(message)

    def receive(self) -> int | None:
        """Return the status when the answer is complete, else None."""
        try:
            chunk = self.socket.recv(262_144)
        except ConnectionError:
            chunk = b""
        self.received += chunk
        head, _, body = self.received.partition(b"\r\n\r\n")
        if not chunk:
            self.is_closed = True
            return CUT_OFF
        if not _ or not _is_complete(head.lower(), body):
            return None
        self.is_closed = b"\r\nconnection: close" in head.lower()
        return int(head[9:12])


def _is_complete(head: bytes, body: bytes) -> bool:
    if length := _LENGTH.search(head):
        return len(body) >= int(length[1])
    if b"\r\ntransfer-encoding: chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    return head[9:12] in (b"204", b"304")


def ask(port: int, request: Request, **headers: str) -> http.client.HTTPResponse:
    """Send one request over a connection of its own. The body of the response has been read into ``length``."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
    body = None if request.body is None else json.dumps(request.body)
    kind = {"Content-Type": "application/json"} if body else {}
    connection.request(request.method, request.path, body, {"Host": NAMED, **kind, **request.headers, **headers})
    response = connection.getresponse()
    response.length = len(response.read())
    connection.close()
    return response


def wait_for(port: int) -> None:
    """Wait until the port accepts connections. Raise TimeoutError after 30 seconds."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"nothing listens on {HOST}:{port}")
