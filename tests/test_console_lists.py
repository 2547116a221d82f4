"""What a list of the console costs does not grow with the table."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from client_sessions.devices.models import Customer
from client_sessions.models import ClientSession
from sessions_core.changelists import MOST_COUNTED, BoundedAdmin
from sessions_core.models import ApiKey, Event, Workspace
from user_sessions.models import UserSession

APPS = ("sessions_core", "client_sessions", "client_sessions_devices", "user_sessions")
EVENTS = "/admin/sessions_core/event/"


def ours() -> list[Any]:
    return [of for model, of in admin.site._registry.items() if model._meta.app_label in APPS]


def page_of(model_admin: Any) -> str:
    return f"/admin/{model_admin.opts.app_label}/{model_admin.opts.model_name}/"


@pytest.fixture
def rows(workspace: Workspace, elsewhere: Workspace) -> None:
    now = timezone.now()
    for number in range(3):
        user = get_user_model().objects.create_user(f"u{number}")
        UserSession.objects.start(workspace, user, by="test", at=now)
        ClientSession.objects.start(workspace, by="test", user_identifier_key=f"u{number}")
        ApiKey.objects.issue(workspace, name=f"key {number}", by="test")
        Customer.objects.create(workspace=elsewhere, key=f"u{number}")


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
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


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


def visits(console: Client, page: str) -> Iterator[str]:
    """The queries of a list: bare, sorted, its second page, each choice of each filter."""
    shown = console.get(page)
    filters = [
        choice["query_string"]
        for spec in shown.context["cl"].filter_specs
        for choice in spec.choices(shown.context["cl"])
    ]
    yield from {"?", "?o=1", "?o=-3.2", "?p=2", "?all=", "?_facets=True", *filters}


def queries(console: Client, url: str) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert console.get(url, follow=True).status_code == 200
    return [query["sql"] for query in seen]


def sorts(sql: str) -> bool:
    """Whether a database must sort all the rows, there being no index with their order."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET enable_sort = off")
            cursor.execute("EXPLAIN " + sql.replace("%", "%%"))
            plan = "\n".join(line for (line,) in cursor.fetchall())
            cursor.execute("SET enable_sort = on")
            return re.search(r"(?<!Incremental )Sort  ", plan) is not None
        cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"))
        return any("USE TEMP B-TREE FOR ORDER BY" in row[-1] for row in cursor.fetchall())


@pytest.mark.parametrize("model_admin", ours(), ids=lambda of: of.opts.label)
def test_no_list_counts_sorts_or_reads_distinct_values(model_admin, operator, rows):
    for query in visits(operator, page_of(model_admin)):
        for sql in queries(operator, page_of(model_admin) + query):
            assert "DISTINCT" not in sql
            assert "COUNT(" not in sql or f"LIMIT {MOST_COUNTED + 1}" in sql
            listed = f'FROM "{model_admin.opts.db_table}"' in sql and "LIMIT" in sql and "LIMIT 21" not in sql
            assert not (listed and sorts(sql)), (query, sql)


@pytest.mark.parametrize("model_admin", ours(), ids=lambda of: of.opts.label)
def test_a_search_counts_no_more_than_it_shows(model_admin, console, rows):
    for text in ("u1", "sess_1", "msg_1", "operator:1", "api_key.issued", "x" * 300):
        for sql in queries(console, f"{page_of(model_admin)}?q={text}"):
            assert "DISTINCT" not in sql
            assert "COUNT(" not in sql or f"LIMIT {MOST_COUNTED + 1}" in sql


def test_every_list_of_ours_is_bounded():
    assert [of for of in ours() if not isinstance(of, BoundedAdmin)] == []


@pytest.mark.parametrize("query", ["", "?o=2.4", "?q=sess_7", "?q=operator:1", "?q=user_session.revoked"])
def test_no_page_of_events_scans_and_sorts_them(query, console, workspace):
    seed(workspace, 4000)
    for sql in queries(console, EVENTS + query):
        if 'FROM "sessions_core_event"' in sql and "COUNT(" not in sql:
            assert not sorts(sql)


@pytest.mark.parametrize(
    ("text", "found"), [("sess_7", 1), ("operator:1", 4), ("user_session.revoked", 4), ("operator", 0), ("sess", 0)]
)
def test_events_are_found_by_one_column(text, found, console, workspace):
    seed(workspace, 12)
    assert len(console.get(EVENTS, {"q": text}).context["cl"].result_list) == found


def test_a_longer_list_says_so_and_pages_through_a_thousand(console, workspace):
    seed(workspace, 1050)
    first, last = console.get(EVENTS), console.get(EVENTS, {"p": "20"})
    assert "more than 1,000 events" in first.content.decode()
    assert list(last.context["cl"].result_list)[-1].subject == "sess_50"
    assert "?e=1" in console.get(EVENTS, {"p": "21"})["Location"]


def test_a_shorter_list_says_how_long_it_is(console, workspace):
    seed(workspace, 1000)
    assert "1000 events" in console.get(EVENTS).content.decode()


def test_the_filter_offers_a_hundred_workspaces(console):
    Workspace.objects.bulk_create(Workspace(name=f"{n:03}") for n in range(120))
    (by_workspace,) = console.get(EVENTS).context["cl"].filter_specs
    assert [name for _, name in by_workspace.lookup_choices] == [f"{n:03}" for n in range(100)]
    last = Workspace.objects.get(name="119")
    assert console.get(EVENTS, {"workspace__id__exact": str(last.pk)}).status_code == 200


def test_no_form_offers_every_row_of_another_table(operator, rows):
    for model_admin in ours():
        form = operator.get(f"{page_of(model_admin)}add/")
        assert form.status_code == 403 or b"Elsewhere" not in form.content
