"""A console list pages by key, and says when a filter of its address is not applied."""

import json
from datetime import timedelta
from urllib.parse import parse_qs, quote

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from client_sessions.devices.models import ConnectedAccount, Device
from sessions_core.changelists import BoundedAdmin
from sessions_core.console.keysets import Keyset
from sessions_core.models import Event
from user_sessions.models import UserSession

pytestmark = pytest.mark.usefixtures("unseen_operators")

EVENTS = "/admin/sessions_core/event/"
DEVICES = "/admin/client_sessions_devices/device/"
NOTICE = "The address has an unknown or invalid filter. This list is not filtered."


@pytest.fixture
def console(db: None) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


def seed(workspace, many: int) -> None:
    now = timezone.now()
    Event.objects.bulk_create(
        Event(workspace=workspace, type="test.done", actor="test", subject=f"n{n}", created_at=now) for n in range(many)
    )


def pages(console, address: str) -> list[list]:
    """Return the rows of each page, followed by its links."""
    found, query = [], ""
    while query is not None:
        cl = console.get(address + query).context["cl"]
        found.append(cl.result_list)
        query = cl.next_url
    return found


def test_pages_by_key_have_every_row_once(console, workspace):
    seed(workspace, 120)
    rows = pages(console, EVENTS)
    assert [len(page) for page in rows] == [50, 50, 20]
    assert [row.subject for page in rows for row in page] == [f"n{n}" for n in reversed(range(120))]


def test_rows_of_equal_times_in_two_workspaces_keep_their_order(console, workspace, elsewhere):
    now = timezone.now()
    for owner in (workspace, elsewhere):
        account = ConnectedAccount.objects.create(workspace=owner)
        Device.objects.bulk_create(
            Device(workspace=owner, connected_account=account, name=f"{n}", created_at=now - timedelta(seconds=n % 3))
            for n in range(60)
        )
    found = [row for page in pages(console, DEVICES) for row in page]
    in_order = admin.site._registry[Device].get_queryset(None).order_by("-workspace_id", "-created_at", "-id")
    assert found == list(in_order)


def test_a_row_that_arrives_meanwhile_moves_no_other(console, workspace):
    seed(workspace, 60)
    following = console.get(EVENTS).context["cl"].next_url
    seed(workspace, 7)
    assert console.get(EVENTS + following).context["cl"].result_list[0].subject == "n9"


def test_a_deep_page_costs_what_the_first_costs(console, workspace):
    seed(workspace, 400)
    counts = []
    deep = Event.objects.order_by("pk")[60]
    for query in ("", "?after=" + quote(json.dumps([deep.created_at.isoformat(), deep.pk]))):
        console.get(EVENTS + query)
        with CaptureQueriesContext(connection) as queries:
            console.get(EVENTS + query)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_filters_and_search_stay_on_the_next_page_and_begin_at_the_first(console, workspace):
    seed(workspace, 60)
    address = f"?workspace__id__exact={workspace.pk}"
    cl = console.get(EVENTS + address).context["cl"]
    assert parse_qs(cl.next_url[1:])["workspace__id__exact"] == [str(workspace.pk)]
    after = console.get(EVENTS + cl.next_url).context["cl"]
    assert "after=" not in after.get_query_string({"q": "x"})
    assert after.first_url == address


@pytest.mark.parametrize(
    "position",
    [
        *("x", "[]", "[1]", "[1,2]", "{}", "null", "[null,1]", '["x",1]', "[1e999,1]", "[" * 5000, '["\\u0000",1]'),
        *("[[1],1]", '["2026-01-01",1]', '["2026-01-01T00:00:00",1]', '["2026-01-01T00:00:00Z","x"]'),
    ],
)
def test_a_position_that_makes_no_sense_is_the_first_page_with_a_notice(console, position, workspace):
    answer = console.get(EVENTS + "?after=" + quote(position))
    assert answer["Location"].endswith("?e=1")
    assert NOTICE in console.get(EVENTS + "?e=1").content.decode()


@pytest.mark.parametrize("position", ['["2026-01-01T00:00:00Z",99999999999999999999]', '["0001-01-01T00:00:00Z",-1]'])
def test_a_position_beyond_all_rows_is_no_server_error(console, position, workspace):
    assert console.get(EVENTS + "?after=" + quote(position)).status_code < 500


@pytest.mark.parametrize(("query", "offers"), [("", False), ("?q=n1", True), ("?type=test.done", True)])
def test_only_a_filtered_list_offers_to_show_all(console, workspace, query, offers):
    seed(workspace, 3)
    assert (">Show all</a>" in console.get(EVENTS + query).content.decode()) is offers


def test_an_invalid_filter_is_a_notice(console, workspace):
    answer = console.get(EVENTS + "?id__lt=x", follow=True)
    assert NOTICE in answer.content.decode()


def test_every_list_is_ordered_by_columns_that_are_never_null():
    for page in admin.site._registry.values():
        if isinstance(page, BoundedAdmin):
            rows = page.model._default_manager.order_by(*(page.ordering or page.opts.ordering))
            for name, _ in Keyset.of(rows).columns:
                try:
                    assert not page.opts.get_field(name).null, page
                except FieldDoesNotExist:
                    assert name == "pk"


def test_a_list_counts_keys_and_no_annotations(console, workspace):
    UserSession.objects.start(workspace, get_user_model().objects.get(), actor="test")
    with CaptureQueriesContext(connection) as queries:
        console.get("/admin/user_sessions/usersession/")
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
    assert counts and not any("EXISTS" in sql for sql in counts)
