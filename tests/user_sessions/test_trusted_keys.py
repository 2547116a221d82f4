"""What a process trusts: read from the database once in a while, and never for longer than ``JWKS_MAX_AGE``."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from user_sessions.exceptions import SessionsUnavailable, SessionTokenRefused
from user_sessions.freshness import LiveSessions
from user_sessions.keys.trusted_keys import TrustedKeys
from user_sessions.models import SigningKey
from user_sessions.tokens.session_tokens import session_token

QUERIES = 3  # the workspace with its policy, its origins, its keys
MAX_AGE = 300.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def trusted(session, clock) -> TrustedKeys:
    session_token(session)  # creates the first key
    return TrustedKeys(clock)


@pytest.fixture
def outage() -> Iterator[Any]:
    def refuse(*_: Any) -> None:
        raise OperationalError("the database does not answer")

    yield lambda: connection.execute_wrappers.append(refuse)
    connection.execute_wrappers.clear()


def kids(trusted: TrustedKeys) -> set[str]:
    found = trusted.current()
    keys: Any = found and found.verifier.keys
    return set(keys.by_kid)


def test_it_is_read_once_and_again_after_half_of_the_longest_time(trusted, clock, django_assert_num_queries):
    with django_assert_num_queries(QUERIES):
        trusted.current()
    clock.now += MAX_AGE / 2 - 0.1
    with django_assert_num_queries(0):
        trusted.current()
    clock.now += 0.1
    with django_assert_num_queries(QUERIES):
        trusted.current()


@pytest.mark.promise("P19")
def test_a_revoked_key_is_forgotten_in_time(trusted, clock):
    before = kids(trusted)
    SigningKey.objects.update(revoked_at=timezone.now())
    assert kids(trusted) == before
    clock.now += MAX_AGE / 2
    assert kids(trusted) == set()


def test_the_setting_shortens_the_time(trusted, clock, settings, django_assert_num_queries):
    settings.USER_SESSIONS = {"JWKS_MAX_AGE": timedelta(seconds=10)}
    trusted.current()
    clock.now += 5
    with django_assert_num_queries(QUERIES):
        trusted.current()


def test_an_outage_uses_the_keys_until_they_are_too_old(trusted, clock, outage):
    before = kids(trusted)
    outage()
    clock.now += MAX_AGE - 0.1
    assert kids(trusted) == before
    clock.now += 0.1
    with pytest.raises(SessionsUnavailable):
        trusted.current()


def test_during_an_outage_the_database_is_asked_once_a_second(trusted, clock, outage):
    trusted.current()
    outage()
    asked: list[Any] = []
    connection.execute_wrappers.insert(0, lambda execute, *rest: asked.append(rest) or execute(*rest))
    clock.now += MAX_AGE
    for _ in range(3):
        with pytest.raises(SessionsUnavailable):
            trusted.current()
    assert len(asked) == 1
    clock.now += 1
    with pytest.raises(SessionsUnavailable):
        trusted.current()
    assert len(asked) == 2


def test_refused_tokens_cause_one_read_a_second(trusted, clock, django_assert_num_queries):
    first = trusted.current()
    with django_assert_num_queries(QUERIES):
        second = trusted.after_refusal(first)
        assert [trusted.after_refusal(second) for _ in range(3)] == [None] * 3
    clock.now += 1
    with django_assert_num_queries(QUERIES):
        assert trusted.after_refusal(second) is trusted.current()


def test_a_thread_that_was_refused_by_older_keys_gets_the_newer_ones(trusted, django_assert_num_queries):
    first = trusted.current()
    newer = trusted.after_refusal(first)
    with django_assert_num_queries(0):
        assert trusted.after_refusal(first) is newer


def test_a_project_without_a_workspace_trusts_nothing(db):
    assert TrustedKeys().current() is None


# Sessions that a process has found active


def test_a_session_is_known_for_the_set_time_from_before_it_was_read(clock, settings):
    settings.USER_SESSIONS = {"SESSION_CACHE_MAX_AGE": timedelta(seconds=10)}
    sessions = LiveSessions(clock)
    with sessions.noted("sess_1", kid="k"):
        clock.now += 3  # the database is slow
    clock.now += 6.9
    assert sessions.has("sess_1", kid="k")
    assert not sessions.has("sess_1", kid="another key") and not sessions.has("sess_2", kid="k")
    clock.now += 0.1
    assert not sessions.has("sess_1", kid="k")


def test_a_session_that_is_over_is_forgotten_and_an_outage_forgets_nothing(clock):
    sessions = LiveSessions(clock)
    with sessions.noted("sess_1", kid="k"):
        pass
    with pytest.raises(SessionsUnavailable), sessions.noted("sess_1", kid="k"):
        raise SessionsUnavailable
    assert sessions.has("sess_1", kid="k")
    with pytest.raises(SessionTokenRefused), sessions.noted("sess_1", kid="k"):
        raise SessionTokenRefused
    assert not sessions.has("sess_1", kid="k")


def test_a_process_remembers_a_limited_number_of_sessions(clock, monkeypatch):
    monkeypatch.setattr("user_sessions.freshness.MOST", 2)
    sessions = LiveSessions(clock)
    for id in ("a", "b", "a", "c"):
        with sessions.noted(id, kid="k"):
            pass
    assert [sessions.has(id, kid="k") for id in ("a", "b", "c")] == [True, False, True]
