"""Show that ``manage.py sessions clean`` always ends alike: ``python -m benchmarks.end_state --database postgresql``.

A database with a million rows of every kind is cleaned by one run, by a run that is killed half-way and started again,
and by two runs at once. Each starts with a copy of the same rows, and what is left must be the same.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.growth import a_database

RESULTS = Path(__file__).parent / "results" / "end_state.json"

# Rows of all tables that ``fill`` makes for one session of each kind.
TABLES_A_ROW = 6.6

# Days since the rows of each part began: events are kept for a year, sessions for 90 days.
AGES = (400, 100, 10)

# Without pauses, which only help requests.
_RUN = """
import json, django; django.setup()
from sessions_core import cleaning
cleaning.PAUSE = 0
print(json.dumps({kind.name: cleaning.clean(kind).deleted for kind in cleaning.kinds()}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.end_state")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of all tables together")
    arguments = parser.parse_args()
    data = Path(tempfile.mkdtemp(prefix="gatepass-end-state-"))
    try:
        with a_database(arguments.database, data) as (name, url):
            os.environ.update(
                DATABASE_URL=url, GATEPASS_DATA=str(data), DJANGO_SETTINGS_MODULE="sessions_project.settings"
            )
            found = {"database": name, **measure(int(arguments.rows / TABLES_A_ROW))}
        results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        results[arguments.database] = found
        RESULTS.write_text(json.dumps(results, indent=2) + "\n")
        print(json.dumps(found, indent=2))
    finally:
        shutil.rmtree(data, ignore_errors=True)
    if not found["all the same"]:
        sys.exit("The runs did not end alike.")


def measure(sessions: int) -> dict[str, Any]:
    import django

    django.setup()
    fill_mixed(sessions)
    before = counts()
    runs = {name: _in_a_copy(name, run) for name, run in RUNS.items()}
    states = [run.pop("state") for run in runs.values()]
    return {
        "rows": sum(before.values()),
        "before": before,
        "after": states[0]["rows"],
        "runs": runs,
        "all the same": all(state == states[0] for state in states),
    }


def fill_mixed(sessions: int) -> None:
    """Fill the tables: sessions that are live, ended, expired and abandoned, of three ages."""
    from django.core.management import call_command
    from django.db.models import F, QuerySet
    from django.utils import timezone

    from benchmarks.fill import fill
    from sessions_core.models import Workspace
    from user_sessions.models import UserSession
    from user_sessions.models.nonces import SpentNonce

    call_command("migrate", verbosity=0)
    workspace, now, part = Workspace.objects.create(name="Benchmark", is_sandbox=True).pk, timezone.now(), sessions // 3
    for number, days in enumerate(AGES):
        first = number * part
        fill(workspace, first + part, first=first, ended_every=2, since=now - timedelta(days=days, seconds=first))
    QuerySet(SpentNonce).filter(pk__endswith="50").update(expire_at=now)
    day, odd = timedelta(days=1), QuerySet(UserSession)
    for last_digit, abandoned_after in (("3", 1000), ("5", 2)):  # expired, abandoned
        odd.filter(pk__endswith=last_digit).update(
            expire_at=F("created_at") + day,
            latest_expire_at=F("created_at") + day,
            abandon_at=F("created_at") + abandoned_after * day,
        )


def tables() -> Mapping[str, tuple[Any, list[str]]]:
    """Return the rows of each table that cleaning changes, and the columns that it changes, with the key."""
    from django.db.models import QuerySet

    from client_sessions.models import ClientSession, Grant
    from sessions_core.models import Event
    from user_sessions.models import Activity, Client, SignIn, Ticket, UserSession
    from user_sessions.models.nonces import SpentNonce

    columns = {
        UserSession: ["pk", "stored_status", "recorded_ends"],
        Activity: ["pk"],
        Client: ["pk", "last_active_session_id"],
        SignIn: ["pk", "created_session_id"],
        Ticket: ["pk"],
        SpentNonce: ["pk"],
        ClientSession: ["pk"],
        Grant: ["pk"],
    }
    rows: Any = {model._meta.verbose_name_plural: (QuerySet(model), names) for model, names in columns.items()}
    # Runs differ in their batches, so in the events about those, and in the ids of later events.
    events = QuerySet(Event).exclude(type__startswith="sessions.")
    return {**rows, "events": (events, ["subject", "type", "workspace_id"])}


def counts() -> dict[str, int]:
    return {str(name): rows.count() for name, (rows, _) in tables().items()}


def state() -> dict[str, Any]:
    """Return the number of rows that are left in each table, and a digest of them."""
    digests = {}
    for name, (rows, columns) in tables().items():
        lines = sorted(map(repr, rows.order_by().values_list(*columns).iterator()))
        digests[str(name)] = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return {"rows": counts(), "digests": digests}


def _once(url: str) -> dict[str, Any]:
    return {"deleted": _result(_start(url))}


def _killed(url: str) -> dict[str, Any]:
    """Kill a run when half of the user sessions that one run deletes are gone, and start it again."""
    from sessions_core.cleaning import count, kind_named
    from user_sessions.models import UserSession

    whole, due = UserSession.objects.count(), count(kind_named("user_sessions")).deleted
    run = _start(url)
    while run.poll() is None and whole - UserSession.objects.count() < due / 2:
        time.sleep(0.2)
    run.kill()
    run.wait()
    gone = whole - UserSession.objects.count()
    return {"user sessions gone when killed": gone, "deleted after it": _result(_start(url))}


def _twice(url: str) -> dict[str, Any]:
    both = [_start(url), _start(url)]
    return {"deleted by each": [_result(run) for run in both]}


RUNS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "one run": _once,
    "killed and started again": _killed,
    "two runs at once": _twice,
}


def _start(url: str) -> "subprocess.Popen[str]":
    environment = os.environ | {"DATABASE_URL": url}
    return subprocess.Popen([sys.executable, "-c", _RUN], env=environment, stdout=subprocess.PIPE, text=True)


def _result(run: "subprocess.Popen[str]") -> dict[str, int]:
    printed, _ = run.communicate()
    if run.returncode:
        raise RuntimeError("A run failed.")
    found: dict[str, int] = json.loads(printed)
    return found


def _in_a_copy(name: str, run: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Run in a copy of the database, and remove it. The state is that at the end."""
    from django.db import connection

    connection.close()
    own = connection.settings_dict["NAME"]
    copy = f"{own}_copy"
    _copy(own, copy)
    connection.settings_dict["NAME"] = copy
    try:
        started = time.monotonic()
        found = run(os.environ["DATABASE_URL"] + "_copy")
        found |= {"seconds": round(time.monotonic() - started), "state": state()}
        print(name, json.dumps(found), flush=True)
        return found
    finally:
        connection.close()
        connection.settings_dict["NAME"] = own


def _copy(own: str, copy: str) -> None:
    from django.db import connection

    if connection.vendor == "sqlite":
        for end in ("-wal", "-shm"):
            Path(f"{copy}{end}").unlink(missing_ok=True)
        shutil.copy(own, copy)
        return
    import psycopg

    address = os.environ["DATABASE_URL"].rpartition("/")[0]
    with psycopg.connect(f"{address}/template1", autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{copy}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{own}"')


if __name__ == "__main__":
    main()
