"""No query of a session scans a table or the rows of a whole workspace."""

import re
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from client_sessions.devices.models import ConnectedAccount, ConnectWebview, Customer, Device, UserIdentity
from client_sessions.models import ClientSession
from sessions_core.models import Workspace
from tests.callers import Caller, bearer

on_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="how SQLite words its plans")
on_postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="how PostgreSQL words its plans")

# In SQLite's query plans: an index on the workspace alone, or a scan of a whole table. The primary key of a policy is
# its workspace, and SQLite scans workspaces while there are only a few.
WALKS = re.compile(r"SCAN (?!counted|reached|sessions_core_workspace)\w+|(?<!policy_1 )\(workspace_id=\?\)")


@pytest.fixture
def session(workspace, elsewhere, home) -> ClientSession:
    """Return a session that reaches three of 1,003 devices; 500 belong to another workspace."""
    for of in (workspace, elsewhere):
        # PostgreSQL chooses a plan by the average account; where it has a large part of the table, a scan is right.
        others = ConnectedAccount.objects.bulk_create(
            ConnectedAccount(workspace=of, display_name=f"others {n}") for n in range(100)
        )
        Device.objects.bulk_create(
            Device(workspace=of, connected_account=others[n % 100], name=f"device {n}") for n in range(500)
        )
        Customer.objects.bulk_create(Customer(workspace=of, key=f"customer {n}") for n in range(500))
    wanted = {"connected_account": [home.a1], "customer": ["acme"]}
    return ClientSession.objects.start(workspace, actor="test", user_identifier_key="u1", wanted=wanted)


def plans(caller: Caller, path: str, query: str = "") -> Iterator[str]:
    """Yield the query plan of each query of a call."""
    with CaptureQueriesContext(connection) as captured:
        assert caller.get(path, query).status_code == 200
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        for sql in (query["sql"] for query in captured if query["sql"].startswith("SELECT")):
            cursor.execute(f"{explain} {sql}")
            yield "\n".join(str(row[-1]) for row in cursor.fetchall())


def grow_lopsided(workspace: Workspace) -> None:
    """Give most rows to one account and customer of another workspace, which distorts the statistics."""
    customers = Customer.objects.bulk_create(Customer(workspace=workspace, key=f"lopsided {n}") for n in range(300))
    accounts = ConnectedAccount.objects.bulk_create(
        ConnectedAccount(workspace=workspace, display_name=f"{n}", customer=customers[0]) for n in range(300)
    )
    ConnectWebview.objects.bulk_create(ConnectWebview(workspace=workspace) for _ in range(300))
    devices = Device.objects.bulk_create(
        Device(workspace=workspace, connected_account=accounts[0], name=f"{n}") for n in range(1000)
    )
    if connection.vendor == "sqlite":  # PostgreSQL scans the devices where an average person has many of them
        UserIdentity.objects.create(workspace=workspace, key="lopsided").devices.add(*devices[:300])
    for device in devices[:20]:
        ClientSession.objects.start(workspace, actor="test", wanted={"device": [str(device.pk)]})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


OWN = ["client_sessions/get", "devices/list", "connected_accounts/list"]


@on_sqlite
@pytest.mark.parametrize("path", OWN)
def test_a_session_reads_its_own_rows_by_index(session, path):
    for plan in plans(bearer(session.token), path):
        assert not WALKS.search(plan), plan


@on_sqlite
@pytest.mark.parametrize("path", OWN)
def test_statistics_of_lopsided_tables_change_no_plan(session, elsewhere, path):
    grow_lopsided(elsewhere)
    for plan in plans(bearer(session.token), path):
        assert not WALKS.search(plan), plan


@on_postgresql
@pytest.mark.parametrize("path", OWN)
def test_a_session_of_a_small_tenant_never_reads_a_large_table_whole(session, elsewhere, path):
    grow_lopsided(elsewhere)
    with connection.cursor() as cursor:
        # The usual setting for SSDs. With the default, made for disks, a scan of these few rows costs about the same.
        cursor.execute("SET LOCAL random_page_cost = 1.1")
    for plan in plans(bearer(session.token), path):
        assert not re.search(f"Seq Scan on ({Device._meta.db_table}|{Customer._meta.db_table})\\b", plan), plan


@on_postgresql
@pytest.mark.parametrize("path", OWN)
def test_a_session_never_reads_a_large_table_whole(session, path):
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        # What a table of a few thousand rows is worth to the planner varies; a scan that is left has no index.
        cursor.execute("SET LOCAL enable_seqscan = off")
    for plan in plans(bearer(session.token), path):
        assert not re.search(f"Seq Scan on ({Device._meta.db_table}|{Customer._meta.db_table})\\b", plan), plan


@on_sqlite
@pytest.mark.parametrize("path", ["devices/list", "connected_accounts/list"])
def test_a_backend_that_asks_for_one_user_reads_that_users_rows_by_index(backend, session, path):
    for plan in plans(backend, path, "?user_identifier_key=u1"):
        assert "page (workspace_id=?)" not in plan, plan


def test_every_device_is_counted_once_by_whichever_ways_it_is_reached(workspace, home):
    wanted = {"connected_account": [home.a1, home.a2], "customer": ["acme"], "device": [home.d1]}
    session = ClientSession.objects.start(workspace, actor="test", wanted=wanted)
    found = bearer(session.token).get("client_sessions/get").json()["client_session"]
    assert found["device_count"] == 3
