"""When an API key was last used: recorded in coarse steps, and never at the cost of a request."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from sessions_core.db.side_writes import PAUSE
from sessions_core.db.transactions import atomic
from sessions_core.models import ApiKey, Event, NotRollable
from sessions_core.models.api_keys import LONGEST_WAIT
from sessions_core.models.key_uses import ENDING_INTERVAL, USE_INTERVAL, KeyUses, key_uses

NOW = timezone.now()
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    """Forget the failures of a database in other tests of this process."""
    monkeypatch.setattr(key_uses, "_paused_until", 0.0)


@pytest.fixture
def issued(workspace):
    return ApiKey.objects.issue(workspace, name="backend", actor="test")


@pytest.fixture
def used(django_capture_on_commit_callbacks):
    """Return a function that uses a key and returns it as stored."""

    def used(text, at):
        with django_capture_on_commit_callbacks(execute=True):
            key = ApiKey.authenticate(text, at=at) or ApiKey.authenticate_publishable(text, at=at)
        assert key
        key.refresh_from_db()
        return key

    return used


def test_a_new_key_was_never_used(issued):
    assert issued[0].last_used_at is None


def test_the_first_use_is_recorded_at_once_and_a_later_one_after_the_interval(issued, used):
    _, text = issued
    assert used(text, NOW).last_used_at == NOW
    assert used(text, NOW + USE_INTERVAL - SECOND).last_used_at == NOW
    assert used(text, NOW + USE_INTERVAL).last_used_at == NOW + USE_INTERVAL


def test_the_use_of_a_publishable_key_is_recorded_too(workspace, used):
    key = ApiKey.objects.issue_publishable(workspace, name="web", actor="test")
    assert used(key.publishable_key, NOW).last_used_at == NOW


def test_a_key_that_ends_records_its_use_every_minute(issued, used):
    key, text = issued
    key.roll(overlap=HOUR, actor="test", at=NOW)
    used(text, NOW)
    assert used(text, NOW + ENDING_INTERVAL).last_used_at == NOW + ENDING_INTERVAL


def test_a_refused_key_writes_nothing(issued, django_capture_on_commit_callbacks):
    key, text = issued
    key.revoke(actor="test")
    with django_capture_on_commit_callbacks() as callbacks:
        assert ApiKey.authenticate(text) is None
        assert ApiKey.authenticate(text[:-1] + ("1" if text[-1] != "1" else "2")) is None
    assert callbacks == []


@pytest.mark.django_db(transaction=True)
def test_most_requests_write_nothing_and_one_an_hour_writes_one_row(issued, statements):
    _, text = issued
    made = []
    for at in (NOW, NOW + SECOND, NOW + HOUR - SECOND, NOW + HOUR):
        with statements() as seen:
            ApiKey.authenticate(text, at=at)
        made.append([sql.split()[0] for sql in seen if not sql.startswith(("BEGIN", "COMMIT"))])
    assert made == [["SELECT", "UPDATE", "SELECT"], ["SELECT"], ["SELECT"], ["SELECT", "UPDATE"]]


@pytest.mark.django_db(transaction=True)
def test_of_uses_at_once_one_is_recorded(issued, at_once):
    key, text = issued
    instants = [NOW + n * SECOND for n in range(4)]
    at_once(*[lambda at=at: ApiKey.authenticate(text, at=at) for at in instants])
    key.refresh_from_db()
    assert key.last_used_at in instants


@pytest.mark.django_db(transaction=True)
def test_a_database_that_cannot_be_written_refuses_no_request_and_is_left_alone(issued):
    key, text = issued
    tried = []

    def refuse(execute, sql, params, many, context):
        if sql.startswith("UPDATE"):
            tried.append(sql)
            raise OperationalError("database is locked")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        assert [ApiKey.authenticate(text) for _ in range(3)] == [key] * 3
    assert len(tried) == 1


def test_after_the_pause_uses_are_recorded_again(issued, monkeypatch, django_capture_on_commit_callbacks):
    uses, clock = KeyUses(), [1000.0]
    monkeypatch.setattr("sessions_core.db.side_writes.time.monotonic", lambda: clock[0])
    uses._paused_until = clock[0] + PAUSE
    for later, recorded in ((PAUSE - 1, 0), (PAUSE, 1)):
        clock[0] = 1000.0 + later
        with django_capture_on_commit_callbacks() as callbacks:
            uses.note(issued[0], at=NOW)
        assert len(callbacks) == recorded


# Uses of a rolled key


@pytest.fixture
def rolled(issued):
    """Return a rolled key with its text, and the successor's text."""
    key, text = issued
    return key, text, key.roll(overlap=HOUR, actor="test", at=NOW)[1]


