"""Measure the latency of requests while other clients do not finish theirs: ``python -m benchmarks.overload PORT``.

Run it by hand against a server that is already running on this machine. It ends by itself.
"""

import http.client
import socket
import sys
import time
from collections.abc import Sequence

HOST = "127.0.0.1"
PATHS = ("/health", "/devices/list")
REQUESTS = 500
HANGING = 200
# Django's CSRF check reads the body of this request, so it needs no account.
HEAD = (
    b"POST /admin/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: csrftoken=" + b"a" * 32 + b"\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\na"
)


def main(port: int) -> None:
    for path in PATHS:
        report(f"idle {path}", latencies(port, path))
        clients = [socket.create_connection((HOST, port)) for _ in range(HANGING)]
        for client in clients:
            client.sendall(HEAD)
        report(f"{HANGING} hanging clients {path}", latencies(port, path))
        for client in clients:
            client.close()
        time.sleep(1)


def latencies(port: int, path: str) -> list[float]:
    """Return the sorted milliseconds of requests on one connection. Stop if one takes 5 seconds."""
    connection, times = http.client.HTTPConnection(HOST, port, timeout=5), []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        try:
            connection.request("GET", path)
            connection.getresponse().read()
        except TimeoutError:
            print(f"no answer within 5 seconds after {len(times)} requests")
            break
        times.append((time.perf_counter() - started) * 1000)
    connection.close()
    return sorted(times) or [float("inf")]


def report(name: str, times: Sequence[float]) -> None:
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    print(f"{name:<40} p50 {p50:7.2f} ms   p99 {p99:7.2f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]))
