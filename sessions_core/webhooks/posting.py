"""One POST request to a checked address, without redirects, with a time limit.

Only the status of the response is read.
"""

import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection
from threading import Timer

from sessions_core.webhooks.addresses import Resolve, Target

__all__ = ["LIMIT", "Network", "post"]

# Seconds for the whole request without name resolution, whose limit is that of the system's resolver.
LIMIT = 15.0

# One for the process: creating it is slow, and threads can share it.
_tls = cache(ssl.create_default_context)


@dataclass(frozen=True, kw_only=True)
class Network:
    """Network functions, which tests replace."""

    resolve: Resolve = socket.getaddrinfo
    connect: Callable[..., socket.socket] = socket.create_connection
    tls: Callable[[], ssl.SSLContext] = _tls
    limit: float = LIMIT


def post(target: Target, body: bytes, headers: Mapping[str, str], *, network: Network) -> int:
    """Send the request and return the status. Raise NotAllowed, OSError or HTTPException."""
    addresses = target.addresses(network.resolve)
    deadline = time.monotonic() + network.limit
    sock = _connect(addresses, target.port, deadline=deadline, network=network)
    if not target.is_local:
        sock = network.tls().wrap_socket(sock, server_hostname=target.host, do_handshake_on_connect=False)
    # A socket timeout starts again with each byte, so a timer limits the whole request.
    timer = Timer(deadline - time.monotonic(), _shut_down, (sock,))
    try:
        timer.start()
        return _status(sock, target, body, headers)
    except Exception as error:
        if time.monotonic() >= deadline:
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
        sock.close()


def _connect(addresses: list[str], port: int, *, deadline: float, network: Network) -> socket.socket:
    failure = OSError("the name has no address")
    for address in addresses:
        if (left := deadline - time.monotonic()) <= 0:
            raise TimeoutError
        try:
            return network.connect((address, port), timeout=left)
        except OSError as error:
            failure = error
    raise failure


def _status(sock: socket.socket, target: Target, body: bytes, headers: Mapping[str, str]) -> int:
    if isinstance(sock, ssl.SSLSocket):
        sock.do_handshake()
    connection = HTTPConnection(target.host, target.port)
    connection.default_port = 80 if target.is_local else 443  # omitted in the Host header
    connection.sock, connection.auto_open = sock, 0  # it must not reconnect
    try:
        connection.request("POST", target.path, body, {**headers, "Connection": "close"})
        with connection.getresponse() as response:
            return response.status
    finally:
        connection.close()


def _shut_down(sock: socket.socket) -> None:
    """Shut the socket down, below TLS, so that a read in another thread ends."""
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
