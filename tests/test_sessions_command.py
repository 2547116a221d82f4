"""``manage.py sessions list|show|revoke|stats``."""

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.utils import timezone

from client_sessions.models import ClientSession
from sessions_core.management import revoking
from sessions_core.models import Event, Workspace
from sessions_core.personal_data import erase_user
from tests.embedded import embedded
from tests.pages import DOCS
from user_sessions.models import Epoch, UserSession
from user_sessions.user_agents import Device
from user_sessions.users import user_id

NOW = timezone.now()
DAY = timedelta(days=1)
PHONE = Device(
    browser_name="Safari", browser_version="18.0", device_type="iPhone", is_mobile=True, ip_address="192.0.2.7"
)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def run(*words: str, stdout: Any = None, stderr: Any = None) -> str:
    out = StringIO() if stdout is None else stdout
    call_command("sessions", *words, stdout=out, stderr=stderr or StringIO())
    return str(out.getvalue())


def parsed(*words: str) -> Any:
    return json.loads(run(*words, "--json"))


def ids(*words: str) -> list[str]:
    return [line.split("\t")[0] for line in run("list", *words).splitlines()]


def live() -> set[Any]:
    return set(UserSession.objects.live())


@pytest.fixture
def ann(db: None) -> Any:
    return get_user_model().objects.create_user("ann", email="ann@example.com")


@pytest.fixture
def bob(db: None) -> Any:
    return get_user_model().objects.create_user("bob", email="bob@example.com")


@pytest.fixture
def start(workspace: Workspace, ann: Any) -> Any:
    return partial(UserSession.objects.start, workspace, ann, actor="test")


# list


def test_the_newest_live_sessions_come_first(start, bob, workspace):
    older, newer = start(at=NOW - DAY), start(at=NOW)
    start(at=NOW - DAY).revoke(actor="test")
    assert ids() == [newer.pk, older.pk]


def test_a_list_narrows_by_user_client_status_and_number(start, bob, workspace):
    first, second = start(at=NOW - DAY), start(at=NOW)
    other = UserSession.objects.start(workspace, bob, actor="test")
    other.revoke(actor="test")
    assert ids("--user", "ann@example.com", "--limit", "1") == [second.pk]
    assert ids("--client", first.client_id) == [first.pk]
    assert ids("--status", "revoked") == [other.pk]
    assert set(ids("--status", "any")) == {first.pk, second.pk, other.pk}


def test_sessions_of_other_workspaces_are_listed_on_request_only(start, elsewhere, ann, workspace):
    here, there = start(), UserSession.objects.start(elsewhere, ann, actor="test")
    assert ids("--workspace", workspace.name) == [here.pk]
    assert set(ids("--everywhere", "--user", "ann")) == {here.pk, there.pk}
    with pytest.raises(CommandError, match="Name one with --workspace"):
        run("list")


def test_a_list_has_a_fixed_number_of_queries(start, django_assert_num_queries):
    for _ in range(7):
        start(device=PHONE)
    with django_assert_num_queries(2):
        assert len(ids()) == 7


def test_a_pipe_gets_whole_values_with_tabs_and_no_heading(start):
    session = start(device=PHONE, at=NOW)
    assert run("list").split("\t")[:5] == [
        session.pk,
        "ann",
        "active",
        "Safari 18.0 on iPhone, 192.0.2.7",
        f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
    ]


def test_a_terminal_gets_a_table_with_a_heading(start):
    session = start()
    heading, row = run("list", stdout=Terminal()).splitlines()
    assert "Last active at" in heading
    assert row.index("ann") == heading.index("User") and session.pk in row


def test_escape_codes_and_markup_of_a_name_reach_no_terminal(workspace):
    user = get_user_model().objects.create_user("\x1b[31m[b]x[/b]\u202e\ty")
    UserSession.objects.start(workspace, user, actor="test")
    for out in (Terminal(), StringIO()):
        printed = run("list", stdout=out)
        assert "[31m[b]x[/b]y" in printed and "\u202e" not in printed and "\x1b[31m[b]" not in printed


def test_more_sessions_than_the_limit_are_announced_on_stderr(start):
    start(), start()
    said = StringIO()
    assert len(run("list", "--limit", "1", stderr=said).splitlines()) == 1
    assert "more than 1" in said.getvalue()


