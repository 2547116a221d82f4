"""``manage.py sessions clean`` deletes what is over, in batches, and nothing else."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from io import StringIO
from itertools import count as seconds
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db.models import DO_NOTHING, PROTECT, RESTRICT
from django.utils import timezone

from client_sessions.models import ClientSession, Grant
from sessions_core import cleaning
from sessions_core.cleaning import clean, count, kind_named, kinds
from sessions_core.models import Event, Workspace
from sessions_core.webhooks.models import WebhookEndpoint
from tests.databases import url_for_other_processes
from user_sessions.models import Activity, Client, Epoch, SignIn, Ticket, UserSession
from user_sessions.models.nonces import SpentNonce
from user_sessions.user_agents import Device

NOW = timezone.now()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONG_AGO = NOW - timedelta(days=400)


@pytest.fixture
def user(db: None) -> Any:
    return get_user_model().objects.create_user("u1")


@pytest.fixture
def start(workspace: Workspace, user: Any) -> Callable[..., UserSession]:
    """Return a function that starts a session, a long time ago by default."""
    return partial(UserSession.objects.start, workspace, user, actor="test", at=LONG_AGO)


def cleaned(name: str, **how: Any) -> int:
    """Clean one kind of rows. Return how many were deleted."""
    return clean(kind_named(name), **{"at": NOW, **how}).deleted


def clean_all(*, at: datetime) -> None:
    """Clean every kind in one run."""
    for kind in kinds():
        clean(kind, at=at)


def command(*words: str) -> str:
    out = StringIO()
    call_command("sessions", "clean", *words, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("verb", ["end", "revoke", "remove"])
def test_a_session_goes_ninety_days_after_it_was_closed(start, verb):
    session = start()
    getattr(session, verb)(actor="test", at=LONG_AGO + HOUR)
    closed = LONG_AGO + HOUR
    assert cleaned("user_sessions", at=closed + timedelta(days=90) - HOUR) == 0
    assert cleaned("user_sessions", at=closed + timedelta(days=90)) == 1


def test_an_expired_session_goes_after_its_end_is_recorded(start):
    session = start()
    assert cleaned("user_sessions") == 1
    events = Event.objects.filter(subject=session.pk).order_by("pk").values_list("type", flat=True)
    assert list(events) == ["user_session.created", "user_session.expired"]


def test_a_session_whose_end_nothing_recorded_stays(start, monkeypatch):
    monkeypatch.setattr("user_sessions.cleaning.record_expired", lambda *_, **__: 0)
    start()
    assert cleaned("user_sessions") == 0


def test_what_is_live_stays(start, workspace):
    session = start(at=NOW - DAY)
    Ticket.objects.issue(workspace, session.user, actor="test", lifetime=HOUR, at=NOW)
    ClientSession.objects.start(workspace, actor="test", at=NOW - HOUR)
    command()
    assert UserSession.objects.live().count() == Ticket.objects.count() == ClientSession.objects.live().count() == 1
    assert Client.objects.count() == 1


def test_a_session_that_an_epoch_revoked_goes_when_it_would_have_expired(start, workspace):
    session = start()
    Epoch.objects.begin(workspace, actor="test", at=LONG_AGO + HOUR)
    assert cleaned("user_sessions", at=session.expire_at + timedelta(days=89)) == 0
    assert cleaned("user_sessions", at=session.expire_at + timedelta(days=91)) == 1


def test_activities_and_the_client_go_with_the_session(start):
    device = Device(
        device_type="desktop", browser_name="Firefox", browser_version="130", is_mobile=False, ip_address=None
    )
    session = start(device=device)
    attempt = SignIn.objects.begin(session.client, session.user, "u1", at=LONG_AGO)
    attempt.complete(session)
    command()
    assert not any(model.objects.exists() for model in (UserSession, Activity, Client, SignIn))


def test_a_client_with_another_session_stays(start):
    old = start()
    UserSession.objects.start(
        old.workspace, get_user_model().objects.create_user("u2"), actor="test", client=old.client, at=NOW
    )
    command()
    assert UserSession.objects.count() == Client.objects.count() == 1


def test_used_and_expired_tickets_go(workspace, user):
    issue = partial(Ticket.objects.issue, workspace, user, actor="test")
    issue(lifetime=HOUR, at=LONG_AGO)
    issue(lifetime=timedelta(days=800), at=LONG_AGO).accept(actor="test", at=LONG_AGO + HOUR)
    issue(lifetime=timedelta(days=800), at=LONG_AGO)
    assert cleaned("tickets") == 2


def test_old_sign_ins_and_spent_nonces_go(start):
    session = start(at=NOW)
    SignIn.objects.begin(session.client, session.user, "u1", at=NOW - timedelta(days=31))
    for name, end in (("over", NOW - HOUR), ("valid", NOW + HOUR)):
        SpentNonce.objects.create(id=name, expire_at=end)
    assert (cleaned("sign_ins"), cleaned("spent_nonces")) == (1, 1)


def test_an_abandoned_sign_in_stays_with_its_client_for_thirty_days(workspace, user):
    client = Client.objects.begin(workspace, at=LONG_AGO)
    SignIn.objects.begin(client, user, "u1", at=NOW - 29 * DAY)
    clean_all(at=NOW)
    assert (Client.objects.count(), SignIn.objects.count()) == (1, 1)
    clean_all(at=NOW + DAY)
    assert (Client.objects.count(), SignIn.objects.count()) == (0, 0)


def test_sign_ins_can_be_kept_for_ever(workspace, user, settings):
    settings.USER_SESSIONS = {"RETENTION": {"sign_ins": None}}
    SignIn.objects.begin(Client.objects.begin(workspace, at=LONG_AGO), user, "u1", at=LONG_AGO)
    clean_all(at=NOW)
    assert SignIn.objects.exists()


def test_client_sessions_go_with_their_grants(workspace):
    long_ago = partial(ClientSession.objects.start, workspace, actor="test", at=LONG_AGO, expires_at=LONG_AGO + DAY)
    revoked, expired = long_ago(), long_ago()
    revoked.revoke(actor="test", at=LONG_AGO + HOUR)
    kept = ClientSession.objects.start(workspace, actor="test", at=NOW)
    for session in (revoked, expired, kept):
        Grant.objects.create(client_session=session, resource_type="customer", resource_id="acme", created_at=NOW)
    assert cleaned("client_sessions") == 2
    assert Grant.objects.get().client_session == kept


def test_events_go_after_a_year_and_never_before_half_a_year(db, settings):
    for days in (400, 200, 100):
        Event.objects.record(f"test.{days}", subject="x", workspace_id=None, actor="test", at=NOW - days * DAY)
    kept = Event.objects.filter(subject="x").order_by("pk").values_list("type", flat=True)
    cleaned("events")
    assert list(kept.all()) == ["test.200", "test.100"]
    settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "RETENTION": {"events": DAY}}
    cleaned("events")
    assert list(kept.all()) == ["test.100"]


def test_an_event_stays_as_long_as_a_webhook_message_about_it(workspace, start):
    WebhookEndpoint.objects.add(workspace, "https://example.com/", actor="test", at=LONG_AGO)
    session = start()
    cleaned("events")
    assert Event.objects.filter(subject=session.pk).exists()


def test_rows_of_a_kind_can_be_kept_for_ever(start, settings):
    settings.USER_SESSIONS = {"RETENTION": {"user_sessions": None}}
    start()
    assert "user_sessions: kept for ever\n" in command()
    assert UserSession.objects.exists()


def test_a_dry_run_counts_and_changes_nothing(start):
    start().end(actor="test", at=LONG_AGO + HOUR)
    events = Event.objects.count()
    assert "user_sessions: 1 to delete\n" in command("--dry-run")
    assert (UserSession.objects.count(), Event.objects.count()) == (1, events)


def test_a_dry_run_counts_sessions_whose_end_nothing_recorded(start):
    start()
    counted = count(kind_named("user_sessions"), at=NOW).deleted
    assert counted == cleaned("user_sessions") == 1


def test_json_has_a_fact_for_each_kind(start):
    start()
    found = {each["kind"]: each for each in json.loads(command("--json"))}
    assert found["user_sessions"] == {
        "kind": "user_sessions", "retention_seconds": 90 * 86400, "deleted": 1, "locked": 0, "kept": 0,
    }  # fmt: skip
    assert found.keys() == {kind.name for kind in kinds()}


def test_each_batch_is_recorded(start, monkeypatch):
    monkeypatch.setattr(cleaning, "BATCH", 2)
    monkeypatch.setattr(cleaning, "LONGEST", 60)  # on a slow machine a batch of two would halve the next one
    for _ in range(5):
        start().end(actor="test", at=LONG_AGO + HOUR)
    progress: list[int] = []
    assert cleaned("user_sessions", seen=progress.append) == 5
    assert progress == [2, 4, 5]
    events = Event.objects.filter(type="sessions.cleaned", subject="user_sessions").order_by("pk")
    assert [event.data for event in events] == [{"rows": rows} for rows in (2, 2, 1)]


def clock(monkeypatch: pytest.MonkeyPatch, *, step: float) -> list[float]:
    """Let each look at the clock be this many seconds after the last one. Return the pauses."""
    pauses: list[float] = []
    ticks = (step * number for number in seconds())
    monkeypatch.setattr(cleaning, "time", SimpleNamespace(monotonic=ticks.__next__, sleep=pauses.append))
    return pauses


def test_a_run_pauses_three_times_as_long_as_it_has_worked(start, monkeypatch):
    start().end(actor="test", at=LONG_AGO + HOUR)
    pauses = clock(monkeypatch, step=1)
    assert cleaned("user_sessions") == 1
    reading, deleting = 1, 3  # looks at the clock
    assert pauses == [3 * reading, 3 * deleting]


def test_a_run_that_finds_nothing_to_delete_pauses_too(start, monkeypatch):
    monkeypatch.setattr(cleaning, "PAGE", 2)
    for number in range(4):
        start(at=LONG_AGO + number * HOUR)
    UserSession.objects.update(expire_at=NOW + DAY, latest_expire_at=NOW + DAY, abandon_at=NOW + DAY)
    pauses = clock(monkeypatch, step=1)
    assert cleaned("user_sessions") == 0
    assert pauses == [3, 3]


@pytest.mark.parametrize(
    ("seconds", "deleted"), [(cleaning.LONGEST / 100, [4, 12, 14]), (cleaning.LONGEST * 2, [4, 6, 7, 8, 9, 10, 11])]
)
def test_a_batch_is_larger_after_a_fast_one_and_smaller_after_a_slow_one(start, monkeypatch, seconds, deleted):
    monkeypatch.setattr(cleaning, "FIRST_BATCH", 4)
    for _ in range(deleted[-1]):
        start().end(actor="test", at=LONG_AGO + HOUR)
    progress: list[int] = []
    clock(monkeypatch, step=seconds)
    assert cleaned("user_sessions", seen=progress.append) == deleted[-1]
    assert progress == deleted


def test_rows_that_are_not_due_among_others_are_walked_past(start, monkeypatch):
    monkeypatch.setattr(cleaning, "PAGE", 3)
    for number in range(10):
        session = start(at=LONG_AGO + number * HOUR, lifetime=timedelta(days=1000) if number % 4 else None)
        if number % 4:
            UserSession.objects.filter(pk=session.pk).update(
                expire_at=NOW + DAY, latest_expire_at=NOW + DAY, abandon_at=NOW + DAY
            )
    assert cleaned("user_sessions") == 3
    assert UserSession.objects.count() == 7


def test_cleaning_compiles_no_statement_over_a_whole_table(start, django_assert_max_num_queries):
    for _ in range(3):
        start().end(actor="test", at=LONG_AGO + HOUR)
    with django_assert_max_num_queries(40) as captured:
        cleaned("user_sessions")
    deletes = [query["sql"] for query in captured.captured_queries if query["sql"].startswith("DELETE")]
    assert deletes and all(" IN (" in sql for sql in deletes)


@pytest.fixture
def protect(start, monkeypatch):
    """Return a function that ends some sessions, and gives the last one a row that protects it in this way."""

    def protect(on_delete):
        foreign_key = SignIn._meta.get_field("created_session")
        monkeypatch.setattr(foreign_key.remote_field, "on_delete", on_delete)
        sessions = [start() for _ in range(5)]
        for session in sessions:
            session.end(actor="test", at=LONG_AGO + HOUR)
        SignIn.objects.begin(session.client, session.user, "u1", at=NOW).complete(session)
        return session

    return protect


# A constraint without a rule in Django is checked at the end of a transaction.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("on_delete", [PROTECT, RESTRICT, DO_NOTHING])
def test_a_row_that_the_host_protects_stays_and_the_others_go(protect, on_delete):
    protected = protect(on_delete)
    found = clean(kind_named("user_sessions"), at=NOW)
    assert (found.deleted, found.locked, found.kept) == (4, 0, 1)
    assert UserSession.objects.get() == protected


def test_a_run_reports_what_the_host_protects_and_finishes(protect, capsys):
    protect(PROTECT)
    call_command("sessions", "clean", "--json")
    shown = capsys.readouterr()
    assert "user_sessions: 1 kept. Cannot delete" in shown.err and "'SignIn.created_session'" in shown.err
    found = {each["kind"]: each for each in json.loads(shown.out)}
    assert (found["user_sessions"]["kept"], found["clients"]["deleted"]) == (1, 4)
    assert Event.objects.filter(type="sessions.clean_finished").exists()


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_share_the_rows(start, at_once, monkeypatch):
    monkeypatch.setattr(cleaning, "BATCH", 3)
    for _ in range(20):
        start().end(actor="test", at=LONG_AGO + HOUR)
    results = at_once(partial(cleaned, "user_sessions"), partial(cleaned, "user_sessions"))
    assert sum(results) == 20
    assert not UserSession.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_killed_run_loses_nothing_and_the_next_one_finishes(start, workspace):
    for _ in range(600):
        start()
    environment = os.environ | {
        "DATABASE_URL": url_for_other_processes(),
        "DJANGO_SETTINGS_MODULE": "sessions_project.settings",
    }
    run = subprocess.Popen([sys.executable, "-c", _SLOW_RUN], cwd=Path(__file__).parent.parent, env=environment)
    _wait_until(lambda: UserSession.objects.count() < 600)
    run.send_signal(signal.SIGKILL)
    run.wait(timeout=30)
    left = UserSession.objects.count()
    assert 0 < left < 600
    assert cleaned("user_sessions") == left
    assert Event.objects.filter(type="user_session.expired").count() == 600


# Deletes in batches of ten, so that it is still running when it is killed.
_SLOW_RUN = """
import django; django.setup()
from django.core.management import call_command
from sessions_core import cleaning
cleaning.BATCH = 10
cleaning.time.sleep = lambda seconds, sleep=cleaning.time.sleep: sleep(0.1)
call_command("sessions", "clean")
"""


def _wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)
