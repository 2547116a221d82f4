"""How fast each operation is beside a bare view, in one run: ``python -m benchmarks``. See README.md."""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.load import Operation, rate, wait_for

HOST = "127.0.0.1"
BARE = Operation(name="bare view", path="/bare")


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="dev.py benchmark")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="of load on each operation in each round")
    parser.add_argument("--sessions", type=int, default=1000, help="rows of each kind of session")
    parser.add_argument("--port", type=int, default=8765)
    chosen = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="gatepass-benchmarks-") as data:
        os.environ.update(GATEPASS_DATA=data, DJANGO_SETTINGS_MODULE="benchmarks.settings")
        operations, raw = prepare(chosen.sessions)
        with server(chosen.port) as url:
            report(operations, measured(url, operations, chosen.rounds, chosen.seconds), raw)


def prepare(sessions: int) -> tuple[list[Operation], float]:
    """Fill the database; this process is Django's from here on. Returns what to measure, and signatures a second."""
    import django

    django.setup()
    from benchmarks.scene import build, raw_signatures

    return build(sessions), raw_signatures()


@contextmanager
def server(port: int) -> Iterator[str]:
    """One worker with one thread, as much as one processor serves; gone when the block ends."""
    where = ["--interface", "wsgi", "--host", HOST, "--port", str(port), "--workers", "1", "--blocking-threads", "1"]
    command = [sys.executable, "-m", "granian", *where, "--no-access-log", "--log-level", "error"]
    process = subprocess.Popen([*command, "sessions_project.wsgi:application"])
    try:
        wait_for(HOST, port)
        yield f"http://{HOST}:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def measured(url: str, operations: Sequence[Operation], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Ratios to the bare view around each measurement, by operation."""
    ratios: dict[str, list[float]] = {operation.name: [] for operation in operations}
    for _ in range(rounds):
        before = rate(url, BARE, seconds=seconds)
        for operation in operations:
            here = rate(url, operation, seconds=seconds)
            after = rate(url, BARE, seconds=seconds)
            ratios[operation.name].append(here / ((before + after) / 2))
            before = after
    return ratios


def report(operations: Sequence[Operation], ratios: dict[str, list[float]], raw: float) -> None:
    print(f"{'operation':<28}{'/bare':>8}{'lowest':>9}{'highest':>9}")
    for operation in operations:
        of = ratios[operation.name]
        print(f"{operation.name:<28}{statistics.median(of):>8.2f}{min(of):>9.2f}{max(of):>9.2f}")
    print(f"raw signature: {raw:,.0f} RS256 signatures a second in one process, without HTTP")
    print(time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))


if __name__ == "__main__":
    main(sys.argv[1:])