@pytest.mark.parametrize(
    "words", [["--limit", "0"], ["--status", "expired", "--kind", "client_sessions", "--client", "x"]]
)
def test_an_invalid_list_gets_an_error_message(workspace, words):
    with pytest.raises(CommandError):
        run("list", *words)


# show


def test_a_session_is_shown_with_its_devices_and_history(start):
    session = start(device=PHONE, amr=["pwd"])
    session.revoke(actor="operator:1", reason="stolen")
    shown = parsed("show", session.pk)
    assert (shown["user"], shown["status"], shown["close_reason"]) == ("ann", "revoked", "stolen")
    assert [each["device"] for each in shown["activities"]] == [str(PHONE)]
    assert [each["type"] for each in shown["history"]] == ["user_session.revoked", "user_session.created"]
    assert "close_reason\tstolen\n" in run("show", session.pk)


def test_a_terminal_shows_a_session_with_a_table_of_its_devices(start):
    session = start(device=PHONE)
    lines = run("show", session.pk, stdout=Terminal()).splitlines()
    assert lines[0].split() == ["id", session.pk]
    place = lines.index("Activities")
    assert lines[place + 1].split() == ["At", "Device", "City", "Country"] and str(PHONE) in lines[place + 2]


def test_a_client_session_is_shown_without_its_token(workspace):
    session = ClientSession.objects.start(workspace, actor="test", user_identifier_key="jane")
    assert (parsed("show", str(session.pk))["user"], session.token in run("show", str(session.pk))) == ("jane", False)


@pytest.mark.parametrize("id", ["sess_none", "00000000-0000-0000-0000-000000000000", "user_1", ""])
def test_an_unknown_id_gets_an_error_message(db, id):
    with pytest.raises(CommandError, match="id"):
        run("show", id)


# revoke


def test_sessions_are_revoked_by_id_with_a_reason(start):
    first, second, third = start(), start(), start()
    assert run("revoke", first.pk, second.pk, "--reason", "stolen") == "2 sessions revoked.\n"
    first.refresh_from_db()
    assert (first.closed_by, first.close_reason) == ("command:sessions", "stolen")
    assert live() == {third}
    assert run("revoke", first.pk) == "0 sessions revoked.\n"


@pytest.mark.parametrize("name", ["ann", "ann@example.com", "{id}"])
def test_a_user_is_signed_out_by_name_id_or_email(start, bob, workspace, ann, name):
    kept = start()
    start()
    other = UserSession.objects.start(workspace, bob, actor="test")
    name = name.format(id=user_id(ann.pk))
    assert parsed("revoke", "--user", name, "--except", kept.pk) == {"revoked": 1, "is_complete": True}
    assert live() == {kept, other}


def test_a_user_who_left_the_workspace_is_signed_out(start, settings):
    start()
    settings.USER_SESSIONS = {"WORKSPACE_USERS": "tests.user_sessions.profiles.users_of"}
    assert run("revoke", "--user", "ann") == "1 sessions revoked.\n"


def test_a_user_is_signed_out_of_one_workspace_or_everywhere(start, elsewhere, ann, workspace):
    start()
    there = UserSession.objects.start(elsewhere, ann, actor="test")
    run("revoke", "--user", "ann", "--workspace", workspace.name)
    assert live() == {there}
    run("revoke", "--user", "ann", "--everywhere")
    assert not live()


def test_a_client_is_signed_out(start):
    first, second = start(), start()
    run("revoke", "--client", first.client_id)
    assert live() == {second}


def test_everybody_is_signed_out_by_one_row(start, bob, workspace, elsewhere, ann):
    start(), UserSession.objects.start(workspace, bob, actor="test")
    there = UserSession.objects.start(elsewhere, ann, actor="test")
    assert "is revoked" in run(
        "revoke", "--everybody", "--no-input", "--workspace", workspace.name, "--reason", "a leak"
    )
    assert (live(), Epoch.objects.get().reason) == ({there}, "a leak")


def test_signing_everybody_out_needs_a_confirmation(start):
    session = start()
    with pytest.raises(CommandError, match="Add --no-input"):
        run("revoke", "--everybody")
    assert live() == {session}


