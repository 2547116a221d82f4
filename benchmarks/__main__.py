"""Measure operations and peers relative to a bare view, in one run: ``python3 dev.py benchmark``. See README.md."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import memory, report
from benchmarks.databases import Databases, NotOurs, databases
from benchmarks.figures import BARE_REQUEST, Measured, measure
from benchmarks.load import ask
from benchmarks.machine import description
from benchmarks.packages import NotInstalled
from benchmarks.processes import resident_mib
from benchmarks.projects import BARE, GATEPASS, PEERS, REFERENCE, Project, Server, checkout, project
from tests.databases import NoPostgreSQL

GTHREAD, PREPARED = "gthread", "prepared"
SERVERS = {
    GTHREAD: "gunicorn, gthread, 1 worker, 2 threads",
    PREPARED: report.ON_PREPARED,
    REFERENCE: "reference server, default rates",
}
# Requests per second that a pool of requests that are sent once must last for.
FASTEST = 1500
SMALLEST_POOL, LARGEST_POOL = 50, 8000


def main(words: Sequence[str]) -> None:
    arguments = parsed(words)
    result: dict[str, Any] = {**description(), "runs": [], "memory": []}
    with tempfile.TemporaryDirectory(prefix="gatepass-benchmark-") as folder, ExitStack() as stack:
        older = stack.enter_context(checkout(arguments.compare, Path(folder))) if arguments.compare else None
        try:
            for run in runs(arguments, Path(folder), older):
                smallest = {(each["database"], each["server"]): each for each in reversed(result["runs"])}
                result["runs"].append(run)
                save(result, arguments.json)
                show(report.printed(run, first=smallest.get((run["database"], run["server"]))))
            for choice in arguments.database if arguments.memory else []:
                result["memory"].append(memory.memory(choice, new(folder), callers=arguments.memory))
                save(result, arguments.json)
                show(memory.printed(result["memory"][-1]))
        except (NotOurs, NoPostgreSQL) as reason:
            sys.exit(str(reason))
        except subprocess.CalledProcessError as failed:
            sys.exit(f"{failed.cmd[:4]} ended with {failed.returncode}; see the lines above.")
    print(result["date"])


def parsed(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py benchmark")
    add = parser.add_argument
    add("--database", nargs="+", default=["sqlite"], help="sqlite, postgresql, or the URL of a database to be made")
    add("--server", nargs="+", default=[GTHREAD, REFERENCE], choices=[*SERVERS])
    add("--sessions", type=int, nargs="+", default=[10_000], help="rows of each kind; with several numbers: growth")
    add("--rounds", type=int, default=3)
    add("--seconds", type=float, default=1.0, help="seconds of load on each operation in each round")
    add("--only", default="", help="a part of the names of the operations")
    add("--without-peers", action="store_true")
    add("--compare", metavar="COMMIT", help="measure the code of this commit in the same run")
    add("--memory", type=int, nargs="?", const=100_000, metavar="CALLERS", help="measure also the memory of a worker")
    add("--without-operations", action="store_true", help="measure only the memory")
    add("--json", type=Path, metavar="FILE")
    return parser.parse_args(words)


def runs(arguments: argparse.Namespace, folder: Path, older: Path | None) -> Iterator[dict[str, Any]]:
    """Measure on each database, with each server, at each size. Every run has new databases."""
    for choice in [] if arguments.without_operations else arguments.database:
        for server in arguments.server:
            if server == PREPARED and choice.startswith("sqlite"):
                continue  # SQLite has no such option
            for sessions in sorted(arguments.sessions):
                with databases(choice) as made:
                    chosen = projects(server, made, new(folder), older, arguments)
                    yield run(chosen, sessions, arguments) | {"database": made.version, "server": SERVERS[server]}


def new(folder: Path | str) -> Path:
    return Path(tempfile.mkdtemp(dir=folder))


def projects(
    server: str, made: Databases, folder: Path, older: Path | None, arguments: argparse.Namespace
) -> list[Project]:
    """Return the bare project, if the set-up has one, then ours, and then the peers."""
    kinds = [REFERENCE] if server == REFERENCE else [BARE, GATEPASS]
    new_project = partial(project, folder=folder, is_prepared=server == PREPARED)
    chosen = [new_project(kind, database=made.make(f"_{kind}")) for kind in kinds]
    if older:
        name = f"{kinds[-1]} at {arguments.compare}"
        chosen.append(new_project(kinds[-1], database=made.make("_older"), code=older, name=name))
    for peer in [] if server == REFERENCE or arguments.without_peers else PEERS:
        try:
            chosen.append(new_project(peer, database=made.make("_" + peer.replace("-", "_"))))
        except NotInstalled as reason:
            print(reason, file=sys.stderr)
    return chosen


def run(chosen: Sequence[Project], sessions: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Prepare the projects, serve them all, and measure the operations in turn."""
    pool = min(max(int(FASTEST * arguments.rounds * arguments.seconds), SMALLEST_POOL), LARGEST_POOL)
    with ExitStack() as servers:
        measured: list[Measured] = []
        running: dict[str, Server] = {}
        memory_of: dict[str, dict[str, float]] = {}
        for each in chosen:
            progress(f"preparing {each.name}")
            operations = each.operations(sessions, pool)
            server = running[each.name] = servers.enter_context(each.served())
            bare = running.get(BARE, server)
            of_interest = [one for one in operations if arguments.only in f"{one.name} beside {one.good}"]
            ask(server.port, BARE_REQUEST)
            accepted = [Measured.begin(each.name, one, server, bare) for one in of_interest if not one.good]
            memory_of[each.name] = {"start": round(resident_mib(server.pid), 1)}
            refused = [Measured.begin(each.name, one, server, bare) for one in of_interest if one.good]
            measured += accepted + refused
        figures = measure(measured, rounds=arguments.rounds, seconds=arguments.seconds, seen=progress)
        progress("")
        for name, server in running.items():
            memory_of[name]["loaded"] = round(resident_mib(server.pid), 1)
    ours = [each.name for each in chosen if each.kind in (GATEPASS, REFERENCE)]
    return {
        "sessions": sessions,
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "projects": ours,
        "rows": [each.as_json() for each in figures],
        "memory": memory_of,
    }


def save(result: dict[str, Any], file: Path | None) -> None:
    """Write the JSON after each run, so that an interruption loses only the last one."""
    if file:
        file.write_text(json.dumps(result, indent=1) + "\n")


def progress(text: str) -> None:
    """On a terminal, show one line that the next one replaces."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def show(lines: Iterator[str]) -> None:
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
