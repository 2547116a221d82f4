"""Measure each operation relative to a bare view, in one run: ``python -m benchmarks``. See README.md."""

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

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from benchmarks.load import Operation, rate, wait_for

HOST = "127.0.0.1"
BARE = Operation(name="bare view", path="/bare")


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="dev.py benchmark")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="seconds of load on each operation in each round")
    parser.add_argument(
        "--sessions",
        type=int,
        nargs="+",
        default=[1000],
        help="rows of each kind of session; several numbers: measure at each",
    )
    parser.add_argument("--port", type=int, default=8765)
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="gatepass-benchmarks-") as data:
        os.environ.update(GATEPASS_DATA=data, DJANGO_SETTINGS_MODULE="benchmarks.settings", **key_of_peers())
        import django

        django.setup()
        from benchmarks.scene import build, fill, raw_signatures

        operations = build(f"http://{HOST}:{arguments.port}")
        print(f"raw signature: {raw_signatures():,.0f} RS256 signatures a second in one process, without HTTP")
        medians: dict[str, float] = {}
        for sessions in sorted(arguments.sessions):
            fill(sessions)
            with server(arguments.port) as url:
                ratios = measure(url, operations, arguments.rounds, arguments.seconds)
            medians = report(sessions, ratios, before=medians)
        print(time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))


def key_of_peers() -> dict[str, str]:
    """Return an RSA key for the peers that sign, of the same size as ours."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {"BENCHMARK_RSA_KEY": private.decode(), "BENCHMARK_RSA_PUBLIC_KEY": public.decode()}


@contextmanager
def server(port: int) -> Iterator[str]:
    """Run a server with one worker until the block ends."""
    process = subprocess.Popen([sys.executable, "-m", "sessions_project.server", HOST, str(port), "1"])
    try:
        wait_for(HOST, port)
        yield f"http://{HOST}:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def measure(url: str, operations: Sequence[Operation], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return the ratios to the bare view, which is measured before and after each operation."""
    ratios: dict[str, list[float]] = {operation.name: [] for operation in operations}
    for _ in range(rounds):
        before = rate(url, BARE, seconds=seconds)
        for operation in operations:
            here = rate(url, operation, seconds=seconds)
            after = rate(url, BARE, seconds=seconds)
            ratios[operation.name].append(here / ((before + after) / 2))
            before = after
    return ratios


def report(sessions: int, ratios: dict[str, list[float]], *, before: dict[str, float]) -> dict[str, float]:
    """Print the ratios to the bare view, and the growth since the previous size. Return the medians."""
    medians = {name: statistics.median(of) for name, of in ratios.items()}
    print(f"\n{f'{sessions:,} sessions':<28}{'/bare':>8}{'lowest':>9}{'highest':>9}" + f"{'growth':>9}" * bool(before))
    for name, of in ratios.items():
        growth = f"{medians[name] / before[name]:>9.2f}" if before else ""
        print(f"{name:<28}{medians[name]:>8.2f}{min(of):>9.2f}{max(of):>9.2f}{growth}", flush=True)
    return medians


if __name__ == "__main__":
    main(sys.argv[1:])
