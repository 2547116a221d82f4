"""Measure the console with few and many sessions: ``python -m benchmarks.console --database postgresql``.

First the pages, then a bulk revocation beside sign-ins: one process starts sessions, as a server does for its users,
while another one revokes a hundred thousand others.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.growth import a_database

RESULTS = Path(__file__).parent / "results" / "console.json"

FEW, MANY = 1_000, 1_000_000
REVOKED = 100_000

CALLS = 7

# Sign-ins a second, and the seconds that they are measured alone.
SIGN_INS, ALONE = 25, 20

PASSWORD = "a long password of an operator"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

LISTS = {
    "user sessions": "user_sessions/usersession",
    "events": "sessions_core/event",
    "client sessions": "client_sessions/clientsession",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.console")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--sessions", type=int, default=MANY, help="rows of each kind of session")
    parser.add_argument("--revoke", type=int, default=REVOKED, help="sessions of the bulk revocation")
    arguments = parser.parse_args()
    multiprocessing.set_start_method("spawn")
    data = Path(tempfile.mkdtemp(prefix="gatepass-console-"))
    try:
        with a_database(arguments.database, data) as (name, url):
            os.environ.update(
                DATABASE_URL=url, GATEPASS_DATA=str(data), DJANGO_SETTINGS_MODULE="sessions_project.settings"
            )
            found = {"database": name, **measure(arguments.sessions, arguments.revoke)}
        results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        results[arguments.database] = found
        RESULTS.write_text(json.dumps(results, indent=2) + "\n")
        print(table(results))
    finally:
        shutil.rmtree(data, ignore_errors=True)


def table(results: Mapping[str, Any]) -> str:
    """Return the table of docs/console.md: milliseconds of each page with few and with many rows, and its queries."""
    found = list(results.values())
    names = [name for each in found for name in (f"{each['database']}: 1,000 rows", f"{each['sessions']:,}")]
    lines = [f"| Page | {' | '.join(names)} | Queries |", f"|---|{'--:|' * (len(names) + 1)}"]
    for page, first in found[0]["pages"].items():
        times = [f"{each['pages'][page][key]} ms" for each in found for key in ("few_ms", "ms")]
        lines.append(f"| {page} | {' | '.join(times)} | {first['queries']} |")
    return "\n".join(lines)


def measure(sessions: int, revoked: int) -> dict[str, Any]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.test.utils import setup_test_environment
    from django.utils import timezone

    from benchmarks.fill import fill

    setup_test_environment()  # a response then has the context of its template
    call_command("migrate", verbosity=0)
    workspace, since = begin(), timezone.now() - timedelta(seconds=sessions)
    few = min(FEW, sessions)
    fill(workspace, few, since=since + timedelta(seconds=sessions - few))
    _vacuum()
    first = pages()
    print(json.dumps(first), flush=True)
    fill(workspace, sessions, first=few, since=since)
    _vacuum()
    pages_found = {
        name: {**page, "few_ms": first[name]["ms"], "ratio": round(page["ms"] / first[name]["ms"], 2)}
        for name, page in pages().items()
    }
    print(json.dumps(pages_found), flush=True)
    return {"sessions": sessions, "pages": pages_found, "bulk": bulk(revoked)}


def _vacuum() -> None:
    """Do what PostgreSQL does by itself when rows were inserted, but later."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def begin() -> Any:
    """Create the workspace and the operator. Return the key of the workspace."""
    from django.contrib.auth import get_user_model

    from sessions_core.models import Workspace
    from user_sessions.models import UserSessionPolicy

    workspace = Workspace.objects.create(name="Benchmark", is_sandbox=True)
    UserSessionPolicy.objects.create(workspace=workspace, frontend_api="http://127.0.0.1:8000")
    users: Any = get_user_model()
    users._default_manager.create_superuser("operator", password=PASSWORD)
    users._default_manager.bulk_create(users(username=f"signs in {n}", password="!") for n in range(200))
    return workspace.pk


def operator() -> Any:
    """Return a test client that has just signed in as the operator."""
    from django.test import Client

    client = Client(headers={"user-agent": AGENT})
    client.post("/admin/login/", {"username": "operator", "password": PASSWORD})
    return client