def test_the_uses_of_a_rolled_key_are_added_once_a_minute(rolled, used):
    _, text, _ = rolled
    seconds = (0, 1, 2, 59, 60, 61)
    assert [used(text, NOW + n * SECOND).uses_since_roll for n in seconds] == [1, 1, 1, 1, 5, 5]
    assert used(text, NOW + 121 * SECOND).uses_since_roll == 7


def test_each_process_adds_its_own(rolled, used, monkeypatch):
    _, text, _ = rolled
    other = KeyUses()
    assert used(text, NOW).uses_since_roll == 1
    monkeypatch.setattr("sessions_core.models.api_keys.key_uses", other)
    assert used(text, NOW + SECOND).uses_since_roll == 1
    monkeypatch.undo()
    assert used(text, NOW + 60 * SECOND).uses_since_roll == 2
    monkeypatch.setattr("sessions_core.models.api_keys.key_uses", other)
    assert used(text, NOW + 62 * SECOND).uses_since_roll == 4


def test_other_keys_are_not_counted(issued, used, rolled):
    assert used(rolled[2], NOW).uses_since_roll == 0


@pytest.mark.django_db(transaction=True)
def test_uses_at_once_are_all_counted(rolled, at_once):
    key, text, _ = rolled
    at_once(*[lambda: ApiKey.authenticate(text, at=NOW)] * 4)
    ApiKey.authenticate(text, at=NOW + 2 * ENDING_INTERVAL)
    key.refresh_from_db()
    assert key.uses_since_roll == 5


def test_a_count_that_could_not_be_written_is_written_later(rolled, used, monkeypatch):
    _, text, _ = rolled
    with monkeypatch.context() as patched:
        patched.setattr(key_uses, "_paused_until", float("inf"))
        assert used(text, NOW).uses_since_roll == 0
    assert used(text, NOW + SECOND).uses_since_roll == 2


def test_the_last_uses_are_added_after_another_request_and_nothing_is_kept(rolled, used):
    key, text, _ = rolled
    for second in range(51):
        used(text, NOW + second * SECOND)
    key_uses.write(at=NOW + 60 * SECOND)
    assert stored(key) == (1, NOW)  # the first of them was not a minute ago
    key_uses.write(at=NOW + 61 * SECOND)
    assert stored(key) == (51, NOW + 50 * SECOND) and not key_uses.has_counts()


def test_the_end_of_the_process_adds_the_rest(rolled, used):
    key, text, _ = rolled
    used(text, NOW), used(text, NOW + SECOND)
    key_uses.write_rest()
    assert stored(key) == (2, NOW + SECOND)


def test_the_uses_of_a_deleted_key_are_forgotten(rolled, used):
    key, text, _ = rolled
    used(text, NOW), used(text, NOW + SECOND)
    ApiKey.objects.filter(pk=key.pk).delete()
    key_uses.write_rest()
    assert not key_uses.has_counts()


def test_the_last_use_does_not_go_back(rolled, used):
    key, text, _ = rolled
    used(text, NOW), used(text, NOW + SECOND)
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=NOW + HOUR / 2)  # by another process
    key_uses.write_rest()
    assert stored(key) == (2, NOW + HOUR / 2)


