"""Memory of a worker after requests of many distinct callers: ``dev.py benchmark --memory --without-operations``.

Three kinds of callers, each with a credential of its own: browsers with a client session token, browsers with a session
token at a host's view, and apps with a client token. The limits are those of a default project, so each is counted.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.databases import databases
from benchmarks.load import Answers, Request, drive, message
from benchmarks.processes import resident_mib
from benchmarks.projects import BARE, GATEPASS, Project, Server, project

WARM_UP = 1000  # requests, before which a worker has not yet loaded all it needs
UNLIMITED = 1e9  # seconds
GOAL_AT_START, GOAL_OF_GROWTH = 30, 2  # MiB


def memory(choice: str, folder: Path, *, callers: int) -> dict[str, Any]:
    """Return the resident MiB of a worker of a bare project and of one with Gatepass, before and after the requests."""
    with databases(choice) as made:
        bare = project(BARE, folder, database=made.make("_memory_bare"), name="memory of bare")
        ours = project(GATEPASS, folder, database=made.make("_memory"), name="memory of gatepass")
        requests = _requests(ours, callers)
        with bare.served() as server:
            _send(server, [Request("GET", "/bare")])
            at_bare = resident_mib(server.pid)
            _send(server, [Request("GET", "/bare")] * callers)
            bare_after = resident_mib(server.pid)
        with ours.served() as server:
            found = _of_gatepass(server, requests)
        return {
            "database": made.version,
            "requests": len(requests),
            "bare": round(at_bare, 1),
            "bare_after": round(bare_after, 1),
            **found,
        }


def _of_gatepass(server: Server, requests: Sequence[Request]) -> dict[str, Any]:
    for path in dict.fromkeys(each.path for each in requests):  # one of each kind, one after the other
        _send(server, [next(each for each in requests if each.path == path)])
    start = resident_mib(server.pid)
    _send(server, requests[:WARM_UP])
    warm = resident_mib(server.pid)
    half = len(requests) // 2
    _send(server, requests[WARM_UP:half])
    at_half = resident_mib(server.pid)
    _send(server, requests[half:])
    figures = {"start": start, "warm": warm, "half": at_half, "after": resident_mib(server.pid)}
    return {name: round(mib, 1) for name, mib in figures.items()}


def _send(server: Server, requests: Sequence[Request]) -> Answers:
    """Send each request once. Raise RuntimeError if one is refused."""
    answers = drive(server.port, map(message, requests), seconds=UNLIMITED)
    if set(answers.statuses) != {200}:
        raise RuntimeError(f"answers: {dict(answers.statuses)}")
    return answers


def _requests(ours: Project, callers: int) -> list[Request]:
    command = [sys.executable, "-m", "benchmarks.callers", str(callers)]
    printed = subprocess.run(command, cwd=ours.folder, env=ours.environment, check=True, stdout=subprocess.PIPE)
    return [Request(*each) for each in json.loads(printed.stdout.splitlines()[-1])]


def printed(found: dict[str, Any]) -> Iterator[str]:
    """Return the lines of the result, with the goals."""
    at_start, growth = found["start"] - found["bare"], found["after"] - found["start"]
    yield f"\nMiB of a worker, {found['database']}, {found['requests']:,} requests of as many callers"
    yield f"bare {found['bare']:.1f}, after the requests {found['bare_after']:.1f}"
    yield (
        f"gatepass {found['start']:.1f} after start, {found['warm']:.1f} after {WARM_UP:,}, {found['half']:.1f} after "
        f"half, {found['after']:.1f} after all"
    )
    yield f"after start: bare + {at_start:.1f} (goal {GOAL_AT_START})"
    yield f"after the requests: + {growth:.1f} (goal {GOAL_OF_GROWTH})"