def pages() -> dict[str, dict[str, int]]:
    """Return the median time of each page in milliseconds, with its number of queries."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client, found = operator(), {}
    for name, address in addresses().items():
        times = []
        for _ in range(CALLS):
            started = time.perf_counter()
            response = client.get(address)
            times.append((time.perf_counter() - started) * 1000)
            if response.status_code != 200:
                raise RuntimeError(f"{name}: {response.status_code}")
        with CaptureQueriesContext(connection) as queries:
            client.get(address)
        found[name] = {"ms": round(statistics.median(times)), "queries": len(queries)}
    return found


def addresses() -> Mapping[str, str]:
    """Return the address of each page."""
    from client_sessions.models import ClientSession
    from user_sessions.models import UserSession

    session = UserSession.objects.select_related("user").order_by("-created_at").exclude(user__username="operator")[0]
    client_session = ClientSession.objects.order_by("-created_at")[0]
    dashboards = {f"dashboard, {span}": f"sessions_core/dashboard/?range={span}" for span in ("1h", "24h", "7d", "30d")}
    lists = {f"list of {name}": f"{path}/" for name, path in LISTS.items()}
    by_status = {
        f"user sessions, {status}": f"user_sessions/usersession/?status_now={status}" for status in ("live", "ended")
    }
    searches = {
        "name": session.user.username,
        "part of a name": session.user.username[3:],
        "id": session.pk,
        "client": session.client_id,
        "address": "192.0.2.7",
        "nothing": "nobody at all",
    }
    found = {f"search, {kind}": f"user_sessions/usersession/?q={text}" for kind, text in searches.items()}
    more = {
        "user sessions of a day": "user_sessions/usersession/?created=24h",
        "user session": f"user_sessions/usersession/{session.pk}/change/",
        "user": f"auth/user/{session.user_id}/change/",
        "client session": f"client_sessions/clientsession/{client_session.pk}/change/",
        "search, key of client session": f"client_sessions/clientsession/?q={client_session.user_identifier_key}",
        "search, token of client session": f"client_sessions/clientsession/?q={client_session.token_short}",
        "events of a type": "sessions_core/event/?type=user_session.created",
        "events of a session": f"sessions_core/event/?q={session.pk}",
        "preview of a bulk revocation": "user_sessions/usersession/bulk_revoke/?status_now=live",
    }
    return {
        name: f"/admin/{path.replace(' ', '+')}"
        for name, path in {**dashboards, **lists, **by_status, **found, **more}.items()
    }


def bulk(revoked: int) -> dict[str, Any]:
    """Revoke the newest live sessions beside sign-ins. Return how long both took, and sign-ins alone."""
    from django.db import connection

    from user_sessions.models import UserSession

    live = UserSession.objects.live().order_by("-created_at")
    since = live.values_list("created_at", flat=True)[:revoked][::-1][0]
    connection.close()
    before = sign_ins(seconds=ALONE)
    ended, took, beside = _revoke(since)
    found = {
        "ended": ended,
        "seconds": round(took, 1),
        "sign-ins alone": _percentiles(before),
        "sign-ins beside it": _percentiles(beside),
        "sign-ins alone afterwards": _percentiles(sign_ins(seconds=ALONE)),
    }
    print(json.dumps(found), flush=True)
    return found


def _revoke(since: Any) -> tuple[int, float, list[float]]:
    """Revoke the sessions since a time as the pages do. Return their number, the seconds, and times of sign-ins."""
    from user_sessions.models.bulk_revocations import BulkRevocation

    client, page = operator(), "/admin/user_sessions/usersession/bulk_revoke/"
    address = f"{page}?status_now=live&created__from={since.isoformat().replace('+', '%2B')}"
    preview = client.get(address).context["form"].initial["preview"]
    times: Any = multiprocessing.Queue()
    done = multiprocessing.Event()
    beside = multiprocessing.Process(target=_sign_in, args=(times, done, None))
    beside.start()
    times.get()  # it has begun
    started = time.monotonic()
    response = client.post(address, {"preview": preview, "reason": "measure", "everything": "on"})
    row = BulkRevocation.objects.get()
    while row.finished_at is None:
        client.post(response["Location"].replace("/change/", "/run/"))
        row.refresh_from_db()
    took = time.monotonic() - started
    done.set()
    found = times.get()
    beside.join()
    return row.ended, took, found


def sign_ins(*, seconds: float) -> list[float]:
    """Start sessions in another process. Return how long each took."""
    times: Any = multiprocessing.Queue()
    process = multiprocessing.Process(target=_sign_in, args=(times, None, seconds))
    process.start()
    times.get()
    found: list[float] = times.get()
    process.join()
    return found


def _sign_in(times: Any, done: Any, seconds: float | None) -> None:
    """Start sessions until it is done, or for these seconds. Put a sign that it has begun, then the times."""
    import random

    import django

    django.setup()
    from django.contrib.auth import get_user_model

    from sessions_core.models import Workspace
    from user_sessions.models import UserSession
    from user_sessions.user_agents import device_of

    workspace = Workspace.objects.get(name="Benchmark")
    users = list(get_user_model()._default_manager.filter(username__startswith="signs in"))
    device, took = device_of(AGENT, "192.0.2.7"), []
    for user in users[:20]:  # the first ones compile the statements
        UserSession.objects.start(workspace, user, actor="benchmark", device=device)
    times.put("begun")
    start = due = time.monotonic()
    while not done.is_set() if seconds is None else time.monotonic() < start + seconds:
        began = time.perf_counter()
        UserSession.objects.start(workspace, random.choice(users), actor="benchmark", device=device)
        took.append(time.perf_counter() - began)
        due += 1 / SIGN_INS
        time.sleep(max(0, due - time.monotonic()))
    times.put(took)


def _percentiles(took: Sequence[float]) -> dict[str, float]:
    """Return milliseconds."""
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    return {
        "number": len(took),
        "p50": _ms(cuts[49]),
        "p95": _ms(cuts[94]),
        "p99": _ms(cuts[98]),
        "max": _ms(max(took)),
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


if __name__ == "__main__":
    main()
