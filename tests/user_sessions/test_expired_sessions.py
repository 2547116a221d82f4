"""The end of an expired session is recorded once, by a command."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from sessions_core.models import Event
from tests.embedded import examples
from tests.policies import set_user_session_policy
from user_sessions.models import Epoch, UserSession
from user_sessions.models.closing import BATCH, record_expired

NOW = timezone.now()
HOUR = timedelta(hours=1)
EXPIRY = NOW + timedelta(days=7)


@pytest.fixture
def start(workspace: Any, u1: Any) -> Any:
    return partial(UserSession.objects.start, workspace, u1, actor="test", at=NOW)


def record(**how: Any) -> int:
    return record_expired(UserSession.objects.all(), **how)


def recorded() -> list[str]:
    return list(Event.objects.filter(type="user_session.expired").values_list("subject", flat=True))


def test_the_command_records_what_has_expired_once(start, capsys):
    abandoned = start(at=NOW - timedelta(days=60))
    start()
    call_command("record_expired_sessions")
    call_command("record_expired_sessions")
    assert capsys.readouterr().out == "1 expired sessions recorded.\n0 expired sessions recorded.\n"
    assert recorded() == [abandoned.pk]


def test_a_record_changes_no_session(start):
    session = start()
    before = UserSession.objects.filter(pk=session.pk).values().get()
    record(at=EXPIRY)
    after = UserSession.objects.filter(pk=session.pk).values().get()
    assert after == before | {"recorded_ends": 1}
    assert session.status_at(EXPIRY) == "expired"


def test_what_an_epoch_or_a_verb_ended_does_not_expire_as_well(start, workspace):
    start().end(actor="test", at=NOW + HOUR)
    start()
    Epoch.objects.begin(workspace, actor="test", at=NOW + HOUR)
    assert record(at=EXPIRY) == 0
    assert not UserSession.objects.filter(recorded_ends=0).exists()


def test_an_expired_session_can_be_removed_later(start):
    session = start()
    record(at=EXPIRY)
    assert session.remove(actor="test", at=EXPIRY + HOUR)
    assert record(at=EXPIRY + HOUR) == 0


def test_an_idle_session_expires_when_nothing_touched_it(start, workspace):
    set_user_session_policy(workspace, idle_lifetime=HOUR)
    session, used = start(), start()
    used.touch(at=NOW + HOUR / 2)
    record(at=NOW + HOUR)
    assert recorded() == [session.pk]


def test_expired_sessions_are_recorded_in_batches(start, monkeypatch):
    monkeypatch.setattr("user_sessions.models.closing.BATCH", 2)
    for _ in range(5):
        start()
    progress: list[int] = []
    assert record(at=EXPIRY, seen=progress.append) == 5
    assert progress == [2, 4, 5]
    assert BATCH == 500


@pytest.mark.django_db(transaction=True)
def test_of_concurrent_runs_one_records_a_session(start, at_once):
    for _ in range(examples(6)):
        sessions = [start().pk for _ in range(4)]
        assert sum(at_once(*[partial(record, at=EXPIRY)] * 4)) == 4
        assert set(sessions) <= set(recorded())