def test_a_burst_that_read_the_key_before_its_last_use_writes_once(rolled, django_capture_on_commit_callbacks):
    key, _, _ = rolled
    for second in range(3):
        with django_capture_on_commit_callbacks(execute=True):
            key_uses.note(key, at=NOW + second * SECOND)
    assert stored(key) == (1, NOW)


def stored(key):
    key.refresh_from_db()
    return key.uses_since_roll, key.last_used_at


# An overlap that begins with the first use of the successor


def test_the_overlap_begins_when_the_successor_is_first_used(issued, used):
    key, text = issued
    successor, new = key.roll(overlap=HOUR, from_first_use=True, actor="test", at=NOW)
    assert key.expires_at == NOW + LONGEST_WAIT + HOUR
    first = NOW + 3 * HOUR
    used(new, first)
    assert used(text, first).expires_at == first + HOUR
    begun = Event.objects.get(type="api_key.overlap_begun")
    assert (begun.subject, begun.actor) == (key.short, successor.actor)
    assert begun.data == {"expires_at": (first + HOUR).isoformat()}


def test_a_later_use_does_not_prolong_the_overlap(issued, used):
    key, _ = issued
    _, new = key.roll(overlap=HOUR, from_first_use=True, actor="test", at=NOW)
    used(new, NOW)
    used(new, NOW + 2 * HOUR)
    key.refresh_from_db()
    assert key.expires_at == NOW + HOUR
    assert Event.objects.filter(type="api_key.overlap_begun").count() == 1


def test_the_first_use_moves_no_end_that_was_dated(issued, used):
    key, _ = issued
    _, new = key.roll(overlap=2 * HOUR, actor="test", at=NOW)
    used(new, NOW + SECOND)
    key.refresh_from_db()
    assert key.expires_at == NOW + 2 * HOUR


# Keys with an end of their own


def test_a_key_with_an_end_is_rolled_to_one_of_the_same_lifetime(workspace):
    end = timezone.now() + 24 * HOUR
    key, _ = ApiKey.objects.issue(workspace, name="backend", actor="test", expires_at=end)
    at = key.created_at + HOUR
    successor, _ = key.roll(overlap=48 * HOUR, actor="test", at=at)
    assert (key.expires_at, key.successor) == (end, successor)
    assert successor.expires_at - at == end - key.created_at


def test_an_expired_key_is_not_rolled(workspace):
    end = timezone.now() + HOUR
    key, _ = ApiKey.objects.issue(workspace, name="backend", actor="test", expires_at=end)
    with pytest.raises(NotRollable):
        key.roll(overlap=HOUR, actor="test", at=end)
    assert ApiKey.objects.count() == 1


def test_an_end_in_the_past_is_refused(workspace):
    with pytest.raises(ValueError, match="expires_at must be in the future"):
        ApiKey.objects.issue(workspace, name="backend", actor="test", expires_at=NOW)
    with pytest.raises(ValueError, match="expires_at must be a datetime with a time zone"):
        ApiKey.objects.issue(workspace, name="backend", actor="test", expires_at=NOW.replace(tzinfo=None))


def test_the_events_say_when_a_key_ends_and_why_it_was_revoked(workspace):
    key, _ = ApiKey.objects.issue(workspace, name="backend", actor="test", expires_at=timezone.now() + HOUR)
    key.revoke(actor="test", reason="found in a log")
    created, revoked = Event.objects.filter(subject=key.short).order_by("pk")
    assert (created.data, revoked.data) == ({"expires_at": key.expires_at.isoformat()}, {"reason": "found in a log"})


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_no_request_waits_for_a_key_that_is_being_changed(issued):
    key, text = issued
    locked, done = threading.Event(), threading.Event()

    def change():
        with atomic():
            ApiKey.objects.select_for_update().get(pk=key.pk)
            locked.set()
            done.wait(30)
        connection.close()

    changing = threading.Thread(target=change)
    changing.start()
    locked.wait(30)
    try:
        assert ApiKey.authenticate(text) == key  # it would wait for ``done`` for ever
    finally:
        done.set()
        changing.join()
    key.refresh_from_db()
    assert key.last_used_at is None
