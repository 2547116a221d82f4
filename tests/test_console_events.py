"""The console's events: filters that an index serves, and downloads that name their filter."""

import csv
import io
import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sessions_core.console import exports
from sessions_core.console.exports import neutralised
from sessions_core.models import Event
from tests.test_console_lists import plan_of, sorts
from user_sessions.models import Epoch

pytestmark = pytest.mark.usefixtures("unseen_operators")

EVENTS = "/admin/sessions_core/event/"


@pytest.fixture
def root(db) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


def record(workspace, **more) -> Event:
    facts = {"subject": "sess_1", "actor": "operator:1", "workspace_id": workspace.pk, "at": timezone.now(), **more}
    return Event.objects.record(facts.pop("type", "user_session.revoked"), **facts)


def found(root, **query) -> list[Event]:
    return list(root.get(EVENTS, query).context["cl"].result_list)


def download(root, format: str, **query) -> str:
    response = root.post(f"{EVENTS}export/{format}/?{urlencode(query)}")
    assert response.status_code == 200
    return b"".join(response.streaming_content).decode()


def test_filters_take_whole_values_of_each_column_and_a_time(root, workspace):
    old = record(workspace, at=timezone.now() - timedelta(days=3), reason="lost")
    new = record(workspace, subject="sess_2", actor="api_key:x", type="user_session.created")
    assert found(root) == [new, old]
    assert found(root, subject="sess_1") == found(root, actor="operator:1") == [old]
    assert found(root, type="user_session.created") == found(root, created="24h") == [new]
    assert found(root, subject="sess_1", actor="api_key:x") == []
    assert "lost" in root.get(EVENTS).content.decode()


@pytest.mark.parametrize("query", ["subject=a", "actor=a", "type=a", "created=24h", "created=7d&type=a", ""])
def test_each_filter_reads_an_index_and_sorts_nothing(root, workspace, query):
    for n in range(30):
        record(workspace, subject=f"s{n}")
    with CaptureQueriesContext(connection) as queries:
        root.get(f"{EVENTS}?{query}")
    asked = [query["sql"] for query in queries if 'FROM "sessions_core_event"' in query["sql"]]
    assert asked
    for sql in asked:
        assert "COUNT(" in sql or not sorts(sql)
        assert "SCAN sessions_core_event\n" not in plan_of(sql) + "\n" or "WHERE" not in sql


def test_the_number_of_queries_is_fixed(root, workspace):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            root.get(EVENTS)
        return len(queries)

    record(workspace)
    root.get(EVENTS)
    one = count()
    for _ in range(20):
        record(workspace)
    assert count() == one <= 8


@pytest.mark.parametrize("value", ["\x00", "x" * 500, "'", "💥"])
def test_no_value_is_a_server_error(root, workspace, value):
    for name in ("subject", "actor", "type", "created", "created__from"):
        assert root.get(EVENTS, {name: value}).status_code in (200, 302, 400)


