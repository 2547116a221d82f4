"""Measure the figures of docs/scaling.md: ``python -m benchmarks.capacity``, with DATABASE_URL of an empty PostgreSQL.

CPU time is read from /proc, so other programs on the machine change it little. PostgreSQL must run on this machine.
"""

import http.client
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.load import wait_for

REQUESTS = 1000
ROWS = 100_000
BATCH = 5000
PORT = 8766
HOST = f"127.0.0.1:{PORT}"
BY = "capacity"
TICK = os.sysconf("SC_CLK_TCK")
TABLES = {
    "user session": "user_sessions_usersession",
    "its client": "user_sessions_client",
    "its activity": "user_sessions_activity",
    "client session": "client_sessions_clientsession",
    "a grant": "client_sessions_grant",
    "an event": "sessions_core_event",
}

Headers = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Call:
    name: str
    path: str
    method: str = "GET"
    headers: Headers = field(default_factory=dict)
    body: Callable[[], Any] = lambda: None


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="gatepass-benchmarks-") as data:
        os.environ.update(GATEPASS_DATA=data, DJANGO_SETTINGS_MODULE="sessions_project.settings")
        os.environ.update(GATEPASS_RATES="client_session=,anonymous=", GATEPASS_SANDBOX="yes")
        import django

        django.setup()
        calls = list(scene())
        fill()
        with serving() as worker:
            print(f"{'CPU, milliseconds per request':<36}{'web':>8}{'database':>10}")
            for call in calls:
                web, database = cost(call, worker)
                print(f"{call.name:<36}{web:>8.2f}{database:>10.2f}", flush=True)
        print(f"\n{f'bytes per row, of {ROWS:,}':<36}{'table':>8}{'indexes':>10}")
        for name, table in TABLES.items():
            own, indexes = bytes_per_row(table)
            print(f"{name:<36}{own:>8.0f}{indexes:>10.0f}")
        print(time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))


