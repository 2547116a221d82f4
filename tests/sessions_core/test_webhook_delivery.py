"""At-least-once delivery: a message is delivered or marked dead, whatever fails."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from sessions_core.models import Event, WebhookEndpoint, WebhookMessage
from sessions_core.webhooks.delivery import DELETE_EVERY, Worker
from sessions_core.webhooks.messages import DELETION_BATCH, JITTER, RETENTION, RETRIES_AFTER
from sessions_core.webhooks.models import LEASE
from sessions_core.webhooks.posting import LIMIT, Network
from tests.receivers import closed_port, receiving, status
from user_sessions.models import UserSession

NOW = timezone.now()
ROOT = Path(__file__).parent.parent.parent
IMPATIENT = Network(limit=0.5)


@pytest.fixture
def message(workspace, endpoint, user) -> WebhookMessage:
    UserSession.objects.start(workspace, user, actor="test", at=NOW)
    return WebhookMessage.objects.get()


def test_an_accepted_message_is_sent_once(message, receiver, deliver):
    for _ in range(3):
        deliver(at=NOW)
    message.refresh_from_db()
    assert len(receiver.received) == 1
    assert (message.delivered_at, message.next_attempt_at) == (NOW, None)
    assert (message.attempts, message.last_outcome) == (1, "204")


def test_a_message_is_not_sent_before_it_is_due(message, receiver, deliver):
    deliver(at=NOW - timedelta(seconds=1))
    assert receiver.received == []


def test_a_failed_message_is_retried_on_schedule_and_then_dead(message, receiver, deliver):
    receiver.answer = status(500)
    at = NOW
    for wait in RETRIES_AFTER:
        deliver(at=at)
        message.refresh_from_db()
        assert wait <= message.next_attempt_at - at <= wait * (1 + JITTER)
        at = message.next_attempt_at
    deliver(at=at)
    message.refresh_from_db()
    assert (message.dead_at, message.next_attempt_at, message.last_outcome) == (at, None, "500")
    assert message.attempts == len(receiver.received) == len(RETRIES_AFTER) + 1
    deliver(at=at + timedelta(days=9))
    assert {received.id for received in receiver.received} == {message.pk}
    assert len({received.body for received in receiver.received}) == 1
    assert len({received.headers["webhook-timestamp"] for received in receiver.received}) == message.attempts


def test_the_retries_take_days():
    assert timedelta(days=3) <= sum(RETRIES_AFTER, timedelta()) <= timedelta(days=5)


def test_a_dead_message_can_be_sent_again(message, receiver, deliver):
    WebhookMessage.objects.update(next_attempt_at=None, dead_at=NOW, attempts=10)
    assert [message.send_again(actor="test", at=NOW), message.send_again(actor="test", at=NOW)] == [True, False]
    deliver(at=NOW)
    message.refresh_from_db()
    assert (message.delivered_at, message.dead_at, message.attempts) == (NOW, None, 1)


def settled(message, number, at, **more):
    """Create copies of a message that were delivered, or died, at this time."""
    facts = {"endpoint": message.endpoint, "event": message.event, "next_attempt_at": None, "delivered_at": at} | more
    rows = [WebhookMessage(id=f"msg_{n}_{at:%d%H%M%S}", body="{}", **facts) for n in range(number)]
    return WebhookMessage.objects.bulk_create(rows)


def test_settled_messages_are_kept_for_thirty_days(message, receiver, deliver):
    old, young = NOW - RETENTION, NOW - RETENTION + timedelta(seconds=1)
    settled(message, 1, old)
    settled(message, 1, old - timedelta(days=1), delivered_at=None, dead_at=old)
    (kept,) = settled(message, 1, young)
    deliver(at=NOW - timedelta(seconds=1))
    assert WebhookMessage.objects.count() == 4
    deliver(at=NOW)
    assert set(WebhookMessage.objects.all()) == {message, kept}
    assert Event.objects.filter(pk=message.event_id).exists()


def test_pending_messages_are_never_deleted(message):
    assert WebhookMessage.objects.delete_settled(at=NOW + 9 * RETENTION) == 0


def test_settled_messages_are_deleted_in_batches_of_a_thousand(message):
    settled(message, DELETION_BATCH + 1, NOW - RETENTION)
    assert [WebhookMessage.objects.delete_settled(at=NOW) for _ in range(3)] == [DELETION_BATCH, 1, 0]
    assert DELETION_BATCH == 1000


def test_a_worker_deletes_old_messages_once_an_hour(message, endpoint, django_assert_num_queries):
    clock = [NOW]
    worker = Worker(clock=lambda: clock[0])
    WebhookEndpoint.objects.update(disabled_at=NOW)
    settled(message, 1, NOW - RETENTION)
    worker.run(once=True)
    assert list(WebhookMessage.objects.all()) == [message]
    settled(message, 1, NOW - RETENTION)
    clock[0] = NOW + DELETE_EVERY - timedelta(seconds=1)
    with django_assert_num_queries(1):  # is anything due?
        worker.run(once=True)
    clock[0] = NOW + DELETE_EVERY
    worker.run(once=True)
    assert list(WebhookMessage.objects.all()) == [message]


def test_a_worker_continues_while_old_messages_are_left(message):
    WebhookEndpoint.objects.update(disabled_at=NOW)
    settled(message, DELETION_BATCH + 1, NOW - RETENTION)
    worker = Worker(clock=lambda: NOW)
    for left in (2, 1):
        worker.run(once=True)
        assert WebhookMessage.objects.count() == left


def test_status_410_disables_the_endpoint(message, endpoint, receiver, deliver):
    receiver.answer = status(410)
    deliver(at=NOW)
    endpoint.refresh_from_db()
    assert (endpoint.disabled_at, endpoint.disabled_reason) == (NOW, "the endpoint responded with 410 Gone")
    assert Event.objects.get(type="webhook_endpoint.disabled").actor == "system:webhooks"
    deliver(at=NOW + timedelta(days=1))
    assert len(receiver.received) == 1


def test_a_redirect_is_not_followed(message, receiver, deliver):
    with receiving() as other:
        receiver.answer = status(307, Location=other.url)
        deliver(at=NOW)
        assert other.received == []
    message.refresh_from_db()
    assert (message.last_outcome, message.delivered_at) == ("307", None)


def _silent(handler: BaseHTTPRequestHandler) -> None:
    handler.rfile.read(1)


def _slow_drops(handler: BaseHTTPRequestHandler) -> None:
    for _ in range(600):
        handler.wfile.write(b"H")
        time.sleep(0.05)


def _endless_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        handler.wfile.write(b"X: " + b"x" * 1000 + b"\r\n")


def _garbage(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"no http at all\r\n\r\n")


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (_silent, "TimeoutError"),
        (_slow_drops, "TimeoutError"),
        (_endless_headers, "HTTPException"),
        (_garbage, "BadStatusLine"),
        (_hang_up, "RemoteDisconnected"),
    ],
)
def test_bad_responses_are_failures_within_the_timeout(message, receiver, deliver, answer, outcome):
    receiver.answer = answer
    began = time.monotonic()
    deliver(at=NOW, network=IMPATIENT)
    assert time.monotonic() - began < 3
    message.refresh_from_db()
    assert (message.last_outcome, message.attempts, message.delivered_at) == (outcome, 1, None)


def test_an_endless_body_is_not_read(message, receiver, deliver):
    def endless(handler: BaseHTTPRequestHandler) -> None:
        status(200, **{"Content-Length": str(10**12)})(handler)
        while True:
            handler.wfile.write(b"a secret of another user" * 1000)

    receiver.answer = endless
    deliver(at=NOW, network=IMPATIENT)
    message.refresh_from_db()
    assert (message.last_outcome, message.delivered_at) == ("200", NOW)


def test_a_refused_connection_is_a_failure(message, endpoint, deliver):
    WebhookEndpoint.objects.update(url=f"http://127.0.0.1:{closed_port()}/")
    deliver(at=NOW)
    message.refresh_from_db()
    assert (message.last_outcome, message.attempts) == ("ConnectionRefusedError", 1)


def test_a_secret_that_does_not_open_does_not_stop_other_endpoints(
    workspace, message, receiver, deliver, user, settings
):
    settings.SESSIONS_CORE = settings.SESSIONS_CORE | {"ENCRYPTION_KEYS": ["another key, of thirty-two characters"]}
    with receiving() as other:
        WebhookEndpoint.objects.add(workspace, other.url, actor="test", at=NOW)
        UserSession.objects.start(workspace, user, actor="test", at=NOW)
        deliver(at=NOW + LEASE)
        assert len(other.received) == 1
    message.refresh_from_db()
    assert (message.last_outcome, receiver.received) == ("CannotOpen", [])


def test_a_slow_endpoint_delays_no_other_and_gets_one_message_at_a_time(workspace, endpoint, receiver, deliver, user):
    receiver.answer = _silent
    with receiving() as quick:
        WebhookEndpoint.objects.add(workspace, quick.url, actor="test", at=NOW)
        for _ in range(5):
            UserSession.objects.start(workspace, user, actor="test", at=NOW)
        deliver(at=timezone.now() + timedelta(seconds=1), network=Network(limit=2))
        assert len(quick.received) == 5
        assert len(receiver.received) == receiver.most_at_once == quick.most_at_once == 1
    endpoint.refresh_from_db()
    assert endpoint.busy_until > timezone.now() + timedelta(seconds=10)


def test_events_are_sent_in_order(workspace, endpoint, receiver, deliver, user):
    session = UserSession.objects.start(workspace, user, actor="test", at=NOW)
    session.end(actor="test", at=NOW)
    session.remove(actor="test", at=NOW)
    deliver(at=timezone.now())
    assert receiver.types == ["session.created", "session.ended", "session.removed"]


def test_the_next_worker_sends_the_message_of_a_dead_one(message, receiver, deliver):
    (claimed,) = WebhookMessage.objects.claim(at=NOW, most=1)
    assert claimed == message
    deliver(at=NOW + LEASE - timedelta(seconds=1))
    assert receiver.received == []
    deliver(at=NOW + LEASE)
    assert [received.id for received in receiver.received] == [message.pk]


def test_the_lease_is_longer_than_an_attempt():
    assert timedelta(seconds=LIMIT) * 4 <= LEASE


def test_a_late_worker_does_not_overwrite_the_outcome(message, endpoint, deliver):
    (late,) = WebhookMessage.objects.claim(at=NOW, most=1)
    later = NOW + LEASE * 2
    deliver(at=later)
    late.fail("TimeoutError", at=later)
    late.endpoint.release(until=later + LEASE)
    message.refresh_from_db()
    endpoint.refresh_from_db()
    assert (message.delivered_at, message.last_outcome) == (later, "204")
    assert endpoint.busy_until == later


@pytest.mark.django_db(transaction=True)
def test_concurrent_workers_send_each_message_once_and_one_at_a_time(workspace, endpoint, receiver, user, at_once):
    for _ in range(12):
        UserSession.objects.start(workspace, user, actor="test", at=NOW)
    at_once(*[lambda: Worker().run(once=True)] * 4)
    Worker().run(once=True)
    assert len(receiver.received) == len({received.id for received in receiver.received}) == 12
    assert receiver.most_at_once == 1
    assert not WebhookMessage.objects.filter(delivered_at=None).exists()


@contextmanager
def worker() -> Iterator["subprocess.Popen[bytes]"]:
    """``manage.py deliver_webhooks`` on the database of this test."""
    name = str(connection.settings_dict["NAME"])
    given = os.environ.get("DATABASE_URL", "")
    url = f"sqlite:///{name}" if connection.vendor == "sqlite" else f"{given.rpartition('/')[0]}/{name}"
    command = [sys.executable, "manage.py", "deliver_webhooks"]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"DATABASE_URL": url}) as process:
        try:
            yield process
        finally:
            process.kill()


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_between_post_and_write_loses_nothing(message, receiver, deliver):
    release = Flag()
    receiver.answers = [lambda handler: release.wait(30) and status(200)(handler)]
    with worker() as process:
        until(lambda: receiver.received)
        process.kill()
        process.wait()
    release.set()
    message.refresh_from_db()
    assert (message.attempts, message.delivered_at) == (0, None)
    deliver(at=timezone.now() + LEASE)
    assert [received.id for received in receiver.received] == [message.pk] * 2
    message.refresh_from_db()
    assert message.delivered_at


@pytest.mark.django_db(transaction=True)
def test_a_stopping_worker_finishes_its_current_message(message, receiver):
    release = Flag()
    receiver.answer = lambda handler: release.wait(30) and status(200)(handler)
    with worker() as process:
        until(lambda: receiver.received)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert process.poll() is None
        release.set()
        assert process.wait(30) == 0
    message.refresh_from_db()
    assert (message.last_outcome, message.attempts) == ("200", 1)
