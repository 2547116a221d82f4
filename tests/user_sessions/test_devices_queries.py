"""The page "Your devices" and its JSON: a fixed number of queries, and pages of many sessions."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from benchmarks import rows
from sessions_core.models import Workspace
from tests.user_sessions.device_pages import Device, install
from user_sessions.models import Activity, Client, UserSession
from user_sessions.models.device_rows import FIRST_PAGE, _live

# Django's session and the user session of the middleware, then the page: this session, the others, those that are over,
# and the passes.
QUERIES = 6


@pytest.fixture(autouse=True)
def project(settings: Any, workspace: Workspace, tmp_path: Any) -> None:
    install(settings, tmp_path)


@pytest.fixture
def here(db: None) -> Device:
    device = Device(User.objects.create_user("ann", password="first password"))
    device.get()
    return device


def add_sessions(device: Device, number: int) -> None:
    """Add sessions of the user, each on a client of its own: a fifth of them is over."""
    session, columns = device.session, [field.attname for field in UserSession._meta.concrete_fields]
    row = {name: getattr(session, name) for name in columns}
    ids = [f"{place:05}" for place in range(number)]
    client = {field.attname: getattr(session.client, field.attname) for field in Client._meta.concrete_fields}
    Client.objects.bulk_create(Client(**{**client, "id": f"client_{id}", "rotation": id}) for id in ids)
    of_activity = {name.attname: getattr(session.latest_activity, name.attname) for name in Activity._meta.fields}
    sessions = [
        UserSession(
            **row
            | {
                "id": f"sess_{id}",
                "client_id": f"client_{id}",
                "created_at": session.created_at - timedelta(minutes=int(id) // 2),  # pairs begin at once
                "latest_activity_id": f"act_{id}",
            }
        )
        for id in ids
    ]
    UserSession.objects.bulk_create(sessions)
    Activity.objects.bulk_create(
        Activity(**{**of_activity, "id": f"act_{id}", "session_id": f"sess_{id}"}) for id in ids
    )
    over = UserSession.objects.filter(pk__in=[f"sess_{id}" for id in ids if int(id) % 5 == 4])
    over.revoke(actor="test")


def queries_of(device: Device, path: str, *, json: bool) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        (device.json if json else device.get)(path)
    return [each["sql"] for each in queries.captured_queries]


@pytest.mark.parametrize("json", [False, True])
@pytest.mark.parametrize("number", [0, 20, 1000])
def test_the_number_of_queries_is_fixed_and_none_writes(here, number, json):
    add_sessions(here, number)
    queries = queries_of(here, "", json=json)
    assert len(queries) == QUERIES, queries
    assert [sql for sql in queries if not sql.startswith("SELECT")] == []


def test_pages_list_every_live_session_once(here):
    add_sessions(here, 130)
    first, seen, path = here.json(), [], ""
    while path is not None:
        page = here.json(path)
        seen += [each["id"] for each in page["sessions"]]
        path = page["next"] and page["next"].removeprefix("/devices/")
    live = UserSession.objects.live().order_by("-created_at", "-id").values_list("pk", flat=True)
    assert len(first["sessions"]) == 51
    assert seen == [here.session.pk, *(pk for pk in live if pk != here.session.pk)]


def test_the_next_page_has_a_link_and_no_current_device(here):
    add_sessions(here, 130)
    link = here.json()["next"]
    assert f'href="{link}"' in here.text()
    second = here.text(link.removeprefix("/devices/"))
    assert '<strong class="mark">This device' not in second
    assert len(queries_of(here, link.removeprefix("/devices/"), json=False)) == QUERIES - 1


@pytest.mark.parametrize("before", ["", "x", "-1.a", "9" * 16 + ".x", "9" * 40 + ".x", "1.", "\0", "١.x"])
def test_an_invalid_position_is_no_error(here, before):
    assert here.client.get("/devices/", {"before": before}).status_code == 200


def test_a_page_is_read_from_the_index_of_the_user(here, workspace):
    rows.user_sessions(workspace, rows.users("another", 50), 1000)  # with a few rows any index is as good
    created_at, id = FIRST_PAGE
    values = {"user": here.session.user_id, "workspace": workspace.pk, "own": "x", "before": created_at}
    with CaptureQueriesContext(connection) as queries:
        _live().rows(**values, before_id=id, most=51, at=timezone.now())
    sql = queries.captured_queries[0]["sql"]
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"{explain} {sql}")
        plan = str(cursor.fetchall())
    assert "user_sessions_page_of_user" in plan
    assert "TEMP B-TREE FOR ORDER BY" not in plan
