"""The web server: a supervisor that binds the address once, forks workers, and replaces a worker that dies.

``python -m sessions_project.server HOST PORT WORKERS``. SIGTERM and SIGINT stop it; running requests get a
few seconds to finish.
"""

import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable

from django.db import connections

from sessions_project import worker

__all__ = ["Supervisor", "main"]

# Seconds between SIGTERM and SIGKILL for a worker.
KILL_AFTER = worker.GRACE + 2
# If a worker dies within this many seconds after its start, the next one starts after the same delay.
BACK_OFF = 1
# Seconds between two checks of the workers.
POLL = 0.1

_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}


class Supervisor:
    """Runs ``work`` in ``count`` forked processes until ``stop`` is called, and replaces those that end."""

    def __init__(self, work: Callable[[], None], *, count: int) -> None:
        self.work = work
        self.count = count
        self.started: dict[int, float] = {}  # by process id
        self.stopping = threading.Event()
        self.not_before = 0.0

    def run(self) -> None:
        while not self.stopping.wait(POLL):
            self._reap()
            while len(self.started) < self.count and time.monotonic() >= self.not_before:
                self._fork()
        self._end()

    def stop(self, *_: object) -> None:
        self.stopping.set()

    def _fork(self) -> None:
        # Otherwise a signal between the fork and the signal handlers of the worker would be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        pid = os.fork()
        if not pid:
            _become_worker(self.work)
        self.started[pid] = time.monotonic()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)

    def _reap(self) -> None:
        """Collect the workers that ended."""
        for pid in list(self.started):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            now, started = time.monotonic(), self.started.pop(pid)
            if now - started < BACK_OFF:
                self.not_before = now + BACK_OFF
            if not self.stopping.is_set():
                code = os.waitstatus_to_exitcode(status)
                print(f"Worker {pid} exited with code {code}; starting a new one.", file=sys.stderr, flush=True)

    def _end(self) -> None:
        """Send SIGTERM to every worker, wait, and kill those that are left."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + KILL_AFTER
        while self.started and time.monotonic() < deadline:
            self._reap()
            time.sleep(POLL / 2)
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        for pid in self.started:
            os.kill(pid, number)


def _become_worker(work: Callable[[], None]) -> None:
    """Run ``work`` in the forked process and exit without the cleanup of the supervisor."""
    code = 1
    try:
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # Ctrl-C signals the whole process group; the supervisor stops the workers
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main(host: str, port: int, workers: int) -> None:
    """Serve until a signal. The application is loaded before the fork, so new workers start fast."""
    from sessions_project.wsgi import application  # importing it runs the system checks

    def work() -> None:
        from sessions_core.db.side_writes import write_at_exit  # now that Django is set up

        worker.serve(application, listener)
        write_at_exit()

    connections.close_all()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=1024)
    supervisor = Supervisor(work, count=workers)
    for number in _STOP_SIGNALS:
        signal.signal(number, supervisor.stop)
    supervisor.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
