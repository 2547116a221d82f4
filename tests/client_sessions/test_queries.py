"""Hot paths have a fixed number of queries, for any number of rows."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from client_sessions.devices.models import ConnectedAccount, Device
from client_sessions.models import ClientSession, Grant
from client_sessions.models.querysets import TOKEN
from sessions_core.crypto import tokens
from sessions_core.models import AllowedOrigin
from tests.callers import Caller, bearer
from tests.client_sessions.conftest import devices_seen
from tests.statements import inserts


@pytest.fixture(params=[1, 30])
def crowd(request, workspace, home) -> list[ClientSession]:
    """Return this many sessions, each with several granted accounts and their devices."""
    accounts = [
        ConnectedAccount.objects.create(workspace=workspace, display_name=f"more {n}") for n in range(request.param)
    ]
    Device.objects.bulk_create(
        Device(workspace=workspace, connected_account=account, name=f"more {n}")
        for account in accounts
        for n in range(3)
    )
    wanted = {"connected_account": [str(account.pk) for account in accounts], "connect_webview": [home.webview]}
    return [ClientSession.objects.start(workspace, actor="test", wanted=wanted) for _ in range(request.param)]


def test_checking_a_token_is_one_query(crowd, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert bearer(crowd[0].token).get("workspaces/get").status_code == 200


def test_listing_devices_with_a_token_is_two_queries(crowd, django_assert_num_queries):
    caller = bearer(crowd[0].token)
    with django_assert_num_queries(2):
        assert len(devices_seen(caller)) == 3 * len(crowd) + 1


def test_a_list_without_parameters_is_the_same_as_with_the_largest_limit(crowd):
    caller = bearer(crowd[0].token)
    for path in ("devices/list", "connected_accounts/list", "connect_webviews/list"):
        assert caller.get(path).json() == caller.get(f"{path}?limit=500").json()


def test_listing_sessions_is_three_queries(backend, crowd, django_assert_num_queries):
    with django_assert_num_queries(3):
        sessions = backend.get("client_sessions/list").json()["client_sessions"]
    assert [session["device_count"] for session in sessions] == [3 * len(crowd) + 1] * len(crowd)


def test_listing_five_hundred_sessions_is_three_queries(backend, workspace, home, django_assert_num_queries):
    now = timezone.now()
    sessions = ClientSession.objects.bulk_create(
        ClientSession(
            workspace=workspace,
            token_short=TOKEN.new_short(),
            token_key=tokens.newest_key_id(),
            created_at=now,
            expires_at=now + timedelta(days=1),
        )
        for _ in range(500)
    )
    account = home.a1.replace("-", "")
    Grant.objects.bulk_create(
        Grant(client_session=session, resource_type="connected_account", resource_id=account, created_at=now)
        for session in sessions
    )
    with django_assert_num_queries(3):
        listed = backend.get("client_sessions/list").json()["client_sessions"]
    assert [session["device_count"] for session in listed] == [2] * 500


def test_reading_the_own_session_is_two_queries(crowd, django_assert_num_queries):
    caller = bearer(crowd[0].token)
    with django_assert_num_queries(2):
        session = caller.get("client_sessions/get").json()["client_session"]
    assert session["device_count"] == 3 * len(crowd) + 1
    assert len(session["connected_account_ids"]) == len(crowd)


def test_reading_a_session_by_id_is_two_queries(backend, crowd, django_assert_num_queries):
    with django_assert_num_queries(2):
        assert backend.get(f"client_sessions/get?client_session_id={crowd[0].pk}").status_code == 200


def test_reading_a_session_by_key_is_three_queries(backend, home, workspace, django_assert_num_queries):
    account = {"connected_account": [home.a1]}
    ClientSession.objects.start(workspace, actor="test", user_identifier_key="ann", wanted=account)
    with django_assert_num_queries(3):
        assert backend.get("client_sessions/get?user_identifier_key=ann").status_code == 200


@pytest.mark.parametrize("path", ["devices/list", "devices/get?name=more 0", "client_sessions/get"])
def test_a_read_that_needs_only_the_id_of_the_workspace_joins_none(crowd, path, django_assert_num_queries):
    with django_assert_num_queries(2) as captured:
        assert bearer(crowd[0].token).get(path).status_code == 200
    assert not any('"sessions_core_workspace"' in query["sql"] for query in captured.captured_queries)


def test_a_list_for_a_page_of_another_origin_reads_the_workspace_with_the_token(crowd, django_assert_num_queries):
    AllowedOrigin.objects.create(workspace=crowd[0].workspace, origin="https://app.example")
    page = Caller(authorization=f"Bearer {crowd[0].token}", origin="https://app.example")
    with django_assert_num_queries(3):
        assert page.get("devices/list").headers["Access-Control-Allow-Origin"] == "https://app.example"


def test_a_read_session_is_the_same_as_in_the_list(backend, crowd):
    listed = backend.get("client_sessions/list").json()["client_sessions"]
    for session in listed:
        found = backend.get(f"client_sessions/get?client_session_id={session['client_session_id']}")
        assert found.json()["client_session"] == session


@pytest.mark.parametrize("path", ["workspaces/get", "client_sessions/get", "devices/list", "connected_accounts/list"])
def test_a_hot_path_compiles_nothing_after_the_first_request(crowd, compilations, path):
    caller = bearer(crowd[0].token)
    caller.get(path)
    compilations.clear()
    assert caller.get(path).status_code == 200 and not compilations


def test_a_read_by_a_page_of_another_origin_compiles_nothing_after_the_first_request(crowd, compilations):
    AllowedOrigin.objects.create(workspace=crowd[0].workspace, origin="https://app.example")
    page = Caller(authorization=f"Bearer {crowd[0].token}", origin="https://app.example")
    page.get("devices/list")
    compilations.clear()
    assert page.get("devices/list").status_code == 200 and not compilations


@pytest.fixture(params=["client_sessions/create", "client_sessions/get_or_create", "client_sessions/revoke"])
def write(request, backend, crowd) -> Callable[[int], Any]:
    """Return a function that sends the n-th request of a kind: a new session, an existing one, or one to revoke."""
    bodies = {
        "client_sessions/create": lambda _: {},
        "client_sessions/get_or_create": lambda _: {"user_identifier_key": "ann"},
        "client_sessions/revoke": lambda n: {"client_session_id": str(spare[n].pk)},
    }
    spare = [ClientSession.objects.start(crowd[0].workspace, actor="test") for _ in range(2)]
    account = str(ConnectedAccount.objects.filter(workspace=crowd[0].workspace)[0].pk)
    grant = {} if request.param.endswith("revoke") else {"connected_account_ids": [account]}
    backend.post("client_sessions/get_or_create", user_identifier_key="ann", connected_account_ids=[account])
    return lambda n: backend.post(request.param, **bodies[request.param](n), **grant)


QUERIES = {"client_sessions/create": 3 + inserts(3), "client_sessions/get_or_create": 4, "client_sessions/revoke": 3}


def test_a_write_has_a_fixed_number_of_queries_and_compiles_nothing_again(write, compilations, request):
    write(0)
    compilations.clear()
    with CaptureQueriesContext(connection) as queries:
        assert write(1).status_code == 200
    made = [each for each in queries.captured_queries if not each["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert len(made) == QUERIES[request.node.callspec.params["write"]]
    assert not compilations


@pytest.mark.parametrize("number", [2, 3])
def test_granting_several_resources_compiles_nothing_again(backend, home, compilations, number):
    wanted = {"device_ids": [home.d1, home.d2, home.d3][:number]}
    first = backend.post("client_sessions/create", **wanted).json()["client_session"]
    compilations.clear()
    assert backend.post("client_sessions/create", **wanted).status_code == 200 and not compilations
    assert first["device_count"] == number


def test_one_unknown_id_among_several_is_not_found(backend, home):
    refused = backend.post("client_sessions/create", device_ids=[home.d1, home.d2, str(uuid4())])
    assert (refused.status_code, refused.error) == (404, "device_not_found")


def test_get_or_create_without_grants_is_two_queries(backend, django_assert_num_queries):
    backend.post("client_sessions/get_or_create", user_identifier_key="ann")
    with django_assert_num_queries(2):
        assert backend.post("client_sessions/get_or_create", user_identifier_key="ann").status_code == 200


def test_get_or_create_that_changes_nothing_only_reads(backend, home, workspace):
    body = {"user_identifier_key": "ann", "connected_account_ids": [home.a2, home.a1], "connect_webview_ids": []}
    first = backend.post("client_sessions/get_or_create", **body).json()
    with CaptureQueriesContext(connection) as queries:
        assert backend.post("client_sessions/get_or_create", **body).json() == first
    assert all(query["sql"].startswith("SELECT") for query in queries.captured_queries)


def test_changing_grants_of_many_types_has_a_fixed_number_of_queries(backend, home):
    backend.post("client_sessions/create", user_identifier_key="ann")
    numbers = []
    for more in ({"device_ids": [home.d3]}, {"connect_webview_ids": [home.webview], "user_identity_id": home.identity}):
        with CaptureQueriesContext(connection) as queries:
            backend.post("client_sessions/grant_access", user_identifier_key="ann", **more)
        made = [each["sql"] for each in queries.captured_queries]
        updates, inserted = (sum(len(re.findall(verb, sql)) for sql in made) for verb in ("^UPDATE ", "INSERT INTO "))
        numbers.append([updates, inserted])
    assert numbers == [[1, 2], [1, 2]]


def test_a_written_session_is_answered_as_it_is_read(backend, home):
    grants = {"connected_account_ids": [home.a1], "user_identity_id": home.identity, "actions": ["read"]}
    for path in ("create", "get_or_create", "grant_access"):
        answer = backend.post(f"client_sessions/{path}", user_identifier_key="ann", **grants)
        session = answer.json()["client_session"]
        found = backend.get(f"client_sessions/get?client_session_id={session['client_session_id']}")
        assert found.json()["client_session"] == session
        grants["connect_webview_ids"] = [home.webview]


@pytest.mark.parametrize("path", ["devices/list", "devices/get?name=d1", "connected_accounts/list", "workspaces/get"])
def test_reading_never_writes(crowd, django_assert_max_num_queries, path):
    with django_assert_max_num_queries(2) as captured:
        bearer(crowd[0].token).get(path)
    assert all(query["sql"].startswith("SELECT") for query in captured.captured_queries)


def test_a_forged_token_costs_no_query(db, django_assert_num_queries):
    forged = "seam_cst1abcdefgh_" + tokens.random_text(24)
    with django_assert_num_queries(0):
        assert bearer(forged).get("devices/list").status_code == 401


def test_a_token_of_a_deleted_session_costs_one_query(db, django_assert_num_queries):
    gone = TOKEN.token("abcdefgh", tokens.newest_key_id())
    with django_assert_num_queries(1):
        assert bearer(gone).get("devices/list").status_code == 401


@pytest.mark.parametrize(
    ("path", "body", "status", "number"),
    [
        ("revoke", {"client_session_id": str(uuid4())}, 404, 3),
        ("create", {"connected_account_ids": [str(uuid4()) for _ in range(10_000)]}, 404, 2),
        ("create", {"connected_account_ids": ["x"] * 10_001}, 400, 1),
        ("get_or_create", {"user_identifier_key": "x" * 1024 * 1024}, 413, 1),
    ],
    ids=["an unknown session", "10,000 unknown ids", "10,001 ids", "the largest body"],
)
def test_a_refused_request_needs_no_more_queries_than_a_good_one(backend, path, body, status, number):
    with CaptureQueriesContext(connection) as queries:
        assert backend.post(f"client_sessions/{path}", **body).status_code == status
    made = [each["sql"].split()[0] for each in queries.captured_queries]
    assert len([verb for verb in made if verb not in ("SAVEPOINT", "RELEASE", "ROLLBACK")]) == number


def test_an_unknown_key_costs_one_query(db, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert bearer(tokens.new_api_key(sandbox=False)).get("client_sessions/get").status_code == 401


def test_an_anonymous_request_costs_no_query(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert Caller().get("devices/list").status_code == 401
