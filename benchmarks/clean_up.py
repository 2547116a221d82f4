"""Measure ``manage.py sessions clean`` beside authentication: ``python -m benchmarks.clean_up --database postgresql``.

Half of the user sessions ended long ago. One process checks the tokens of client sessions as fast as it can, while
another one deletes the ended sessions with their activities and clients.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.growth import a_database

RESULTS = Path(__file__).parent / "results" / "clean_up.json"

# Seconds of authentication alone, before the rows are deleted and after.
ALONE = 15

_CLEAN = """
import json, time
import django; django.setup()
from sessions_core import cleaning
batches, delete = [], cleaning._delete
def timed(*words, **more):
    started = time.monotonic()
    gone = delete(*words, **more)
    batches.append(time.monotonic() - started)
    return gone
cleaning._delete = timed
found = {kind.name: cleaning.clean(kind).deleted for kind in cleaning.kinds()}
print(json.dumps({"deleted": found, "batches": sorted(batches)}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clean_up")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--sessions", type=int, default=2_000_000, help="half of them have ended")
    arguments = parser.parse_args()
    data = Path(tempfile.mkdtemp(prefix="gatepass-clean-up-"))
    try:
        with a_database(arguments.database, data) as (name, url):
            os.environ.update(
                DATABASE_URL=url, GATEPASS_DATA=str(data), DJANGO_SETTINGS_MODULE="sessions_project.settings"
            )
            facts = measure(arguments.sessions)
        results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        results[arguments.database] = {"database": name, "sessions": arguments.sessions, **facts}
        RESULTS.write_text(json.dumps(results, indent=2) + "\n")
        print(json.dumps(results[arguments.database], indent=2))
    finally:
        shutil.rmtree(data, ignore_errors=True)


def measure(sessions: int) -> dict[str, object]:
    import django

    django.setup()
    from django.core.management import call_command

    from benchmarks.fill import fill
    from sessions_core.models import Workspace

    call_command("migrate", verbosity=0)
    workspace = Workspace.objects.create(name="Benchmark", is_sandbox=True).pk
    fill(workspace, 2_000)
    kinds = ("auth_user", "user_sessions_client", "user_sessions_usersession", "user_sessions_activity")
    seconds = fill(workspace, sessions, first=2_000, ended_every=2, only=kinds)
    print(f"filled in {seconds:.0f} s", flush=True)
    before = authenticate(until=time.monotonic() + ALONE)
    started = time.monotonic()
    cleaner = subprocess.Popen([sys.executable, "-c", _CLEAN], stdout=subprocess.PIPE, text=True)
    beside = authenticate(cleaner=cleaner)
    cleaned = json.loads((cleaner.stdout.read() if cleaner.stdout else "") or "{}")
    took = time.monotonic() - started
    after = authenticate(until=time.monotonic() + ALONE)
    batches = cleaned["batches"]
    alone = statistics.mean([rate(before), rate(after)])
    return {
        "deleted": cleaned["deleted"],
        "seconds": round(took),
        "batch ms": {"median": _ms(batches, 0.5), "p99": _ms(batches, 0.99), "longest": _ms(batches, 1)},
        "authentication": {
            "rate beside, of the rate alone": round(rate(beside) / alone, 2),
            "p99 ms alone": _ms(sorted(before + after), 0.99),
            "p99 ms beside": _ms(sorted(beside), 0.99),
            "longest ms beside": _ms(sorted(beside), 1),
        },
    }


def authenticate(*, until: float = 0, cleaner: "subprocess.Popen[str] | None" = None) -> list[float]:
    """Check tokens until a time, or until the cleaner ends. Return the seconds of each check."""
    from django.test import Client

    from benchmarks.fill import token_short
    from client_sessions.models.querysets import TOKEN
    from sessions_core.crypto.tokens import newest_key_id

    tokens = [TOKEN.token(token_short(number), newest_key_id()) for number in range(1, 2_000, 3)]
    client, took = Client(headers={"host": "127.0.0.1"}), []
    while cleaner.poll() is None if cleaner else time.monotonic() < until:
        started = time.perf_counter()
        token = tokens[len(took) % len(tokens)]
        response = client.get("/workspaces/get", headers={"authorization": f"Bearer {token}"})
        took.append(time.perf_counter() - started)
        if response.status_code != 200:
            raise RuntimeError(response.content)
    return took


def rate(seconds: Sequence[float]) -> float:
    return len(seconds) / sum(seconds)


def _ms(ordered: Sequence[float], part: float) -> float:
    return round(1000 * ordered[min(int(len(ordered) * part), len(ordered) - 1)], 1) if ordered else 0


if __name__ == "__main__":
    main()