def scene() -> Iterator[Call]:
    """Migrate, create a caller of each kind, and yield the requests to measure."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from client_sessions.devices.models import ConnectedAccount, Device
    from client_sessions.models import ClientSession
    from sessions_core.models import ApiKey, Workspace
    from user_sessions.models import SigningKey, UserSession
    from user_sessions.tokens.client_tokens import client_token

    call_command("migrate", verbosity=0)
    call_command(
        "workspace", "create", "Capacity", "--sandbox", "--frontend-api", f"http://{HOST}", stdout=io.StringIO()
    )
    workspace = Workspace.objects.get()
    account = ConnectedAccount.objects.create(workspace=workspace, display_name="account")
    for n in range(10):
        Device.objects.create(workspace=workspace, connected_account=account, name=f"device {n}")
    wanted = {"connected_account": [str(account.pk)]}
    scoped = {"Authorization": f"Bearer {ClientSession.objects.start(workspace, actor=BY, wanted=wanted).token}"}
    backend = {"Authorization": f"Bearer {ApiKey.objects.issue(workspace, name='a backend', actor=BY)[1]}"}
    user = get_user_model().objects.create(username="ann")
    SigningKey.objects.current(workspace)
    session = UserSession.objects.start(workspace, user, actor=BY)
    new = {"connected_account_ids": [str(account.pk)]}
    yield from calls_of(session, scoped, backend, {"Authorization": client_token(session.client)}, new)


def calls_of(session: Any, scoped: Headers, backend: Headers, app: Headers, new: dict[str, Any]) -> Iterator[Call]:
    one, mine = f"/v1/sessions/{session.pk}", f"/v1/client/sessions/{session.pk}"

    def post(name: str, path: str, headers: Headers, body: Callable[[], Any] = lambda: None) -> Call:
        return Call(name=name, path=path, method="POST", headers=headers, body=body)

    yield Call(name="client session token", path="/workspaces/get", headers=scoped)
    yield Call(name="its 10 devices", path="/devices/list", headers=scoped)
    yield Call(name="get a user session", path=one, headers=backend)
    yield post("mint a session token", f"{one}/tokens", backend)
    yield post("mint by a browser", f"{mine}/tokens", app)
    yield post("touch within the interval", f"{mine}/touch", app)
    yield post("create a user session", "/v1/sessions", backend, lambda: {"user_id": f"user_{session.user_id}"})
    with_key = lambda: new | {"user_identifier_key": uuid4().hex}  # noqa: E731
    yield post("create a client session", "/client_sessions/create", backend, with_key)
    yield Call(name="public key set", path="/.well-known/jwks.json")


def fill() -> None:
    """Add rows of each kind, as sign-ins and backends would write them."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.utils import timezone

    from client_sessions.devices.models import ConnectedAccount
    from sessions_core.models import Workspace

    workspace, account = Workspace.objects.get(), ConnectedAccount.objects.get().pk.hex
    model = get_user_model()
    users = model.objects.bulk_create(model(username=f"user {n}") for n in range(ROWS // 10))
    start = timezone.now() - timedelta(days=1)
    for first in range(0, ROWS, BATCH):
        moments = [start + timedelta(seconds=n / 2) for n in range(first, first + BATCH)]
        fill_user_sessions(workspace, users, moments)
        fill_client_sessions(workspace, account, moments)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def fill_user_sessions(workspace: Any, users: list[Any], moments: list[Any]) -> None:
    """Add sign-ins, each on a client of its own, with an activity and an event."""
    from sessions_core.models import Event
    from user_sessions.ids import new_id
    from user_sessions.models import Client, UserSession
    from user_sessions.models.activities import Activity

    clients = [new_client(workspace, at) for at in moments]
    Client.objects.bulk_create(clients)
    sessions = [new_session(each, users[(n * 7919) % len(users)]) for n, each in enumerate(clients)]
    UserSession.objects.bulk_create(sessions)
    for client, session in zip(clients, sessions, strict=True):
        client.last_active_session = session
    Client.objects.bulk_update(clients, ["last_active_session"])
    device = {"browser_name": "Chrome", "browser_version": "126.0", "device_type": "Linux", "is_mobile": False}
    Activity.objects.bulk_create(
        Activity(id=new_id("sess_activity", at=each.created_at), session=each, ip_address="203.0.113.7", **device)
        for each in sessions
    )
    facts = {"type": "user_session.created", "workspace": workspace}
    Event.objects.bulk_create(
        Event(subject=each.pk, actor=f"client:{each.client_id}", created_at=each.created_at, **facts)
        for each in sessions
    )


def new_client(workspace: Any, at: Any) -> Any:
    from sessions_core.crypto import tokens
    from user_sessions.ids import new_id
    from user_sessions.models import Client
    from user_sessions.models.clients import ROTATION_LENGTH

    return Client(
        id=new_id("client", at=at),
        workspace=workspace,
        rotation=tokens.random_text(ROTATION_LENGTH),
        token_key=tokens.newest_key_id(),
        created_at=at,
        updated_at=at,
    )


def new_session(client: Any, user: Any) -> Any:
    from user_sessions.ids import new_id
    from user_sessions.models import Status, UserSession
    from user_sessions.models.voiding import fingerprint_of

    at = client.created_at
    return UserSession(
        id=new_id("sess", at=at),
        workspace=client.workspace,
        client=client,
        user=user,
        amr=["pwd"],
        password_fingerprint=fingerprint_of(user),
        stored_status=Status.ACTIVE,
        created_at=at,
        updated_at=at,
        last_active_at=at,
        verified_at=at,
        expire_at=at + timedelta(days=7),
        latest_expire_at=at + timedelta(days=7),
        abandon_at=at + timedelta(days=30),
    )


def fill_client_sessions(workspace: Any, account: str, moments: list[Any]) -> None:
    from client_sessions.models import ClientSession, Grant
    from client_sessions.models.querysets import TOKEN
    from sessions_core.crypto import tokens

    sessions = ClientSession.objects.bulk_create(
        ClientSession(
            workspace=workspace,
            user_identifier_key=uuid4().hex,
            token_short=TOKEN.new_short(),
            token_key=tokens.newest_key_id(),
            created_at=at,
            expires_at=at + timedelta(days=1),
        )
        for at in moments
    )
    Grant.objects.bulk_create(
        Grant(client_session=each, resource_type="connected_account", resource_id=account, created_at=each.created_at)
        for each in sessions
    )


def bytes_per_row(table: str) -> tuple[float, float]:
    """Return the bytes of a row and of its index entries."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*), pg_table_size('{table}'), pg_indexes_size('{table}') FROM {table}")
        count, own, indexes = cursor.fetchone()
    return own / count, indexes / count


@contextmanager
def serving() -> Iterator[int]:
    """Run the reference server with one worker. Yield the process id of the worker."""
    supervisor = subprocess.Popen([sys.executable, "-m", "sessions_project.server", "127.0.0.1", str(PORT), "1"])
    try:
        wait_for(PORT)
        while not (workers := children(supervisor.pid)):
            time.sleep(0.1)
        yield workers[0]
    finally:
        supervisor.terminate()
        supervisor.wait(30)


def cost(call: Call, worker: int) -> tuple[float, float]:
    """Return the CPU milliseconds of a request in the web process and in PostgreSQL."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        postmaster = parent(cursor.fetchone()[0])
    repeat(call, REQUESTS // 5)  # opens connections and fills caches
    before = cpu(worker), cpu(postmaster, *children(postmaster))
    repeat(call, REQUESTS)
    after = cpu(worker), cpu(postmaster, *children(postmaster))
    return (after[0] - before[0]) / REQUESTS, (after[1] - before[1]) / REQUESTS


def repeat(call: Call, times: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    for _ in range(times):
        body = call.body()
        sent = call.headers | ({"Content-Type": "application/json"} if body else {})
        connection.request(call.method, call.path, json.dumps(body) if body else None, sent)
        response = connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{call.name}: {response.status} {content[:300]!r}")
    connection.close()


def cpu(*processes: int) -> float:
    """Return the CPU milliseconds that the processes and their ended children have used (proc(5))."""
    ticks = [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[11:15] for each in processes]
    return 1000 * sum(map(int, (tick for four in ticks for tick in four))) / TICK


def children(process: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


if __name__ == "__main__":
    main()
