"""One POST into the outside world: to a checked address, without redirects, within a limit of time.

Only the status of the answer is read. What else it says is neither read, kept nor shown.
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

# Seconds, all in all, from the first packet on; how long a name may take is up to the system's resolver.
LIMIT = 15.0

# One for the process: it takes a while to make, and threads may share it.
_tls = cache(ssl.create_default_context)


@dataclass(frozen=True, kw_only=True)
class Network:
    """The outside world, for a test to replace."""

    resolve: Resolve = socket.getaddrinfo
    connect: Callable[..., socket.socket] = socket.create_connection
    tls: Callable[[], ssl.SSLContext] = _tls
    limit: float = LIMIT


def post(target: Target, body: bytes, headers: Mapping[str, str], *, network: Network) -> int:
    """The status that is answered. Raises NotAllowed, OSError, HTTPException."""
    addresses = target.addresses(network.resolve)
    deadline = time.monotonic() + network.limit
    sock = _connect(addresses, target.port, deadline=deadline, network=network)
    if not target.is_local:
        sock = network.tls().wrap_socket(sock, server_hostname=target.host, do_handshake_on_connect=False)
    # A time-out of the socket starts anew with each byte; this does not.
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
    connection.default_port = 80 if target.is_local else 443  # one that goes without saying in Host
    connection.sock, connection.auto_open = sock, 0  # it opens none of its own
    try:
        connection.request("POST", target.path, body, {**headers, "Connection": "close"})
        with connection.getresponse() as response:
            return response.status
    finally:
        connection.close()


def _shut_down(sock: socket.socket) -> None:
    """Whoever is reading from it, in another thread, sees its end; TLS is not asked."""
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
