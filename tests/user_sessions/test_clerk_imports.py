"""``manage.py import_sessions clerk``: files of Clerk's Backend API, and files that lie."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.pages import blocks
from user_sessions.imports.json_records import LONGEST_RECORD, json_records
from user_sessions.models import Activity, Client, Status, UserSession

pytestmark = pytest.mark.django_db

PAGE = "coming-from/clerk.md"

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BEGUN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
ACTIVITY = {
    "object": "session_activity",
    "id": "sess_activity_1",
    "is_mobile": True,
    "device_type": "iPhone",
    "browser_name": "Safari",
    "browser_version": "17.4",
    "ip_address": "198.51.100.7",
    "city": "Linköping",
    "country": "SE",
}


def milliseconds(time: datetime) -> int:
    return (time - EPOCH) // timedelta(milliseconds=1)


def session(id: str = "sess_1", **other: Any) -> dict[str, Any]:
    facts = {
        "object": "session",
        "id": id,
        "user_id": "user_a",
        "client_id": "client_1",
        "actor": None,
        "status": "ended",
        "created_at": milliseconds(BEGUN),
        "last_active_at": milliseconds(BEGUN + DAY),
        "updated_at": milliseconds(BEGUN + 2 * DAY),
        "expire_at": milliseconds(BEGUN + 7 * DAY),
        "abandon_at": milliseconds(BEGUN + 30 * DAY),
        "latest_activity": ACTIVITY,
        "last_active_token": {"object": "token", "jwt": "ey-secret"},
    }
    return facts | other


def person(id: str, *, external_id: Any = None, address: str = "", verified: bool = True) -> dict[str, Any]:
    verification = {"status": "verified" if verified else "unverified", "strategy": "email_code"}
    addresses = [{"id": "idn_1", "email_address": address, "verification": verification}] if address else []
    primary = "idn_1" if address else None
    return {
        "object": "user",
        "id": id,
        "external_id": external_id,
        "primary_email_address_id": primary,
        "email_addresses": addresses,
    }


@pytest.fixture
def clerk(workspace, u1, tmp_path) -> Callable[..., Any]:
    """Return a function that imports sessions, given as values or as the text of the file. It returns the report."""

    def run(*sessions: Any, users: Any = None, text: str | None = None) -> Any:
        files = {
            "sessions.json": json.dumps(sessions) if text is None else text,
            "users.json": json.dumps([person("user_a", external_id=str(u1.pk))] if users is None else users),
        }
        for name, content in files.items():
            (tmp_path / name).write_text(content, encoding="utf-8", errors="surrogateescape")
        out = StringIO()
        try:
            call_command(
                "import_sessions",
                "clerk",
                str(tmp_path / "sessions.json"),
                users=str(tmp_path / "users.json"),
                json=True,
                stdout=out,
            )
        except CommandError as problem:
            if not out.getvalue() or problem.returncode != 1:
                raise
            return json.loads(out.getvalue()) | {"exit": 1}
        return json.loads(out.getvalue())

    return run


def skipped(report: Any) -> dict[str, int]:
    """Return how many rows were skipped by reason. The command must have failed exactly if one of them was wrong."""
    assert ("exit" in report) == any(each["is_wrong"] for each in report["skipped"])
    return {each["reason"]: each["count"] for each in report["skipped"]}


# What a session becomes


def test_an_ended_session_keeps_times_user_device_and_place(clerk, u1):
    clerk(session())
    found = UserSession.objects.get()
    assert (found.user, found.stored_status, found.close_reason) == (u1, Status.ENDED, "ended")
    assert [found.created_at, found.last_active_at, found.closed_at, found.expire_at, found.abandon_at] == [
        BEGUN + days * DAY for days in (0, 1, 2, 7, 30)
    ]
    assert str(found.latest_activity.device) == "Safari 17.4 on iPhone, 198.51.100.7"
    assert (found.latest_activity.is_mobile, str(found.latest_activity.place)) == (True, "Linköping, SE")
    assert found.latest_activity.created_at == BEGUN + DAY


@pytest.mark.parametrize(
    ("status", "stored", "after", "reason"),
    [
        ("revoked", Status.REVOKED, 2, "revoked"),
        ("removed", Status.REMOVED, 2, "removed"),
        ("replaced", Status.REPLACED, 2, "replaced"),
        ("expired", Status.ENDED, 7, "expired"),
        ("abandoned", Status.ENDED, 30, "abandoned"),
        ("active", Status.ENDED, 7, "expired"),
    ],
)
def test_each_status_ends_at_its_time(clerk, status, stored, after, reason):
    clerk(session(status=status))
    found = UserSession.objects.get()
    assert (found.stored_status, found.closed_at, found.close_reason) == (stored, BEGUN + after * DAY, reason)


@pytest.mark.parametrize("status", ["active", "pending"])
def test_a_live_session_ends_with_the_import(clerk, status):
    clerk(session(status=status, expire_at=milliseconds(timezone.now() + DAY), latest_activity=None))
    found = UserSession.objects.get()
    assert (found.status, found.close_reason, found.latest_activity) == (Status.ENDED, "imported", None)
    assert not UserSession.objects.live().exists() and not Client.objects.live().exists()


def test_an_impersonation_keeps_who_impersonated_and_nothing_else(clerk):
    clerk(session(actor={"sub": "user_b", "email": "b@example.com"}))
    assert UserSession.objects.get().impersonator == {"sub": "user_b"}


def test_numbers_may_be_text(clerk):
    clerk(session(created_at=str(milliseconds(BEGUN))))
    assert UserSession.objects.get().created_at == BEGUN


@pytest.mark.parametrize("form", ["none", "cut", "hashed"])
def test_an_address_is_stored_in_the_form_of_the_setting(clerk, settings, form):
    settings.USER_SESSIONS = {"ADDRESS_FORM": form}
    clerk(session())
    activity = Activity.objects.get()
    assert activity.ip_address == {"none": None, "cut": "198.51.100.0", "hashed": None}[form]
    assert bool(activity.address_hash) == (form == "hashed")


# Whose session it is


def test_a_user_is_found_by_a_verified_address_that_only_one_user_has(clerk, u1, u2):
    User.objects.filter(pk=u2.pk).update(email="Bo@Example.com")
    users = [person("user_a", address="bo@example.COM"), person("user_b", address="b@example.com")]
    assert clerk(session(), users=users)["imported"] == 1
    assert UserSession.objects.get().user == u2


def test_an_external_id_comes_before_an_address(clerk, u1, u2):
    User.objects.filter(pk=u2.pk).update(email="bo@example.com")
    clerk(session(), users=[person("user_a", external_id=str(u1.pk), address="bo@example.com")])
    assert UserSession.objects.get().user == u1


@pytest.mark.parametrize("how", ["unverified", "shared", "missing", "unknown", "another spelling"])
def test_a_user_without_a_match_is_foreign(clerk, u1, u2, how):
    User.objects.filter(pk=u2.pk).update(email="bo@example.com")
    User.objects.filter(pk=u1.pk).update(email="bo@example.com" if how == "shared" else "")
    users = {
        "unverified": [person("user_a", address="bo@example.com", verified=False)],
        "shared": [person("user_a", address="bo@example.com")],
        "missing": [],
        "unknown": [person("user_a", external_id="999999")],
        "another spelling": [person("user_a", external_id=f"0{u1.pk}")],
    }[how]
    assert skipped(clerk(session(), users=users)) == {"foreign_user": 1}
    assert not UserSession.objects.exists()


# Forms of a file


FORMS: dict[str, Callable[[list[str]], str]] = {
    "a list": lambda rows: f"[{','.join(rows)}]",
    "a page": lambda rows: f'{{"data": [{",".join(rows)}], "total_count": 3}}',
    "a page with the count first": lambda rows: f'{{"total_count": "3", "data": [{",".join(rows)}]}}',
    "several pages": lambda rows: "\n".join(f'{{"data":[{row}]}}' for row in rows),
    "lines": lambda rows: "\n".join(rows),
    "a byte order mark and blank lines": lambda rows: "\ufeff\n" + "\r\n\r\n".join(rows) + "\n\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_file_is_read(clerk, form):
    text = FORMS[form]([json.dumps(session(f"sess_{number}")) for number in range(3)])
    report = clerk(text=text)
    assert (report["read"], report["imported"], report["skipped"]) == (3, 3, [])


@pytest.mark.parametrize("form", ["a list", "a page", "lines"])
def test_a_file_larger_than_what_is_read_at_once_is_read(clerk, form):
    rows = [json.dumps(session(f"sess_{number}", note="x" * 500)) for number in range(700)]
    assert clerk(text=FORMS[form](rows))["imported"] == 700


def test_a_second_import_adds_nothing(clerk):
    clerk(session(), session("sess_2"))
    assert clerk(session(), session("sess_2"), session("sess_3"))["already_imported"] == 2
    assert UserSession.objects.count() == 3


def test_tokens_in_a_file_are_not_stored_and_ids_only_as_digests(clerk):
    printed = json.dumps(clerk(session("sess_secret")))
    models: list[Any] = [UserSession, Client, Activity]
    stored = json.dumps([list(model.objects.values()) for model in models], default=str)
    for secret in ("ey-secret", "sess_secret", "client_1", "user_a"):
        assert secret not in stored + printed


# Files that lie


@pytest.mark.parametrize(
    "lie",
    [
        {"id": None},
        {"id": "x" * 200},
        {"id": "a\x00b"},
        {"id": "a\ud800"},
        {"id": 7},
        {"user_id": ["user_a"]},
        {"status": "asleep"},
        {"status": ["ended"]},
        {"created_at": None},
        {"created_at": True},
        {"created_at": 0},
        {"created_at": 1.5},
        {"created_at": "yesterday"},
        {"created_at": 10**30},
        {"created_at": "9" * 5000},
        {"created_at": -5},
        {"expire_at": milliseconds(BEGUN - DAY)},
        {"latest_activity": "Safari"},
        {"latest_activity": {"browser_name": 7}},
        {"latest_activity": {"city": "a\x00b"}},
        {"latest_activity": {"browser_name": "x" * 1000}},
        {"actor": "user_b"},
        {"actor": {}},
    ],
    ids=repr,
)
def test_a_record_with_a_wrong_value_is_skipped(clerk, lie):
    report = clerk(session("sess_0") | lie, session("sess_2"))
    assert (skipped(report), report["imported"]) == ({"invalid": 1}, 1)
    assert report["skipped"][0]["first_rows"] == [1]


@pytest.mark.parametrize(
    ("status", "name"),
    [("ended", "created_at"), ("ended", "last_active_at"), ("ended", "updated_at"), ("expired", "expire_at")],
)
def test_a_record_from_the_future_is_skipped(clerk, status, name):
    later = milliseconds(timezone.now() + DAY)
    assert skipped(clerk(session(status=status, **{"expire_at": later + 1, name: later}))) == {"future": 1}
    assert not UserSession.objects.exists()


def test_a_duplicate_id_is_imported_once(clerk):
    rows = [session("sess_1"), *(session(f"sess_x{number}") for number in range(600)), session("sess_1")]
    report = clerk(*rows)
    assert (report["imported"], skipped(report)) == (601, {"duplicate": 1})


@pytest.mark.parametrize("value", ["7", '"text"', "null", "[[]]", "[7]"])
def test_a_value_that_is_no_record_is_skipped(clerk, value):
    assert set(skipped(clerk(text=value))) <= {"invalid"}


BROKEN = ["{", '{"id": }', "nonsense", '{"id": NaN}', '{"id": ' + "9" * 5000 + "}", '{"id": "x', '{"a": ' * 100_000]


@pytest.mark.parametrize("line", BROKEN, ids=lambda line: line[:8])
def test_a_line_that_is_not_json_is_skipped_and_the_next_is_read(clerk, line):
    many = "\n".join(json.dumps(session(f"sess_x{number}", note="x" * 9000)) for number in range(200))
    report = clerk(text=f"{json.dumps(session('sess_1'))}\n{line}\n{many}")
    assert (report["imported"], skipped(report)) == (201, {"not_json": 1})


@pytest.mark.parametrize("rest", ["", ",", "]x", ", {", ', {"id": }]', " 7]", ", nonsense]", ", " + "[" * 100_000])
def test_a_list_that_is_cut_off_or_broken_is_read_up_to_there(clerk, rest):
    report = clerk(text=f"[{json.dumps(session())}{rest}")
    assert (report["imported"], skipped(report)) == (1, {"not_json": 1})


def test_a_page_that_is_cut_off_is_read_up_to_there(clerk):
    assert skipped(clerk(text=f'{{"data": [{json.dumps(session())}], "total_count": ')) == {"not_json": 1}


def test_a_line_that_is_too_long_is_skipped_and_the_next_is_read(clerk):
    long = json.dumps(session(note="x" * (3 * LONGEST_RECORD)))
    report = clerk(text=f"{long}\n{json.dumps(session('sess_2'))}")
    assert (report["imported"], skipped(report)) == (1, {"too_long": 1})


class Endless:
    """A file with one line of 1 GiB. It counts what was asked for at once."""

    def __init__(self) -> None:
        self.left, self.most = 2**30, 0

    def read(self, size: int) -> str:
        self.most, size = max(self.most, size), min(size, self.left)
        self.left -= size
        return '{"a": "'.ljust(size, "x") if self.left + size == 2**30 else "x" * size


def test_a_line_of_a_gibibyte_is_never_in_memory():
    file: Any = Endless()
    assert list(json_records(file)) == ["too_long"]
    assert (file.left, file.most <= 2 * LONGEST_RECORD) == (0, True)


def test_bytes_that_are_not_text_are_skipped(clerk):
    text = json.dumps(session("sess_Z")).replace("sess_Z", "sess_\udcff")
    assert skipped(clerk(text=text)) == {"invalid": 1}


@pytest.mark.parametrize("users", [{"a": 1}, [7], [{"id": 7}], [{"id": "user_a", "email_addresses": "x"}]], ids=repr)
def test_wrong_users_are_refused_before_anything_is_imported(clerk, users):
    with pytest.raises(CommandError, match="Record 1 of the users is wrong: a value is missing or invalid"):
        clerk(session(), users=users)
    assert not UserSession.objects.exists()


def test_the_example_and_the_commands_of_the_page_work(workspace, u1, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sessions.json").write_text(blocks(PAGE, "json")[0])
    Path("users.json").write_text(json.dumps({"data": [person("user_a", external_id=str(u1.pk))]}))
    for command in blocks(PAGE, "bash", under="Import the history")[0].splitlines():
        call_command(*command.removeprefix("python manage.py ").split(), stdout=StringIO())
    assert str(UserSession.objects.get().latest_activity.place) == "Berlin, DE"


def test_a_directory_is_no_file(workspace, tmp_path: Path):
    with pytest.raises(CommandError, match="cannot be read: Is a directory"):
        call_command("import_sessions", "clerk", str(tmp_path), users=str(tmp_path))
