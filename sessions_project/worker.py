"""One worker process: waitress, with a deadline for a whole request to arrive.

Waitress reads a complete request before a thread handles it, so slow clients do not block threads. Like nginx it drops
headers with ``_`` in their names, because WSGI cannot distinguish them from the same name with ``-``.
"""

import logging
import os
import signal
import socket
import sys
import time
from collections import deque
from typing import Any

from django.conf import settings
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher, WSGITask
from waitress.utilities import Error

__all__ = ["GRACE", "serve"]

# Seconds for which a thread may hold the GIL while others wait. The I/O thread needs the GIL many times for each
# request, so Python's default of 5 ms delays it by a multiple when all threads are busy.
SWITCH = 0.001

# Seconds that running requests get when the server stops.
GRACE = 3

# Seconds within which a whole request must arrive, and within which the client must read a whole response.
REQUEST_SECONDS = 10
ANSWER_SECONDS = 60
# Seconds that a connection may stay open between two requests.
IDLE_SECONDS = 60
# Maximum number of open connections of a worker. Others wait in the kernel's queue.
CONNECTIONS = 1000
# Bytes. The APIs refuse bodies over 1 MiB with an error of their own; larger ones than this are not read.
LARGEST_BODY = 4 * 1024 * 1024
LARGEST_HEADERS = 64 * 1024
# Bytes of a body in memory; the rest is in a temporary file.
BODY_IN_MEMORY = 64 * 1024


class RequestTimeout(Error):  # type: ignore[misc]
    code = 408
    reason = "Request Timeout"


class Task(WSGITask):  # type: ignore[misc]
    @property
    def has_body(self) -> bool:
        """Return False for HEAD, whatever the view wrote."""
        return bool(super().has_body) and self.request.command != "HEAD"


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection that closes if a request takes too long to arrive, or a response too long to be read."""

    task_class = Task
    request: HTTPRequestParser | None
    will_close: bool
    arriving_since: float | None = None
    leaving_since: float | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.arriving_since = time.monotonic()  # a new connection must send a request

    def received(self, data: bytes) -> bool:
        before = self.request
        self.leaving_since = None  # waitress reads only after the last response was sent
        result = bool(super().received(data))
        if self.request is None:
            self.arriving_since = None
        elif self.request is not before:
            self.arriving_since = time.monotonic()
        return result

    def enforce(self, now: float) -> None:
        """Close the connection after a timeout. The I/O thread calls this every second."""
        if self.total_outbufs_len:
            self.leaving_since = self.leaving_since or now
            if now - self.leaving_since > ANSWER_SECONDS:
                self.handle_close()  # ``will_close`` would wait until the client reads
            return
        self.leaving_since = None
        if self.requests or self.arriving_since is None or now - self.arriving_since < REQUEST_SECONDS:
            return
        self.arriving_since = None
        if self.request is None:
            self.will_close = True
        else:
            self._refuse(self.request)

    def _refuse(self, request: HTTPRequestParser) -> None:
        with self.requests_lock:
            self.request = None
            request.error = RequestTimeout(f"The request did not arrive within {REQUEST_SECONDS} seconds.")
            request.completed = True
            self.requests.append(request)
            self.server.add_task(self)


class Server(TcpWSGIServer):  # type: ignore[misc]
    channel_class = Channel
    stop_at: float | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.supervisor = os.getppid()
        self.due: deque[Channel] = deque()  # requests for /health, which uses no database

    def add_task(self, task: Channel) -> None:
        if getattr(task.requests[0], "path", "") == "/health":
            self.due.append(task)
        else:
            self.task_dispatcher.add_task(task)

    def maintenance(self, now: float) -> None:
        super().maintenance(now)
        for channel in list(self.active_channels.values()):
            channel.enforce(time.monotonic())
        if os.getppid() != self.supervisor:
            self.stop()

    def stop(self, *_: object) -> None:
        """Stop accepting connections and let running requests finish. Safe in a signal handler."""
        self.stop_at = self.stop_at or time.monotonic() + GRACE
        self.pull_trigger()

    def serve(self) -> None:
        while self.stop_at is None:
            self._turn(timeout=1)
        self.accepting = False
        while time.monotonic() < self.stop_at and self._is_busy():
            self._turn(timeout=0.05)

    def _turn(self, timeout: float) -> None:
        """Run one turn of the I/O loop. This thread answers ``/health`` itself: when many threads wait for the GIL,
        another thread would take longer."""
        wasyncore.loop(timeout=timeout, use_poll=True, map=self._map, count=1)
        while self.due:
            self.due.popleft().service()

    def _is_busy(self) -> bool:
        return any(each.requests or each.total_outbufs_len for each in list(self.active_channels.values()))


def serve(application: Any, listener: socket.socket) -> None:
    """Serve until SIGTERM, or until the supervisor exits."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it logs every request that waits for a thread
    sys.setswitchinterval(SWITCH)
    server = server_of(application, listener)
    signal.signal(signal.SIGTERM, server.stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    server.serve()


def server_of(application: Any, listener: socket.socket) -> Server:
    adjustments = Adjustments(
        sockets=[listener],
        threads=settings.GATEPASS_THREADS,
        connection_limit=CONNECTIONS,
        channel_timeout=IDLE_SECONDS,
        cleanup_interval=1,
        max_request_body_size=LARGEST_BODY,
        max_request_header_size=LARGEST_HEADERS,
        inbuf_overflow=BODY_IN_MEMORY,
        clear_untrusted_proxy_headers=False,  # SESSIONS_CORE["TRUSTED_PROXIES"] decides which are trusted
        log_socket_errors=False,
        ident=None,
    )
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.set_thread_count(adjustments.threads)
    where = (listener.family, listener.type, listener.proto, listener.getsockname())
    return Server(application, {}, True, listener, dispatcher, adjustments, where, bind_socket=False)