class TestDownload:
    def test_csv_has_the_filter_the_operator_and_the_rows_of_the_filter(self, root, workspace):
        event = record(workspace, reason="lost")
        record(workspace, subject="sess_2")
        rows = list(csv.reader(io.StringIO(download(root, "csv", subject="sess_1"))))
        about = json.loads(rows[0][0].removeprefix("# "))
        operator = get_user_model().objects.get()
        assert about["filter"] == {"subject": "sess_1"} and about["by"] == f"operator:{operator.pk}" and about["at"]
        assert rows[1][:6] == ["id", "created_at", "workspace", "type", "subject", "actor"]
        assert [row[0] for row in rows[2:-1]] == [str(event.pk)]
        assert rows[2][6] == "lost"

    def test_json_lines_begin_with_the_filter(self, root, workspace):
        record(workspace, reason="=1+1")
        about, row, signature = map(json.loads, download(root, "jsonl", type="user_session.revoked").splitlines())
        assert about["export"]["filter"] == {"type": "user_session.revoked"}
        assert row["data"] == {"reason": "=1+1"}
        assert signature["signature"].startswith("hmac-sha256 ")

    def test_it_has_every_row_once_in_batches(self, root, workspace, monkeypatch):
        monkeypatch.setattr(exports, "BATCH", 7)
        events = [record(workspace, subject=f"s{n}", at=timezone.now().replace(microsecond=0)) for n in range(30)]
        rows = [json.loads(line)["id"] for line in download(root, "jsonl").splitlines()[1:-1]]
        assert rows == [event.pk for event in reversed(events)]

    def test_it_is_streamed(self, root, workspace):
        record(workspace)
        response = root.post(f"{EVENTS}export/csv/")
        assert response.streaming and "no-store" in response["Cache-Control"]
        assert "attachment" in response["Content-Disposition"]

    @pytest.mark.parametrize(
        "text",
        [
            "=cmd|' /C calc'!A0",
            "+1",
            "-1",
            "@x",
            "\t=1",
            "  =1",
            "\r=1",
            "＝1",
            "\xa0=1",
            "\ufeff=1",
            "\u3000+1",
            ";=1",
            ", ;@x",
        ],
    )
    def test_no_spreadsheet_takes_a_text_for_a_formula(self, root, workspace, text):
        record(workspace, subject=text, reason=text)
        row = list(csv.reader(io.StringIO(download(root, "csv"))))[2]
        assert row[4] == row[6] == f"'{text}"

    @pytest.mark.parametrize("text", ["\xa0=1", "\ufeff=1", "\u3000+1", ";=1", ", ;@x"])
    def test_nor_does_it_after_spaces_marks_or_separators(self, text):
        assert neutralised(text) == f"'{text}"

    @pytest.mark.parametrize("text", ["sess_1", "a=b", "", "user@example.com", " a", ";a", "\ufeff"])
    def test_other_texts_stay_as_they_are(self, text):
        assert neutralised(text) == text

    def test_it_needs_its_permission(self, db, workspace):
        user = get_user_model().objects.create_user("staff", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename="view_event"))
        client = Client()
        client.force_login(user)
        assert client.post(f"{EVENTS}export/csv/").status_code == 403
        assert "export/csv" not in client.get(EVENTS).content.decode()
        user.user_permissions.add(Permission.objects.get(codename="export_event"))
        assert client.post(f"{EVENTS}export/csv/").status_code == 200
        assert f"{EVENTS}export/csv/?type=a" in client.get(EVENTS, {"type": "a"}).content.decode()

    @pytest.mark.parametrize("path", ["export/xml/", "export/csv/?created=x", "export/csv/?created__from=x"])
    def test_an_unknown_format_or_filter_is_not_found(self, root, path, workspace):
        assert root.post(EVENTS + path).status_code == 404
        assert not Event.objects.exists()

    @pytest.mark.parametrize("format", ["csv", "jsonl"])
    def test_it_is_recorded_with_its_filter_and_is_not_part_of_itself(self, root, workspace, format):
        last = record(workspace)
        assert "console.exported" not in download(root, format, type="user_session.revoked")
        event = Event.objects.get(type="console.exported")
        facts = {"format": format, "filter": {"type": "user_session.revoked"}, "last_event": last.pk}
        assert (event.data, event.actor) == (facts, f"operator:{get_user_model().objects.get().pk}")
        assert event.workspace is None and "console.exported" in root.get(EVENTS).content.decode()

    def test_a_link_downloads_nothing_and_records_nothing(self, root, workspace):
        assert root.get(f"{EVENTS}export/csv/").status_code == 405
        assert not Event.objects.exists()


@pytest.mark.django_db
def test_nobody_changes_or_deletes_an_event(root, workspace):
    event = record(workspace)
    for path, form in (("change/", {"type": "x"}), ("delete/", {"post": "yes"})):
        assert root.post(f"{EVENTS}{event.pk}/{path}", form).status_code == 403
    assert Event.objects.get(pk=event.pk).type == "user_session.revoked"


def test_an_event_about_a_workspace_links_it(root, workspace):
    Epoch.objects.begin(workspace, actor="operator:1", reason="a leak")
    event = Event.objects.get(type="epoch.begun")
    page = root.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert f'<a href="/admin/sessions_core/workspace/{workspace.pk}/change/">{workspace.pk}</a>' in page


def test_a_subject_that_is_no_key_of_its_kind_is_shown_as_it_is(root, workspace):
    event = record(workspace, type="client_session.created", subject="not a uuid")
    assert "not a uuid" in root.get(f"{EVENTS}{event.pk}/change/").content.decode()
