"""Signals about user sessions: once for each fact, after its transaction has committed."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.db.models import ProtectedError
from django.dispatch import Signal
from django.utils import timezone

from tests.pages import blocks, table
from tests.user_sessions.test_lifecycle import TASK
from user_sessions import signals
from user_sessions.models import Client, Epoch, Status, UserSession
from user_sessions.models.closing import record_expired
from user_sessions.signals import session_ended, session_started

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now()
HOUR = timedelta(hours=1)
EXPIRY = NOW + timedelta(days=7)


class Heard(list[dict[str, Any]]):
    """What a receiver got."""

    def __call__(self, signal: Signal, sender: type, **arguments: Any) -> None:
        assert sender is UserSession
        self.append(arguments)


def hearing(signal: Signal) -> Iterator[Heard]:
    heard = Heard()
    signal.connect(heard)
    yield heard
    signal.disconnect(heard)


@pytest.fixture
def started() -> Iterator[Heard]:
    yield from hearing(session_started)


@pytest.fixture
def ended() -> Iterator[Heard]:
    yield from hearing(session_ended)


@pytest.fixture
def start(workspace: Any, u1: Any) -> Callable[..., UserSession]:
    return partial(UserSession.objects.start, workspace, u1, actor="test")


def facts(heard: Heard) -> list[tuple[Any, ...]]:
    return [(list(one["session_ids"]), one["status"], one["reason"], one["actor"]) for one in heard]


@pytest.mark.parametrize("tasks", [[], [TASK]])
def test_a_sign_in_is_announced_with_its_session(start, u1, started, tasks):
    session = start(tasks=tasks)
    (heard,) = started
    assert (heard["session"], heard["session"].user, heard["actor"]) == (session, u1, "test")


def test_a_task_that_is_set_later_starts_no_session(start, started):
    session = start()
    session.require(TASK, actor="test")
    session.fulfil(TASK, actor="test")
    assert len(started) == 1


@pytest.mark.parametrize(
    ("verb", "status"), [("end", "ended"), ("revoke", "revoked"), ("replace", "replaced"), ("remove", "removed")]
)
def test_an_end_is_announced_with_what_is_known_of_it(start, workspace, ended, verb, status):
    session = start()
    getattr(session, verb)(actor="operator:1", reason="a lost phone", at=NOW + HOUR)
    assert facts(ended) == [([session.pk], status, "a lost phone", "operator:1")]
    assert (ended[0]["workspace_id"], ended[0]["at"]) == (workspace.pk, NOW + HOUR)
    assert isinstance(ended[0]["status"], Status)


@pytest.mark.parametrize("first", ["end", "revoke", "replace", "expire", "epoch"])
def test_a_session_ends_once_even_if_it_is_removed_later(start, workspace, ended, first):
    session = start(at=NOW)
    match first:
        case "expire":
            record_expired(UserSession.objects.all(), at=EXPIRY)
        case "epoch":
            Epoch.objects.begin(workspace, actor="test", at=NOW + HOUR)
        case _:
            getattr(session, first)(actor="test", at=NOW + HOUR)
    assert session.remove(actor="test", at=EXPIRY)
    record_expired(UserSession.objects.all(), at=EXPIRY + HOUR)
    assert len(ended) == 1


def test_nothing_is_announced_before_the_commit_nor_after_a_roll_back(start, started, ended):
    session = start()
    started.clear()
    with transaction.atomic():
        start()
        session.revoke(actor="test")
        transaction.set_rollback(True)
    assert (started, ended) == ([], [])
    with transaction.atomic():
        session.revoke(actor="test")
        assert ended == []
    assert len(ended) == 1


def test_a_block_that_is_rolled_back_alone_announces_nothing(start, ended):
    session, other = start(), start()
    with transaction.atomic():
        with transaction.atomic():
            other.revoke(actor="test")
            transaction.set_rollback(True)
        session.revoke(actor="test")
    assert facts(ended) == [([session.pk], "revoked", "", "test")]


def test_a_receiver_that_raises_is_logged_and_stops_nobody(start, ended, caplog):
    def raises(**_: Any) -> None:
        raise ZeroDivisionError

    session = start()
    receivers, session_ended.receivers = session_ended.receivers, []
    session_ended.connect(raises)
    session_ended.receivers += receivers
    try:
        assert session.revoke(actor="test") is True
    finally:
        session_ended.disconnect(raises)
    assert len(ended) == 1
    assert "ZeroDivisionError" in caplog.text
    assert session.status == "revoked"


def test_many_sessions_that_are_closed_together_are_announced_together(start, u1, ended, django_assert_num_queries):
    sessions = {start().pk for _ in range(3)}
    with django_assert_num_queries(5):  # BEGIN, UPDATE, INSERT of the events, endpoints, COMMIT
        UserSession.objects.of_user(u1).revoke(actor="test")
    ((ids, *_),) = facts(ended)
    assert set(ids) == sessions


def test_without_receivers_nothing_costs_a_query(start, workspace, u1, django_assert_num_queries):
    session = start()
    with django_assert_num_queries(5):
        UserSession.objects.filter(pk=session.pk).revoke(actor="test")
    with django_assert_num_queries(5):
        Epoch.objects.begin(workspace, actor="test")


def test_an_epoch_is_announced_once_with_the_sessions_it_ended(start, workspace, elsewhere, u1, ended):
    before = start(at=NOW - HOUR)
    before.revoke(actor="test")
    UserSession.objects.start(elsewhere, u1, actor="test")
    chosen = {start(at=NOW).pk for _ in range(2)}
    ended.clear()
    Epoch.objects.begin(workspace, actor="operator:1", reason="a leak", at=NOW + HOUR)
    Epoch.objects.begin(workspace, actor="operator:2", at=NOW + 2 * HOUR)
    first, second = facts(ended)
    assert (set(first[0]), first[1:]) == (chosen, ("revoked", "a leak", "operator:1"))
    assert second[0] == []


def deletion_of_user(session: UserSession) -> str:
    session.user.delete()
    return "user_deleted"


def deletion_of_client(session: UserSession) -> str:
    session.client.delete()
    return "client_deleted"


def deletion_of_clients(session: UserSession) -> str:
    Client.objects.all().delete()
    return "client_deleted"


def deletion_of_session(session: UserSession) -> str:
    session.delete()
    return "session_deleted"


@pytest.mark.parametrize("delete", [deletion_of_user, deletion_of_client, deletion_of_clients, deletion_of_session])
def test_a_session_that_is_deleted_with_what_it_belongs_to_is_announced(start, ended, delete):
    session = start()
    id = session.pk
    reason = delete(session)
    assert facts(ended) == [([id], "revoked", reason, f"system:{reason}")]
    assert not UserSession.objects.exists()


def test_a_workspace_with_sessions_cannot_be_deleted(start, workspace, ended):
    session = start()
    with pytest.raises(ProtectedError):
        workspace.delete()
    assert (ended, session.status) == ([], "active")


# Expiry


def test_the_end_of_an_expired_session_is_announced_when_it_is_found(start, ended):
    abandoned = start(at=NOW - timedelta(days=60))
    start()
    call_command("record_expired_sessions")
    call_command("record_expired_sessions")
    assert facts(ended) == [([abandoned.pk], "expired", "", "system:expired")]


def test_expired_sessions_are_announced_in_batches(start, monkeypatch, ended):
    monkeypatch.setattr("user_sessions.models.closing.BATCH", 2)
    for _ in range(5):
        start(at=NOW)
    record_expired(UserSession.objects.all(), at=EXPIRY)
    assert [len(ids) for ids, *_ in facts(ended)] == [2, 2, 1]


# The page


ARGUMENTS = {
    name: set(re.findall(r"`(\w+)`", cell)) for name, _, cell in table("signals.md", "Signals of user sessions")
}


def test_the_page_lists_what_receivers_get(start, started, ended):
    start().revoke(actor="test")
    assert set(started[0]) == ARGUMENTS["session_started"]
    assert set(ended[0]) == ARGUMENTS["session_ended"]
    assert set(ARGUMENTS) == set(signals.__all__)


def test_the_receivers_of_the_page_work(start, capsys, monkeypatch):
    for signal in (signals.session_started, signals.session_ended):
        monkeypatch.setattr(signal, "receivers", [])  # those of the page are gone after it
    (code,) = blocks("signals.md", "python")
    names: dict[str, Any] = {}
    exec(compile(code, "signals.md", "exec"), names)
    session = start()
    session.revoke(actor="test")
    assert capsys.readouterr().out == f"u1 signed in\n{session.pk} is over: Revoked\n"
