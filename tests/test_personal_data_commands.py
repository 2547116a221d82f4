"""``export_user`` and ``erase_user`` on the command line."""

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.utils import timezone

from client_sessions.models import ClientSession
from sessions_core import personal_data
from sessions_core.cleaning_checks import check_cleaning
from sessions_core.models import Event
from sessions_core.personal_data import DataSource, register
from tests.embedded import embedded
from user_sessions.models import UserSession

ROOT = Path(__file__).parent.parent


@pytest.fixture
def jane(workspace: Any) -> Any:
    jane = get_user_model().objects.create_user("jane")
    UserSession.objects.start(workspace, jane, actor="test")
    ClientSession.objects.start(workspace, actor="test", user_identifier_key="jane-key")
    return jane


def output(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def sections(*words: str) -> dict[str, list[Any]]:
    return {each["name"]: each["rows"] for each in json.loads(output("export_user", *words))["sections"]}


@pytest.mark.parametrize("name", ["jane", "id"])
def test_an_export_is_printed_for_an_id_or_a_name(jane, name):
    found = sections(f"user_{jane.pk}" if name == "id" else name, "--key", "jane-key")
    assert (len(found["user_sessions"]), len(found["client_sessions"])) == (1, 1)


def test_an_erasure_prints_what_it_erased_in_columns(jane):
    printed = output("erase_user", "jane", "--key=jane-key", "--no-input").splitlines()
    assert {"user_sessions\t1", "clients\t1", "client_sessions\t1", "events\t4"} == set(printed)
    assert sections("jane", "--key=jane-key")["events"] == []


def test_an_erasure_prints_json_the_second_time_too(jane):
    assert json.loads(output("erase_user", "jane", "--yes", "--json"))["user_sessions"] == 1
    assert json.loads(output("erase_user", "jane", "--yes", "--json")) == {}


def test_an_erasure_asks_and_refuses_without_a_terminal(jane):
    with pytest.raises(CommandError, match="--no-input"):
        output("erase_user", "jane")
    assert UserSession.objects.live().exists()


@pytest.mark.parametrize("answer", ["no", "", "y"])
def test_an_erasure_goes_on_only_after_yes(jane, monkeypatch, answer):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    with pytest.raises(CommandError, match="Nothing was erased"):
        output("erase_user", "jane")


def test_ctrl_d_is_no_yes(jane, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", Mock(side_effect=EOFError))
    with pytest.raises(CommandError, match="Nothing was erased"):
        output("erase_user", "jane")


def test_only_an_error_about_the_workspace_names_its_option(jane):
    def refuse(person: Any) -> Any:
        raise ValueError("The shop is closed.")

    register(DataSource(name="shop", export=refuse, erase=refuse))
    try:
        for command, more in ((["export_user"], ""), (["erase_user", "--yes"], " Nothing was erased.")):
            with pytest.raises(CommandError) as refusal:
                output(*command, "jane")
            assert str(refusal.value) == f"The shop is closed.{more}"
    finally:
        del personal_data._sources["shop"]


def test_a_deleted_user_is_named_by_the_former_id(jane):
    id = f"user_{jane.pk}"
    with pytest.raises(CommandError, match="leave out --deleted"):
        output("erase_user", id, "--deleted", "--yes")
    jane.delete()
    with pytest.raises(CommandError, match="No user"):
        output("erase_user", id, "--yes")
    assert "events\t2" in output("erase_user", id, "--deleted", "--yes").splitlines()


FORMER = ["jane", "7", "user_007", "user_7.0", "user_ 7", "user_", "user_user_7", f"user_{2**63}", f"user_{2**64}"]


@pytest.mark.parametrize("id", FORMER)
def test_a_former_id_has_one_spelling(jane, id):
    for command in (["export_user"], ["erase_user", "--yes"]):
        with pytest.raises(CommandError, match="is not the id of a user, such as user_7"):
            output(*command, id, "--deleted")


@pytest.mark.parametrize("id", [f"user_{2**63}", f"user_{2**64}", "user_" + "9" * 5000])
def test_a_number_that_no_column_holds_is_no_user(jane, id):
    for command in (["export_user", id], ["erase_user", "--yes", id], ["sessions", "list", "--user", id]):
        with pytest.raises(CommandError, match="No user has the id"):
            output(*command)


def test_the_same_key_in_two_workspaces_needs_the_workspace(jane, elsewhere):
    ClientSession.objects.start(elsewhere, actor="test", user_identifier_key="jane-key")
    for command in (["export_user"], ["erase_user", "--yes"]):
        with pytest.raises(CommandError, match="Add --workspace"):
            output(*command, "jane", "--key=jane-key")
    assert len(sections("jane", "--key=jane-key", "--workspace=Elsewhere")["client_sessions"]) == 1


PIPED = """
import os, sys
import django
django.setup()
from django.core.management import call_command, execute_from_command_line
call_command("migrate", verbosity=0)
from django.contrib.auth import get_user_model
get_user_model().objects.create_user("jane")
reader, writer = os.pipe()
os.close(reader)
os.dup2(writer, 1)
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""


@embedded
@pytest.mark.parametrize("words", [["export_user", "jane"], ["erase_user", "jane", "--yes", "--json"]])
def test_a_reader_that_goes_away_ends_it_quietly(tmp_path, words):
    own = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/db", "GATEPASS_DATA": str(tmp_path)}
    own["DJANGO_SETTINGS_MODULE"] = "sessions_project.settings"
    done = subprocess.run([sys.executable, "-c", PIPED, *words], cwd=ROOT, env=own, capture_output=True, text=True)
    assert done.returncode == 128 + signal.SIGPIPE
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr


def warnings() -> list[str]:
    return [str(message) for message in check_cleaning(databases=["default"])]


@pytest.fixture
def old_event(db: None) -> Event:
    """Return an event that is older than a week: the server has run for long enough to need a cleaning."""
    long_ago = timezone.now() - timedelta(days=8)
    return Event.objects.record("shop.paid", subject="1", workspace_id=None, actor="shop", at=long_ago)


def test_a_check_warns_if_nothing_has_ever_cleaned(old_event):
    (warning,) = warnings()
    assert "sessions clean has never finished" in warning and "USER_SESSIONS['RETENTION']" in warning


def test_the_check_is_quiet_after_a_run_that_deleted_nothing(old_event):
    output("sessions", "clean")
    assert warnings() == []


def test_a_dry_run_does_not_count_as_a_run(old_event):
    output("sessions", "clean", "--dry-run")
    assert len(warnings()) == 1


def test_the_check_warns_a_week_after_the_last_run(old_event):
    at = timezone.now() - timedelta(days=7, hours=1)
    Event.objects.record("sessions.clean_finished", subject="sessions", workspace_id=None, actor="system:clean", at=at)
    assert f"finished last on {at:%Y-%m-%d}" in warnings()[0]


def test_a_new_server_need_not_have_cleaned(workspace, api_key):
    assert warnings() == []


def test_the_check_needs_a_database(old_event):
    assert check_cleaning() == []
