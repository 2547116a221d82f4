"""The cost of a console list does not grow with the table."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import Model
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from client_sessions.devices.models import Customer
from client_sessions.models import ClientSession
from sessions_core.changelists import MOST_COUNTED, BoundedAdmin
from sessions_core.models import ApiKey, Event, Workspace
from sessions_core.models.dashboards import Dashboard
from user_sessions.console.session_search import MOST_FOUND
from user_sessions.models import UserSession

pytestmark = pytest.mark.usefixtures("unseen_operators")

APPS = ("sessions_core", "client_sessions", "client_sessions_devices", "user_sessions")
EVENTS = "/admin/sessions_core/event/"


def ours() -> list[Any]:
    lists = [of for model, of in admin.site._registry.items() if model._meta.app_label in APPS]
    return [of for of in lists if of.model is not Dashboard]  # its rows are on no page


def page_of(model_admin: Any) -> str:
    return f"/admin/{model_admin.opts.app_label}/{model_admin.opts.model_name}/"


@pytest.fixture
def rows(workspace: Workspace, elsewhere: Workspace) -> None:
    user = get_user_model().objects.create_user("u1")
    UserSession.objects.start(workspace, user, actor="test", at=timezone.now())
    ClientSession.objects.start(workspace, actor="test", user_identifier_key="u1")
    ApiKey.objects.issue(workspace, name="key u1", actor="test")
    Customer.objects.create(workspace=elsewhere, key="u1")


def seed(workspace: Workspace, many: int) -> None:
    now = timezone.now()
    kinds = [
        ("client_session.created", "test"),
        ("user_session.revoked", "operator:1"),
        ("api_key.issued", "operator:2"),
    ]
    Event.objects.bulk_create(
        Event(workspace=workspace, type=type, actor=actor, subject=f"sess_{n}", created_at=now + timedelta(seconds=n))
        for n in range(many)
        for type, actor in [kinds[n % 3]]
    )


@pytest.fixture
def operator(db: None) -> Client:
    user = get_user_model().objects.create_superuser("root")
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture(params=["superuser", "view-only staff"])
def console(db: None, request: pytest.FixtureRequest) -> Client:
    is_superuser = request.param == "superuser"
    user = get_user_model().objects.create_user("someone", is_staff=True, is_superuser=is_superuser)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(user)
    return client


def listed(model_admin: Any, query: str) -> Any:
    """Return the changelist of the page without rendering it."""
    request = RequestFactory().get(page_of(model_admin) + query)
    request.user = get_user_model()(is_staff=True, is_superuser=True, is_active=True)
    return model_admin.get_changelist_instance(request)


def visits(model_admin: Any) -> set[str]:
    """Return the queries of a list: plain, sorted, and with each choice of each filter."""
    page = listed(model_admin, "")
    filters = [choice["query_string"] for spec in page.filter_specs for choice in spec.choices(page)]
    return {"?", "?o=1", "?o=-3.2", "?all=", "?_facets=True", *filters}


def queries(ask: Callable[[], Any]) -> list[str]:
    with CaptureQueriesContext(connection) as seen:
        ask()
    return [query["sql"] for query in seen]


def plan_of(sql: str, *switches: str) -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"))
        else:
            for switch in switches:
                cursor.execute(f"SET LOCAL {switch} = off")
            cursor.execute("EXPLAIN " + sql.replace("%", "%%"))
        plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
        for switch in switches if connection.vendor == "postgresql" else ():
            cursor.execute(f"SET LOCAL {switch} = on")
    return plan


def sorts(sql: str) -> bool:
    """Return True if the database must sort all rows, because no index has their order."""
    return re.search(r"(?<!Incremental )Sort  |TEMP B-TREE FOR ORDER BY", plan_of(sql, "enable_sort")) is not None


@pytest.mark.parametrize("model_admin", ours(), ids=lambda of: of.opts.label)
def test_no_list_counts_sorts_or_reads_distinct_values(model_admin, operator, rows):
    asked = [sql for query in visits(model_admin) for sql in queries(partial(listed, model_admin, query))]
    for sql in {*asked, *queries(lambda: operator.get(page_of(model_admin)))}:
        assert "DISTINCT" not in sql
        assert "COUNT(" not in sql or f"LIMIT {MOST_COUNTED + 1}" in sql
        is_list = f'FROM "{model_admin.opts.db_table}"' in sql and "LIMIT" in sql and "LIMIT 21" not in sql
        assert not (is_list and sorts(sql)), sql


# An example of each kind of id, and texts that are not ids.
TEXTS = [
    "u1",
    "3d0b1a3e-6b4c-4a4b-9d7e-0f1f4e1c2b3a",
    "2bCdEfGh",
    "sess_1",
    "client_1",
    "msg_1",
    "operator:1",
    "api_key.issued",
    "https://here.example.com",
    "192.0.2.7",
    "x" * 300,
]


@pytest.mark.parametrize("model_admin", ours(), ids=lambda of: of.opts.label)
def test_a_search_uses_an_index_or_reads_a_thousand_rows(model_admin, rows):
    for text in TEXTS:
        for sql in queries(partial(listed, model_admin, f"?{urlencode({'q': text})}")):
            if 'FROM "auth_user"' in sql and f"LIMIT {MOST_FOUND}" in sql:
                continue  # part of a name, among the newest users: test_console_sessions_list.py
            assert "DISTINCT" not in sql
            assert "LIKE" not in sql
            assert "UPPER(" not in sql
            assert "COUNT(" not in sql or f"LIMIT {MOST_COUNTED + 1}" in sql
            if "WHERE" in sql:
                plan = plan_of(sql, "enable_seqscan", "enable_bitmapscan")
                assert not re.search(r"^SCAN (?!\(|subquery|qualify)|Seq Scan on", plan, re.MULTILINE), (
                    text,
                    sql,
                    plan,
                )
            else:
                assert "LIMIT" in sql, sql


@pytest.mark.parametrize("form", ["whole", "hashed"])
def test_an_address_is_searched_by_an_index_in_each_form(form, rows, settings):
    settings.USER_SESSIONS = {**settings.USER_SESSIONS, "ADDRESS_FORM": form}
    asked = queries(partial(listed, admin.site._registry[UserSession], "?q=192.0.2.7"))
    (sql,) = (sql for sql in asked if 'FROM "user_sessions_activity"' in sql)
    assert "user_sessions_activity_" in plan_of(sql, "enable_seqscan") and not sorts(sql)


@pytest.mark.parametrize("model_admin", ours(), ids=lambda of: of.opts.label)
def test_every_search_box_has_a_help_text(model_admin):
    assert bool(model_admin.get_searched() or model_admin.names) == bool(model_admin.search_help_text)


def found_by(model: type[Model], text: str) -> list[Any]:
    return list(listed(admin.site._registry[model], f"?{urlencode({'q': text})}").result_list)


def test_names_match_partially_and_ids_exactly(workspace, elsewhere):
    assert found_by(Workspace, "LSEWH") == found_by(Workspace, str(elsewhere.pk)) == [elsewhere]
    assert found_by(Workspace, str(elsewhere.pk)[:-1]) == []


def test_a_name_that_looks_like_a_token_is_found(workspace):
    key = ApiKey.objects.issue(workspace, name="Terminal", actor="test")[0]
    assert found_by(ApiKey, "Terminal") == found_by(ApiKey, key.short) == [key]


def test_a_name_search_reads_a_thousand_rows_and_a_key_search_all(workspace):
    Customer.objects.bulk_create(
        Customer(workspace=workspace, key=f"{n:04}", name=f"name {n:04}") for n in range(MOST_COUNTED + 1)
    )
    assert [customer.key for customer in found_by(Customer, "NAME 0999")] == ["0999"]
    assert found_by(Customer, "NAME 1000") == []
    assert [customer.key for customer in found_by(Customer, "1000")] == ["1000"]


def test_client_sessions_are_found_by_their_key_and_their_token(rows):
    (session,) = ClientSession.objects.all()
    for text in ("u1", session.token_short, str(session.pk)):
        assert found_by(ClientSession, text) == [session]


def test_user_sessions_and_clients_are_found_by_the_whole_name_of_the_user(rows):
    (session,) = UserSession.objects.all()
    assert found_by(UserSession, "u1") == [session]
    assert found_by(type(session.client), "u1") == [session.client]
    assert found_by(type(session.client), "u") == []


def test_every_console_list_is_bounded():
    assert [of for of in ours() if not isinstance(of, BoundedAdmin)] == []


@pytest.mark.parametrize("query", ["", "?o=2.4", "?q=sess_7", "?q=operator:1", "?q=user_session.revoked"])
def test_no_page_of_events_scans_and_sorts_them(query, console, workspace):
    seed(workspace, 60)
    for sql in queries(lambda: console.get(EVENTS + query)):
        if 'FROM "sessions_core_event"' in sql and "COUNT(" not in sql:
            assert not sorts(sql)


@pytest.mark.parametrize(
    ("text", "found"), [("sess_7", 1), ("operator:1", 4), ("user_session.revoked", 4), ("operator", 0), ("sess", 0)]
)
def test_events_are_found_by_one_column(text, found, console, workspace):
    seed(workspace, 12)
    assert len(console.get(EVENTS, {"q": text}).context["cl"].result_list) == found


def test_a_list_over_a_thousand_rows_says_so(console, workspace):
    seed(workspace, 1050)
    assert "more than 1,000 events" in console.get(EVENTS).content.decode()


def test_a_shorter_list_shows_its_length(console, workspace):
    seed(workspace, 1000)
    assert "1000 events" in console.get(EVENTS).content.decode()


def test_the_filter_offers_at_most_a_hundred_workspaces(console):
    Workspace.objects.bulk_create(Workspace(name=f"{n:03}") for n in range(120))
    *_, by_workspace = console.get(EVENTS).context["cl"].filter_specs
    assert [name for _, name in by_workspace.lookup_choices] == [f"{n:03}" for n in range(100)]
    last = Workspace.objects.get(name="119")
    assert console.get(EVENTS, {"workspace__id__exact": str(last.pk)}).status_code == 200


def test_no_form_offers_every_row_of_another_table(operator, rows):
    for model_admin in ours():
        form = operator.get(f"{page_of(model_admin)}add/")
        assert form.status_code == 403 or b"Elsewhere" not in form.content


@pytest.mark.parametrize("key", ["jsmith42", "0e2f7a52-6a8b-4b6f-9d3c-6d2f0f6f7a11"])
def test_a_user_identifier_key_that_looks_like_an_id_is_found(workspace, key):
    session = ClientSession.objects.start(workspace, actor="test", user_identifier_key=key)
    assert found_by(ClientSession, key) == [session]