def test_a_dry_run_lists_the_sessions_and_changes_nothing(start):
    sessions = {start() for _ in range(3)}
    said = StringIO()
    printed = run("revoke", "--user", "ann", "--dry-run", stderr=said)
    assert {line.split("\t")[0] for line in printed.splitlines()} == {session.pk for session in sessions}
    assert said.getvalue() == "3 sessions would be revoked.\n"
    assert parsed("revoke", "--everybody", "--dry-run")["would_revoke"] == 3
    assert live() == sessions and not Epoch.objects.exists()


def test_an_ambiguous_user_name_is_refused(start, ann):
    get_user_model().objects.create_user(user_id(ann.pk))
    with pytest.raises(CommandError, match="matches 2 users"):
        run("revoke", "--user", user_id(ann.pk))


def test_an_email_address_of_two_users_is_refused(start):
    session = start()
    get_user_model().objects.create_user("anna", email="ann@example.com")
    with pytest.raises(CommandError, match="matches 2 users"):
        run("revoke", "--user", "ann@example.com")
    assert live() == {session}


@pytest.mark.parametrize(
    "how",
    [
        (),
        ("sess_none",),
        ("{id}", "sess_none"),
        ("{id}", "user_1"),
        ("{id}", "--user", "ann"),
        ("{foreign}", "--workspace", "Here"),
        ("--user", "user_none", "--everywhere"),
        ("--client", "client_none"),
        ("--client", "{theirs}", "--workspace", "Here"),
        ("--everybody", "--everywhere", "--no-input"),
        ("--everybody", "--workspace", "Here", "--except", "{id}", "--no-input"),
        ("--user", "ann", "--workspace", "Here", "--except", "sess_none"),
        ("--client", "{client}", "--except", "{foreign}"),
        ("--user", "ann", "--everywhere", "--except", ""),
        ("--user", "ann", "--everywhere", "--reason", "x" * 201),
        ("--everybody", "--workspace", "Here", "--reason", "x" * 201, "--no-input"),
    ],
)
def test_invalid_arguments_sign_no_one_out(start, elsewhere, bob, how):
    session, foreign = start(), UserSession.objects.start(elsewhere, bob, actor="test")
    given = {"id": session.pk, "client": session.client_id, "foreign": foreign.pk, "theirs": foreign.client_id}
    with pytest.raises(CommandError):
        run("revoke", *(word.format(**given) for word in how))
    assert live() == {session, foreign} and not Epoch.objects.exists()


@pytest.mark.parametrize("limit", ["0", "99999999999999999999"])
def test_a_limit_is_a_number_that_a_list_can_have(workspace, limit):
    with pytest.raises(CommandError, match="--limit must be between 1 and"):
        run("list", "--limit", limit)


def test_many_sessions_are_revoked_in_batches_with_a_bar_on_a_terminal(start, monkeypatch):
    monkeypatch.setattr(revoking, "BATCH", 2)
    for _ in range(5):
        start()
    terminal = Terminal()
    assert run("revoke", "--user", "ann", stderr=terminal) == "5 sessions revoked.\n"
    assert terminal.getvalue().endswith(f"[{'#' * 30}] 5 of 5 sessions\n")


def test_a_pipe_gets_no_bar(start):
    start()
    said = StringIO()
    run("revoke", "--user", "ann", stderr=said)
    assert said.getvalue() == ""


