"""Verbs of operators on webhook endpoints: change, test, recover; and what a message records of its attempts."""

from datetime import timedelta

import pytest
from django.utils import timezone

from sessions_core.models import Event, WebhookEndpoint, WebhookMessage
from sessions_core.webhooks.addresses import NotAllowed
from sessions_core.webhooks.messages import RETRIES_AFTER
from tests.receivers import status
from user_sessions.models import UserSession

NOW = timezone.now()
HOUR = timedelta(hours=1)


@pytest.fixture
def hooks(workspace):
    return WebhookEndpoint.objects.add(workspace, "https://hooks.example.com/a?token=s3cret", actor="test")[0]


def messages(workspace, endpoint, user, many):
    for _ in range(many):
        UserSession.objects.start(workspace, user, actor="test")
    return list(WebhookMessage.objects.filter(endpoint=endpoint).order_by("event_id"))


def die(message, *, at):
    WebhookMessage.objects.filter(pk=message.pk).update(attempts=len(RETRIES_AFTER))
    message.refresh_from_db()
    message.fail("500", at=at)


def test_a_changed_url_is_an_event_without_the_url(hooks):
    assert hooks.change(url="https://hooks.example.com/b", description="ours", actor="operator:1")
    hooks.refresh_from_db()
    assert (hooks.url, hooks.description) == ("https://hooks.example.com/b", "ours")
    assert (event := Event.objects.first()).type == "webhook_endpoint.changed"
    assert (event.data, event.actor) == ({"changed": ["url", "description"]}, "operator:1")


def test_a_change_to_the_same_values_is_no_event(hooks):
    assert not hooks.change(url=hooks.url, description="", actor="test")
    assert Event.objects.filter(type="webhook_endpoint.changed").count() == 0


@pytest.mark.parametrize("url", ["http://hooks.example.com/", "https://10.0.0.1/", "nothing", ""])
def test_a_url_that_is_not_allowed_changes_nothing(hooks, url):
    with pytest.raises(NotAllowed):
        hooks.change(url=url, description="x", actor="test")
    hooks.refresh_from_db()
    assert hooks.description == ""


def test_a_test_message_reaches_this_endpoint_alone(workspace, endpoint, receiver, deliver):
    other = WebhookEndpoint.objects.add(workspace, receiver.url, actor="test")[0]
    sent = WebhookMessage.objects.send_test(endpoint, actor="operator:1")
    deliver()
    (received,) = receiver.received
    assert received.headers["webhook-id"] == sent.pk
    assert (received.json["type"], received.json["data"]) == ("webhook.test", {"endpoint_id": str(endpoint.pk)})
    assert not other.messages.exists()
    assert Event.objects.get(type="webhook_endpoint.tested").actor == "operator:1"


def test_a_disabled_endpoint_gets_no_test_message(endpoint):
    endpoint.disable(actor="test")
    assert WebhookMessage.objects.send_test(endpoint, actor="test") is None
    assert not Event.objects.filter(type="webhook_endpoint.tested").exists()


def test_an_attempt_records_its_end_and_its_duration(workspace, endpoint, receiver, deliver, user):
    receiver.answers = [status(500)]
    UserSession.objects.start(workspace, user, actor="test")
    deliver()
    message = WebhookMessage.objects.get()
    assert message.last_outcome == "500"
    assert NOW <= message.attempted_at <= timezone.now()
    assert 0 <= message.response_time < 15_000
    at, took = message.attempted_at.isoformat(), message.response_time
    assert message.recent_attempts == [{"at": at, "outcome": "500", "took": took}]


def test_messages_that_died_since_then_are_sent_again(workspace, hooks, user):
    old, new, waiting, _untouched = messages(workspace, hooks, user, 4)
    die(old, at=NOW - 3 * HOUR)
    die(new, at=NOW - HOUR)
    waiting.fail("500", at=NOW)
    assert WebhookMessage.objects.recover(hooks, since=NOW - 2 * HOUR, actor="operator:1", at=NOW) == 2
    due = set(WebhookMessage.objects.filter(next_attempt_at=NOW, attempts=0).values_list("pk", flat=True))
    assert due == {new.pk, waiting.pk}
    old.refresh_from_db()
    assert old.dead_at == NOW - 3 * HOUR
    event = Event.objects.get(type="webhook_endpoint.recovered")
    assert event.data == {"since": (NOW - 2 * HOUR).isoformat(), "messages": 2}


def test_nothing_to_recover_is_no_event_and_other_endpoints_stay(workspace, hooks, endpoint, user):
    (theirs,) = messages(workspace, endpoint, user, 1)
    die(theirs, at=NOW)
    assert WebhookMessage.objects.recover(hooks, since=NOW - HOUR, actor="test") == 0
    assert not Event.objects.filter(type="webhook_endpoint.recovered").exists()


def test_recovering_costs_three_statements(workspace, hooks, user, statements):
    for message in messages(workspace, hooks, user, 5):
        die(message, at=NOW)
    with statements() as made:
        assert WebhookMessage.objects.recover(hooks, since=NOW - HOUR, actor="test") == 5
    assert len(made) == 3
