"""``manage.py import_sessions``: what every source has in common, with Django's own sessions as the source."""

import json
import logging
from datetime import timedelta
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.contrib import auth
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sessions_core.management.progress import Progress
from sessions_core.models import Event, Workspace
from sessions_core.webhooks.messages import WebhookMessage
from sessions_core.webhooks.models import WebhookEndpoint
from tests.dump import dump
from tests.pages import blocks
from user_sessions.imports.django_sessions import DjangoSessions
from user_sessions.imports.history import History
from user_sessions.models import Client, ImportedSession, Status, UserSession
from user_sessions.signals import session_ended, session_started

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
BACKEND = "django.contrib.auth.backends.ModelBackend"


def imported(*arguments: str, **options: Any) -> Any:
    """Run the command. Return its report."""
    out = StringIO()
    call_command("import_sessions", *arguments, json=True, stdout=out, **options)
    return json.loads(out.getvalue())


def signed_in(user: User, **data: Any) -> str:
    """Sign in as Django does, without our middleware. Return the key of the session."""
    store = SessionStore()
    store.update({auth.SESSION_KEY: str(user.pk), auth.BACKEND_SESSION_KEY: BACKEND, **data})
    store[auth.HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    store.update({auth.SESSION_KEY: str(user.pk), auth.BACKEND_SESSION_KEY: BACKEND, **data})
    store[auth.HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    assert store.session_key is not None
    return store.session_key


def run(workspace: Workspace, *, at: Any = None) -> History:
    """Import Django's sessions at a moment."""
    history = History(workspace, "django", at=at or timezone.now())
    for rows in DjangoSessions("default").batches():
        history.add(rows)
    return history


@pytest.fixture
def key(workspace, u1) -> str:
    return signed_in(u1)


def skipped(report: Any) -> dict[str, int]:
    return {each["reason"]: each["count"] for each in report["skipped"]}


# What a session becomes


def test_a_live_django_session_becomes_history(workspace, key, u1):
    report, session = imported("django"), UserSession.objects.get()
    assert (report["read"], report["imported"], report["complete"]) == (1, 1, True)
    assert (session.user, session.workspace, session.status) == (u1, workspace, Status.ENDED)
    assert (session.closed_by, session.close_reason) == ("import:django", "imported")
    assert timezone.now() - session.closed_at < MINUTE
    assert session.expire_at == Session.objects.get().expire_date
    assert session.last_active_at == session.created_at == session.created_at.replace(microsecond=0)


def test_an_expired_session_ended_when_it_expired(workspace, key):
    run(workspace, at=timezone.now() + 20 * DAY)
    session = UserSession.objects.get()
    assert (session.closed_at, session.close_reason) == (Session.objects.get().expire_date, "expired")
    assert session.status == Status.ENDED


def test_after_a_password_change_a_session_is_revoked(workspace, key, u1):
    u1.set_password("another one")
    u1.save()
    imported("django")
    session = UserSession.objects.get()
    assert (session.status, session.close_reason) == (Status.REVOKED, "password_changed")
    assert session.closed_at == session.last_active_at


def test_the_session_of_an_inactive_user_is_revoked(workspace, key, u1):
    User.objects.update(is_active=False)
    imported("django")
    assert UserSession.objects.get().close_reason == "user_deactivated"


def test_a_session_signed_with_an_older_secret_key_is_read(workspace, key, settings):
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "n" * 50
    imported("django")
    assert UserSession.objects.get().close_reason == "imported"


def test_imported_history_is_never_live(workspace, key):
    imported("django")
    session = UserSession.objects.get()
    assert not UserSession.objects.live().exists()
    assert not Client.objects.live().exists()
    assert not session.touch(at=timezone.now()) if False else session.is_live(timezone.now()) is False
    assert session.revoke(actor="test") is False
    assert UserSession.minting(workspace, session.pk) is None


def test_a_session_without_a_user_is_skipped(workspace):
    store = SessionStore()
    store["basket"] = [7]
    store.save()
    assert skipped(imported("django")) == {"no_user": 1}


def test_a_session_that_is_a_user_session_already_is_skipped(workspace, u1):
    signed_in(u1, _user_session_id="sess_1")
    assert skipped(imported("django")) == {"adopted": 1}


def test_data_that_cannot_be_read_is_skipped(workspace, key):
    Session.objects.update(session_data="garbage")
    assert skipped(imported("django")) == {"unreadable": 1}


def test_a_user_who_was_deleted_or_is_of_another_workspace_is_skipped(workspace, key, u1, settings):
    settings.USER_SESSIONS = {"WORKSPACE_USERS": "tests.user_sessions.test_imports.nobody"}
    assert skipped(imported("django")) == {"unknown_user": 1}
    settings.USER_SESSIONS = {}
    u1.delete()
    assert skipped(imported("django")) == {"unknown_user": 1}
    assert not ImportedSession.objects.exists()


def nobody(workspace: Workspace) -> Any:
    return User.objects.none()


# Restarts


def test_a_second_import_adds_nothing(workspace, key):
    imported("django")
    assert {name: imported("django")[name] for name in ("imported", "already_imported")} == {
        "imported": 0,
        "already_imported": 1,
    }
    assert (UserSession.objects.count(), Client.objects.count()) == (1, 1)


def test_an_import_that_was_killed_goes_on(workspace, u1, monkeypatch):
    monkeypatch.setattr("user_sessions.imports.tables.BATCH", 2)
    keys = [signed_in(u1) for _ in range(5)]
    batches = DjangoSessions("default").batches()
    killed = History(workspace, "django", at=timezone.now())
    for _ in range(2):
        killed.add(next(batches))
    assert UserSession.objects.count() == 4
    report = imported("django")
    assert (report["imported"], report["already_imported"]) == (1, 4)
    assert UserSession.objects.count() == len(keys)


def test_a_batch_that_fails_leaves_nothing(workspace, key, monkeypatch):
    monkeypatch.setattr(Event.objects, "record", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(workspace)
    assert not UserSession.objects.exists()
    assert not ImportedSession.objects.exists()


def test_a_deleted_session_does_not_come_back(workspace, key):
    imported("django")
    UserSession.objects.all().delete()
    assert imported("django")["already_imported"] == 1
    assert not UserSession.objects.exists()


def test_what_was_imported_is_removed_as_the_page_says(workspace, key):
    imported("django")
    (code,) = blocks("coming-from/index.md", "python")
    exec(compile(code, "coming-from/index.md", "exec"), {})
    assert (UserSession.objects.count(), imported("django")["imported"]) == (0, 1)


def keys_of(settings: Any, *keys: str) -> None:
    settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "TOKEN_KEYS": list(keys)}


def test_an_import_after_a_key_rotation_adds_nothing(workspace, key, settings):
    keys_of(settings, "a" * 40)
    imported("django")
    keys_of(settings, "b" * 40, "a" * 40)
    assert imported("django")["already_imported"] == 1


def test_an_import_that_cannot_recognise_an_earlier_one_is_refused(workspace, key, settings):
    keys_of(settings, "a" * 40)
    imported("django")
    keys_of(settings, "b" * 40)
    with pytest.raises(CommandError, match="1 sessions were imported with a key that is not in TOKEN_KEYS any more"):
        imported("django")


@pytest.mark.django_db(transaction=True)
def test_of_concurrent_imports_one_adds_a_session(workspace, u1, at_once):
    for _ in range(20):
        signed_in(u1)
    histories = at_once(lambda: run(workspace), lambda: run(workspace))
    assert sum(history.report.counts["imported"] for history in histories) == 20
    assert (UserSession.objects.count(), ImportedSession.objects.count()) == (20, 20)


def test_a_dry_run_counts_and_writes_nothing(workspace, u1, key):
    signed_in(u1)
    dry, before = imported("django", "--dry-run"), dump()
    assert (dry["dry_run"], dry["imported"]) == (True, 2)
    assert not UserSession.objects.exists() and not ImportedSession.objects.exists() and not Event.objects.exists()
    assert dump() == before
    assert imported("django") == dry | {"dry_run": False}


def test_a_dry_run_creates_no_workspace(db):
    imported("django", "--dry-run")
    assert not Workspace.objects.exists()


# Events, secrets and costs


def test_a_batch_records_one_event_and_sends_no_signal_and_no_webhook(workspace, u1, key):
    WebhookEndpoint.objects.add(workspace, "http://127.0.0.1:9/", actor="test")
    received: list[Any] = []
    signed_in(u1)
    for signal in (session_started, session_ended):
        signal.connect(lambda **facts: received.append(facts), weak=False, dispatch_uid="test_imports")
    imported("django")
    for signal in (session_started, session_ended):
        assert signal.disconnect(dispatch_uid="test_imports")
    event = Event.objects.get(type="user_session.imported")
    assert (event.subject, event.actor) == (str(workspace.pk), "import:django")
    assert event.data == {"source": "django", "sessions": 2}
    assert (received, WebhookMessage.objects.count()) == ([], 0)


def test_no_secret_of_the_source_is_stored_printed_or_logged(workspace, key, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    secrets = [key, Session.objects.get().session_data]
    printed = json.dumps(imported("django"))
    models: list[Any] = [UserSession, Client, ImportedSession, Event]
    stored = json.dumps([list(model.objects.values()) for model in models], default=str)
    logged = "".join(record.getMessage() for record in caplog.records if record.name != "django.db.backends")
    for secret in secrets:
        assert secret not in printed + stored + logged + "".join(capfd.readouterr())


def test_a_batch_costs_the_same_whatever_its_size(workspace, u1):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            run(workspace)
        return len(captured)

    signed_in(u1)
    queries()
    signed_in(u1)
    few = queries()
    for _ in range(20):
        signed_in(u1)
    assert queries() == few


# The command


def test_the_report_names_the_rows_that_were_skipped(workspace, key):
    Session.objects.update(session_data="garbage")
    out = StringIO()
    call_command("import_sessions", "django", stdout=out)
    assert out.getvalue().splitlines() == [
        "1 rows read.",
        "0 sessions imported.",
        "0 sessions were imported before.",
        "1 skipped: its data was not signed with SECRET_KEY or one of its fallbacks (rows 1).",
    ]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["knox"], "no table 'knox_authtoken'"),
        (["django", "--table", "auth_user"], "'auth_user' has no column expire_date, session_data, session_key"),
        (["django", "--table", 'x" --'], "no table"),
        (["django", "--database", "elsewhere"], "DATABASES has no 'elsewhere'"),
        (["django", "sessions.json"], "takes no file"),
        (["clerk"], "clerk needs two files"),
        (["clerk", "/nowhere.json", "--users", "/nowhere.json"], "cannot be read"),
        (["django", "--workspace", "Nowhere"], "No workspace has the id or name"),
    ],
)
def test_a_wrong_argument_is_refused_in_one_sentence(workspace, arguments, problem):
    with pytest.raises(CommandError, match=problem):
        imported(*arguments)


