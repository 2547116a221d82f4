"""Downloads of the lists of sessions: the filtered rows, signed, with the filter in the file and an event."""

import csv
import io
import json

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from client_sessions.models import ClientSession
from sessions_core.console import exports
from sessions_core.models import Event
from user_sessions.models import Epoch, UserSession
from user_sessions.user_agents import device_of

USER_SESSIONS = "/admin/user_sessions/usersession/"
CLIENT_SESSIONS = "/admin/client_sessions/clientsession/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
HOSTILE = "=HYPERLINK(1)"


@pytest.fixture
def root(db) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.fixture
def sessions(workspace) -> list[UserSession]:
    """Three sessions of users with hostile names; the last one is revoked."""
    users = [get_user_model().objects.create_user(f"{HOSTILE}{n}") for n in range(3)]
    made = [
        UserSession.objects.start(workspace, user, actor="test", amr=["pwd"], device=device_of(FIREFOX, "192.0.2.7"))
        for user in users
    ]
    made[-1].revoke(actor="test", reason=HOSTILE)
    return made


def download(client, page, format="jsonl", query="") -> str:
    response = client.post(f"{page}export/{format}/?{query}")
    assert response.status_code == 200 and response.streaming
    return b"".join(response.streaming_content).decode()


def lines(client, page, query="") -> list[dict]:
    return [json.loads(line) for line in download(client, page, query=query).splitlines()]


def test_the_rows_of_the_filter_are_in_the_file_with_filter_and_operator(root, sessions):
    about, *rows, signature = lines(root, USER_SESSIONS, "status_now=live&q=HYPERLINK")
    operator = f"operator:{get_user_model().objects.get(username='root').pk}"
    assert (about["export"]["filter"], about["export"]["by"]) == ({"status_now": "live", "q": "HYPERLINK"}, operator)
    assert about["export"]["exported"] == "user sessions" and about["export"]["at"] and signature["signature"]
    assert [row["id"] for row in rows] == [sessions[1].pk, sessions[0].pk]
    assert {row["status"] for row in rows} == {"active"} and rows[0]["user_name"] == f"{HOSTILE}1"


def test_a_row_says_what_was_true_then(root, sessions):
    row = lines(root, USER_SESSIONS, "status_now=revoked")[1]
    expected = {"status": "revoked", "closed_by": "test", "reason": HOSTILE, "address": "192.0.2.7"}
    expected |= {"browser": "Firefox 140.0", "device": "Linux", "signed_in_with": "pwd", "impersonator": ""}
    assert row | expected == row


def test_a_row_says_what_ended_the_session_not_what_came_later(root, sessions):
    sessions[0].end(actor="test")
    # Without signals, so that nothing closes a session.
    get_user_model().objects.exclude(username="root").update(password="new")
    rows = lines(root, USER_SESSIONS, "q=HYPERLINK")[1:-1]
    found = [(row["status"], row["closed_by"], row["reason"]) for row in rows[1:]]
    assert found == [("revoked", "", "password_changed"), ("ended", "test", "")]


def test_a_row_has_the_time_actor_and_reason_of_its_epoch(root, sessions, workspace):
    epoch = Epoch.objects.begin(workspace, actor="operator:1", reason="a leak")
    with CaptureQueriesContext(connection) as queries:
        rows = lines(root, USER_SESSIONS, "q=HYPERLINK")[1:-1]
    facts = [(row["closed_at"], row["closed_by"], row["reason"]) for row in rows]
    assert facts[1:] == [(epoch.not_before.isoformat(), "operator:1", "a leak")] * 2
    assert facts[0][1:] == ("test", HOSTILE)
    read = [each["sql"] for each in queries if each["sql"].startswith('SELECT "user_sessions_epoch"')]
    assert len(read) == 1


def test_neither_a_download_nor_a_bulk_revocation_reads_badges(root, sessions):
    with CaptureQueriesContext(connection) as queries:
        lines(root, USER_SESSIONS)
        assert root.get(f"{USER_SESSIONS}bulk_revoke/").status_code == 200
    assert not [each for each in queries if "is_known_user" in each["sql"]]


def test_client_sessions_have_no_token(root, workspace):
    session = ClientSession.objects.start(workspace, actor="test", user_identifier_key=HOSTILE)
    ClientSession.objects.start(workspace, actor="test").revoke(actor="test")
    text = download(root, CLIENT_SESSIONS, query="status=live")
    row = json.loads(text.splitlines()[1])
    assert (row["id"], row["user_identifier_key"], row["status"]) == (str(session.pk), HOSTILE, "live")
    assert session.token_short not in text and len(text.splitlines()) == 3


def test_no_cell_is_a_formula(root, sessions, workspace):
    ClientSession.objects.start(workspace, actor="test", user_identifier_key=HOSTILE)
    for page in (USER_SESSIONS, CLIENT_SESSIONS):
        rows = list(csv.reader(io.StringIO(download(root, page, "csv"))))[2:-1]
        cells = [cell for row in rows for cell in row]
        assert f"'{HOSTILE}" in [cell[: len(HOSTILE) + 1] for cell in cells]
        assert not [cell for cell in cells if cell.startswith(exports.FORMULA)]


@pytest.mark.parametrize("page", [USER_SESSIONS, CLIENT_SESSIONS])
def test_it_has_its_own_permission_and_is_an_event(root, sessions, workspace, page):
    model = page.split("/")[-2]
    user = get_user_model().objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename=f"view_{model}"))
    client = Client()
    client.force_login(user)
    assert client.post(f"{page}export/csv/").status_code == 403
    assert "export/csv" not in client.get(page).content.decode()
    user.user_permissions.add(Permission.objects.get(codename=f"export_{model}"))
    assert f"{page}export/csv/?q=a" in client.get(page, {"q": "a"}).content.decode()
    download(client, page, "csv", "q=a")
    event = Event.objects.get(type="console.exported")
    assert (event.data, event.actor) == ({"format": "csv", "filter": {"q": "a"}}, f"operator:{user.pk}")


def test_it_reads_a_batch_at_a_time_by_the_position_of_the_last_row(root, sessions, monkeypatch):
    monkeypatch.setattr(exports, "BATCH", 1)
    with CaptureQueriesContext(connection) as queries:
        rows = lines(root, USER_SESSIONS, "q=HYPERLINK")[1:-1]
    assert [row["id"] for row in rows] == [session.pk for session in reversed(sessions)]
    read = [sql for sql in (each["sql"] for each in queries) if 'FROM "user_sessions_usersession"' in sql]
    assert not [sql for sql in read if "OFFSET" in sql]


def test_the_signature_is_verified_by_the_command(root, sessions, tmp_path, capsys):
    file = tmp_path / "sessions.csv"
    file.write_text(download(root, USER_SESSIONS, "csv"), newline="")
    call_command("check_download", str(file))
    assert "unchanged" in capsys.readouterr().out


@pytest.mark.parametrize("path", ["export/xml/", "export/csv/?status_now=x"])
def test_an_unknown_format_or_filter_is_not_found(root, sessions, path):
    assert root.post(USER_SESSIONS + path).status_code == 404
    assert not Event.objects.filter(type="console.exported").exists()