def test_after_an_interrupt_earlier_batches_stay_and_are_counted(start, monkeypatch):
    monkeypatch.setattr(revoking, "BATCH", 2)
    for _ in range(5):
        start()
    monkeypatch.setattr(revoking.Bar, "show", _interrupt)
    out = StringIO()
    with pytest.raises(KeyboardInterrupt):
        run("revoke", "--user", "ann", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {"revoked": 2, "is_complete": False}
    assert len(live()) == 3


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


# Client sessions


def test_client_sessions_are_listed_and_revoked_by_key_or_id(workspace):
    jane, joe, third = (
        ClientSession.objects.start(workspace, actor="test", user_identifier_key=key) for key in ("jane", "joe", "x")
    )
    assert ids("--kind", "client_sessions", "--user", "jane") == [str(jane.pk)]
    run("revoke", "--kind", "client_sessions", "--user", "jane")
    run("revoke", str(joe.pk))
    assert set(ClientSession.objects.live()) == {third}
    run("revoke", "--kind", "client_sessions", "--everybody", "--no-input")
    assert not ClientSession.objects.live().exists()


def test_a_reason_that_a_client_session_cannot_record_is_refused(workspace):
    session = ClientSession.objects.start(workspace, actor="test")
    with pytest.raises(CommandError, match="records no reason"):
        run("revoke", str(session.pk), "--reason", "stolen")
    assert ClientSession.objects.live().exists()


# stats


def counted(*words: str) -> set[tuple[str, str, str, int]]:
    return {(row["workspace"], row["measure"], row["of"], row["number"]) for row in parsed("stats", *words)}


def test_live_sessions_are_counted_by_device_and_others_by_day_and_reason(start):
    today, yesterday = f"{timezone.now():%Y-%m-%d}", f"{timezone.now() - DAY:%Y-%m-%d}"
    start(device=PHONE), start()
    start(at=timezone.now() - DAY).revoke(actor="test", reason="stolen")
    start(at=timezone.now() - 30 * DAY)
    assert counted() == {
        ("Here", "live", "iPhone", 1),
        ("Here", "live", "", 1),
        ("Here", "started", today, 2),
        ("Here", "started", yesterday, 1),
        ("Here", "ended", today, 1),
        ("Here", "reason", "revoked: stolen", 1),
    }


def test_an_end_is_counted_once(start):
    session = start()
    session.end(actor="test")
    session.remove(actor="test")
    assert {row for row in counted() if row[1] in ("ended", "reason")} == {
        ("Here", "ended", f"{timezone.now():%Y-%m-%d}", 1),
        ("Here", "reason", "ended", 1),
    }


def test_what_an_erasure_has_left_is_no_reason(start, ann):
    start().revoke(actor="test", reason="stolen"), start().revoke(actor="test")
    erase_user(ann, actor="test")
    reasons = {row[2:] for row in counted() if row[1] == "reason"}
    assert reasons == {("revoked", 2)}


def test_stats_are_of_one_workspace_or_of_all(start, elsewhere, ann):
    start(), UserSession.objects.start(elsewhere, ann, actor="test")
    assert {row[0] for row in counted("--workspace", "Here")} == {"Here"}
    assert {row[0] for row in counted("--everywhere")} == {"Here", "Elsewhere"}


def test_client_sessions_are_counted_too(workspace):
    ClientSession.objects.start(workspace, actor="test")
    ClientSession.objects.start(workspace, actor="test").revoke(actor="test")
    measures = {(measure, number) for _, measure, _, number in counted("--kind", "client_sessions")}
    assert measures == {("live", 1), ("started", 2), ("ended", 1), ("reason", 1)}


def test_the_number_of_queries_does_not_grow_with_sessions(start, elsewhere, ann, django_assert_max_num_queries):
    for number in range(10):
        session = UserSession.objects.start(elsewhere, ann, actor="test") if number % 2 else start(device=PHONE)
        session.revoke(actor="test", reason=str(number))
    assert Event.objects.count() == 20
    steps = Event.objects.latest("pk").pk.bit_length()  # of a search by halves, twice
    with django_assert_max_num_queries(5 + 2 * steps + 1):
        run("stats", "--everywhere")


# As a program


@embedded
def test_a_reader_that_goes_away_and_ctrl_c_end_it_quietly(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"GATEPASS_DATA": str(tmp_path)}
    program = partial(subprocess.run, cwd=DOCS.parent, env=environment, capture_output=True, text=True)
    head = "import os, runpy, sys; r, w = os.pipe(); os.close(r); os.dup2(w, 1)"
    stop = "import runpy, sys; from sessions_core.management.reports import Report; Report.rows = lambda *_: 1 / 0"
    stop = stop.replace("1 / 0", "(_ for _ in ()).throw(KeyboardInterrupt)")
    program([sys.executable, "manage.py", "migrate", "-v0"])
    program([sys.executable, "manage.py", "workspace", "create", "Acme"])
    for setup, code, said in ((head, 128 + signal.SIGPIPE, ""), (stop, 128 + signal.SIGINT, "Stopped.\n")):
        script = (
            f"{setup}; sys.argv = ['manage.py', 'workspace', 'list']; runpy.run_path('manage.py', run_name='__main__')"
        )
        done = program([sys.executable, "-c", script])
        assert (done.returncode, done.stderr) == (code, said)
