"""Load on a server of this machine: a few persistent connections, for a few seconds."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

CONNECTIONS = 4


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A request that is repeated. ``body`` is sent as JSON; every response must have ``status``.

    ``bodies`` replaces ``body`` where each can be sent once: it prepares them and returns an endless iterator.
    """

    name: str
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    bodies: Callable[[], Iterator[Mapping[str, Any]]] | None = None
    status: int = 200


def rate(url: str, operation: Operation, *, seconds: float) -> float:
    """Return requests per second over CONNECTIONS connections. Raise RuntimeError for another status."""
    where = urlsplit(url)
    bodies = operation.bodies() if operation.bodies else repeat(operation.body)
    has_body = operation.bodies or operation.body is not None
    headers = {**operation.headers, **({"Content-Type": "application/json"} if has_body else {})}
    lock = Lock()
    deadline = time.monotonic() + seconds

    def one(_: int) -> int:
        connection = http.client.HTTPConnection(where.hostname or "", where.port or 80, timeout=30)
        count = 0
        while time.monotonic() < deadline:
            with lock:
                body = next(bodies)
            connection.request(operation.method, operation.path, body and json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != operation.status:
                raise RuntimeError(f"{operation.name}: {answer.status} {content[:300]!r}")
            count += 1
        connection.close()
        return count

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        started = time.monotonic()
        total = sum(threads.map(one, range(CONNECTIONS)))
        return total / (time.monotonic() - started)


def wait_for(host: str, port: int) -> None:
    """Wait until the port accepts connections. Raise TimeoutError after 30 seconds."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"nothing listens on {host}:{port}")