def test_a_table_that_cannot_be_read_is_refused_without_its_values(workspace, key, monkeypatch):
    monkeypatch.setattr(DjangoSessions, "_texts", lambda self, columns: "CAST(session_key AS nonsense(1, 2, 3)) FROM x")
    with pytest.raises(CommandError, match=r"^The table 'django_session' cannot be read: \w+\.$"):
        imported("django")


def test_with_several_workspaces_one_must_be_chosen(workspace, elsewhere, key):
    with pytest.raises(CommandError, match="Choose one with --workspace"):
        imported("django")
    imported("django", "--workspace", "Elsewhere")
    assert UserSession.objects.get().workspace == elsewhere


@pytest.mark.django_db(transaction=True)
def test_a_user_who_is_deleted_meanwhile_stops_the_import_and_a_second_one_goes_on(workspace, u1, u2, monkeypatch):
    signed_in(u1), signed_in(u2)
    known = ImportedSession.objects.known

    def known_late(digests: Any) -> set[str]:
        User.objects.filter(pk=u2.pk)._raw_delete("default")
        return known(digests)

    monkeypatch.setattr(ImportedSession.objects, "known", known_late)
    with pytest.raises(CommandError, match="A user was deleted during the import"):
        imported("django")
    assert not UserSession.objects.exists()
    report = imported("django")
    assert (report["imported"], skipped(report)) == (1, {"unknown_user": 1})


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stderr", "shown"), [(Terminal(), "1 rows read so far\n"), (StringIO(), "")])
def test_progress_is_shown_on_a_terminal_only(workspace, key, monkeypatch, stderr, shown):
    command = "user_sessions.management.commands.import_sessions.Progress"
    monkeypatch.setattr(command, partial(Progress, pause=0))
    call_command("import_sessions", "django", stdout=StringIO(), stderr=stderr, no_color=True)
    assert stderr.getvalue() == shown


def test_an_interrupted_import_reports_what_it_did(workspace, key, monkeypatch):
    def interrupted(self: Any) -> Any:
        yield next(batches)
        raise KeyboardInterrupt

    batches = DjangoSessions("default").batches()
    monkeypatch.setattr(DjangoSessions, "batches", interrupted)
    out = StringIO()
    with pytest.raises(CommandError) as stopped:
        call_command("import_sessions", "django", json=True, stdout=out)
    report = json.loads(out.getvalue())
    assert (stopped.value.returncode, report["imported"], report["complete"]) == (130, 1, False)
