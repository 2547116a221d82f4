"""Load on a server of this machine: a few persistent connections, for a few seconds."""

import http.client
import json
import socket
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CONNECTIONS = 4


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A request that is repeated. ``body`` is sent as JSON; every response must have ``status``."""

    name: str
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] | None = None
    status: int = 200


def rate(url: str, operation: Operation, *, seconds: float) -> float:
    """Return requests per second over CONNECTIONS connections. Raise RuntimeError for another status."""
    where = urlsplit(url)
    body = None if operation.body is None else json.dumps(operation.body)
    headers = {**operation.headers, **({"Content-Type": "application/json"} if body else {})}
    deadline = time.monotonic() + seconds

    def one(_: int) -> int:
        connection = http.client.HTTPConnection(where.hostname or "", where.port or 80, timeout=30)
        count = 0
        while time.monotonic() < deadline:
            connection.request(operation.method, operation.path, body, headers)
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
