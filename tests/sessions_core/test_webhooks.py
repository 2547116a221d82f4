"""The content, the endpoints and the signature of webhooks."""

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
import standardwebhooks
import svix
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from sessions_core.models import ApiKey, Event, WebhookEndpoint, WebhookMessage
from sessions_core.webhooks.messages import RETENTION, RETRIES_AFTER, TEST
from sessions_core.webhooks.models import OVERLAP
from tests.dump import dump
from tests.pages import DOCS, table
from user_sessions.clerk.webhook_shapes import ANNOUNCED
from user_sessions.models import UserSession
from user_sessions.profiles import default_profile

VERIFIERS = [
    (standardwebhooks.Webhook, standardwebhooks.WebhookVerificationError),
    (svix.webhooks.Webhook, svix.webhooks.WebhookVerificationError),
]


@pytest.mark.wire("C133")
@pytest.mark.parametrize(
    ("verb", "status"), [(None, "active"), ("end", "ended"), ("remove", "removed"), ("revoke", "revoked")]
)
def test_each_change_of_a_session_is_announced_with_session_and_user(
    workspace, endpoint, receiver, deliver, user, verb, status
):
    session = UserSession.objects.start(workspace, user, actor="test")
    if verb:
        getattr(session, verb)(actor="test")
    deliver()
    assert receiver.types == ["session.created", *([f"session.{status}"] if verb else [])]
    sent = receiver.received[-1].json
    assert (sent["data"]["id"], sent["data"]["status"]) == (session.pk, status)
    assert (sent["data"]["user"]["id"], sent["data"]["user"]["first_name"]) == (f"user_{user.pk}", "Maria")
    assert "tasks" not in sent["data"]


def test_events_of_several_types_that_are_recorded_together_are_all_announced(
    workspace, endpoint, receiver, deliver, user
):
    session = UserSession.objects.start(workspace, user, actor="test")
    facts = {"subject": session.pk, "workspace": workspace, "actor": "test", "created_at": timezone.now()}
    Event.objects.record_together([Event(type=f"user_session.{change}", **facts) for change in ("ended", "removed")])
    deliver()
    assert receiver.types == ["session.created", "session.ended", "session.removed"]


@pytest.mark.wire("C137")
def test_the_webhook_envelope_is_clerks(workspace, endpoint, receiver, deliver, user):
    session = UserSession.objects.start(workspace, user, actor="test")
    deliver()
    sent = receiver.received[0].json
    del sent["data"]
    assert sent == {
        "object": "event",
        "type": "session.created",
        "instance_id": str(workspace.pk),
        "timestamp": int(session.created_at.timestamp() * 1000),
        "event_attributes": {"http_request": {"client_ip": "", "user_agent": ""}},
    }
    assert receiver.received[0].path == "/hooks?for=test"
    assert receiver.received[0].headers["content-type"] == "application/json"


@pytest.mark.wire("C134")
@pytest.mark.parametrize(("verifier", "refusal"), VERIFIERS)
def test_webhook_libraries_accept_the_delivery_and_refuse_a_changed_byte(
    workspace, receiver, deliver, user, verifier, refusal
):
    _, secret = WebhookEndpoint.objects.add(workspace, receiver.url, actor="test")
    UserSession.objects.start(workspace, user, actor="test")
    deliver()
    (received,) = receiver.received
    ours = verifier(secret)
    assert ours.verify(received.body, received.headers)["type"] == "session.created"
    with pytest.raises(refusal):
        ours.verify(received.body.replace(b"active", b"actipe"), received.headers)
    for name in ("id", "timestamp"):
        value = received.headers[f"webhook-{name}"]
        assert received.headers[f"svix-{name}"] == value
        changed = value[:-1] + ("1" if value[-1] != "1" else "2")
        with pytest.raises(refusal):
            ours.verify(received.body, received.headers | {f"webhook-{name}": changed, f"svix-{name}": changed})


@pytest.mark.wire("C135")
def test_a_revoke_that_changes_nothing_is_not_announced(workspace, endpoint, receiver, deliver, user):
    session = UserSession.objects.start(workspace, user, actor="test")
    assert [session.revoke(actor="test") for _ in range(3)] == [True, False, False]
    deliver()
    assert receiver.types == ["session.created", "session.revoked"]


def test_other_events_send_no_webhook(workspace, endpoint, user):
    UserSession.objects.start(workspace, user, actor="test").replace(actor="test")
    ApiKey.objects.issue(workspace, name="a backend", actor="test")
    assert [message.type for message in WebhookMessage.objects.all()] == ["session.created"]


def test_a_rolled_back_change_sends_no_webhook(workspace, endpoint, user):
    with transaction.atomic():
        UserSession.objects.start(workspace, user, actor="test")
        assert WebhookMessage.objects.count() == 1
        transaction.set_rollback(True)
    assert not WebhookMessage.objects.exists()


def test_a_webhook_contains_the_state_at_the_time_of_the_event(workspace, endpoint, receiver, deliver, user):
    session = UserSession.objects.start(workspace, user, actor="test")
    session.revoke(actor="test")
    get_user_model().objects.update(first_name="Mary")
    deliver()
    assert [(sent.json["data"]["status"], sent.json["data"]["user"]["first_name"]) for sent in receiver.received] == [
        ("active", "Maria"),
        ("revoked", "Maria"),
    ]


def test_another_workspace_receives_nothing(workspace, elsewhere, endpoint, receiver, deliver, user):
    UserSession.objects.start(elsewhere, user, actor="test").revoke(actor="test")
    deliver()
    assert receiver.received == []


def test_every_endpoint_of_a_workspace_receives_the_event(workspace, endpoint, receiver, deliver, user):
    WebhookEndpoint.objects.add(workspace, receiver.url, actor="test")
    UserSession.objects.start(workspace, user, actor="test")
    deliver()
    assert receiver.types == ["session.created"] * 2
    assert len({received.id for received in receiver.received}) == 2


def test_a_bulk_revoke_sends_each_event_to_its_own_workspace(
    workspace, elsewhere, endpoint, receiver, user, django_assert_num_queries
):
    for where in (workspace, elsewhere) * 20:
        UserSession.objects.start(where, user, actor="test")
    WebhookEndpoint.objects.add(elsewhere, receiver.url, actor="test")
    WebhookMessage.objects.all().delete()
    events = list(Event.objects.filter(type="user_session.created"))
    with django_assert_num_queries(5):  # the endpoints, the sessions with their users, a savepoint, the messages
        WebhookMessage.objects.create_for(events)
    sent = WebhookMessage.objects.select_related("endpoint", "event")
    assert len(sent) == 40
    for message in sent:
        body = json.loads(message.body)
        assert message.endpoint.workspace_id == message.event.workspace_id
        assert (body["instance_id"], body["data"]["id"]) == (str(message.event.workspace_id), message.event.subject)


def test_without_endpoints_an_event_costs_at_most_one_query(workspace, user, django_assert_num_queries):
    session = UserSession.objects.start(workspace, user, actor="test")
    created = Event.objects.get(subject=session.pk)
    with django_assert_num_queries(1):
        WebhookMessage.objects.create_for([created])
    with django_assert_num_queries(0):
        WebhookMessage.objects.create_for([Event(type="api_key.created")])


def test_a_disabled_endpoint_receives_nothing_until_it_is_enabled(workspace, endpoint, receiver, deliver, user):
    UserSession.objects.start(workspace, user, actor="test")
    assert [endpoint.disable(actor="test"), endpoint.disable(actor="test")] == [True, False]
    UserSession.objects.start(workspace, user, actor="test")
    deliver()
    assert receiver.received == []
    assert [endpoint.enable(actor="test"), endpoint.enable(actor="test")] == [True, False]
    deliver()
    assert receiver.types == ["session.created"]


def test_both_secrets_sign_for_a_day(workspace, receiver, deliver, user):
    now = timezone.now()
    endpoint, old = WebhookEndpoint.objects.add(workspace, receiver.url, actor="test", at=now)
    new = endpoint.rotate(actor="test", at=now)
    for at in (now, now + OVERLAP):
        UserSession.objects.start(workspace, user, actor="test", at=now)
        deliver(at=at)
    during, after = receiver.received
    for secret in (old, new):
        assert standardwebhooks.Webhook(secret).verify(during.body, during.headers)
    assert [len(received.headers["svix-signature"].split()) for received in (during, after)] == [2, 1]
    endpoint.refresh_from_db()
    assert endpoint.secrets(at=now + OVERLAP) == [new]


def test_changes_of_an_endpoint_are_recorded_as_events(workspace, endpoint):
    endpoint.rotate(actor="test")
    endpoint.disable(actor="test", reason="spam")
    endpoint.enable(actor="test")
    events = Event.objects.filter(subject=str(endpoint.pk), workspace_id=workspace.pk)
    assert [event.type.partition(".")[2] for event in reversed(events)] == ["created", "rotated", "disabled", "enabled"]


@pytest.mark.promise("P1", "P2")
def test_a_secret_is_in_no_dump_and_does_not_open_elsewhere(workspace, receiver):
    endpoint, first = WebhookEndpoint.objects.add(workspace, receiver.url, actor="test")
    second = endpoint.rotate(actor="test")
    everything = "\n".join(dump())
    assert str(endpoint.pk).replace("-", "") in everything.replace("-", "")
    for secret in (first, second):
        bare = secret.removeprefix("whsec_")
        assert bare not in everything
        assert secret.encode().hex() not in everything
    other, _ = WebhookEndpoint.objects.add(workspace, receiver.url, actor="test")
    other.sealed_secret = WebhookEndpoint.objects.get(pk=endpoint.pk).sealed_secret
    with pytest.raises(Exception, match="another row"):
        other.secrets(at=timezone.now())


def failing(user):
    raise RuntimeError("the host's own")


def querying(user):
    with connection.cursor() as cursor:
        cursor.execute("SELECT nothing FROM nowhere")


def unusual(user):
    return replace(default_profile(user), public_metadata={(1, 2): "no JSON", "n": float("nan")})


def private(user):
    return replace(default_profile(user), private_metadata={"note": "owes money"}, public_metadata={"plan": "gold"})


def profile(settings, function):
    settings.USER_SESSIONS = {"USER_PROFILE": f"{__name__}.{function.__name__}"}


@pytest.mark.parametrize("function", [failing, querying])
def test_a_failing_profile_does_not_stop_a_sign_in_or_a_revoke(workspace, endpoint, user, settings, caplog, function):
    profile(settings, function)
    session = UserSession.objects.start(workspace, user, actor="test")
    assert session.revoke(actor="test")
    bodies = [json.loads(message.body) for message in WebhookMessage.objects.all()]
    assert [(body["data"]["id"], body["data"]["user"]) for body in bodies] == [(session.pk, None)] * 2
    assert f"the profile of user {user.pk} failed" in caplog.text


def test_metadata_that_are_not_json_do_not_stop_a_revoke(workspace, endpoint, user, settings):
    profile(settings, unusual)
    assert UserSession.objects.start(workspace, user, actor="test").revoke(actor="test")
    assert [json.loads(message.body)["type"] for message in WebhookMessage.objects.order_by("event_id")] == [
        "session.created",
        "session.revoked",
    ]


def test_a_webhook_contains_no_private_metadata(workspace, endpoint, receiver, deliver, user, settings):
    profile(settings, private)
    UserSession.objects.start(workspace, user, actor="test")
    deliver()
    (received,) = receiver.received
    sent = received.json["data"]["user"]
    assert (sent["private_metadata"], sent["public_metadata"]) == ({}, {"plan": "gold"})
    assert b"owes money" not in received.body
    assert not [text for text in dump() if "owes money" in text]


@pytest.fixture
def console(db: None) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.mark.parametrize(("asked", "is_answered"), [("body__contains=Maria", False), ("attempts__gte=0", True)])
def test_the_console_refuses_lookups_on_hidden_fields(workspace, endpoint, user, console, asked, is_answered):
    UserSession.objects.start(workspace, user, actor="test")
    answer = console.get(f"/admin/sessions_core/webhookmessage/?{asked}")
    assert (answer.status_code == 200) == is_answered


def test_the_console_shows_and_disables_endpoints_and_no_secret(workspace, endpoint, console):
    page = "/admin/sessions_core/webhookendpoint/"
    shown = console.get(f"{page}{endpoint.pk}/change/").content.decode() + console.get(page).content.decode()
    assert "webhook_endpoint.created" in shown
    assert "whsec_" not in shown
    assert bytes(endpoint.sealed_secret).hex()[:40] not in shown
    console.post(page, {"action": "disable", "_selected_action": [str(endpoint.pk)], "confirmed": "yes"})
    endpoint.refresh_from_db()
    assert endpoint.disabled_reason == "disabled in the console"
    console.post(page, {"action": "enable", "_selected_action": [str(endpoint.pk)], "confirmed": "yes"})
    assert WebhookEndpoint.objects.enabled().exists()


@pytest.mark.usefixtures("unseen_operators")
def test_the_console_resends_a_message(workspace, endpoint, receiver, deliver, user, console):
    UserSession.objects.start(workspace, user, actor="test")
    deliver()
    message = WebhookMessage.objects.get()
    page = "/admin/sessions_core/webhookmessage/"
    assert message.pk in console.get(page).content.decode()
    shown = console.get(f"{page}{message.pk}/change/").content.decode()
    assert message.last_outcome in shown and message.endpoint.url in shown
    assert "Maria" not in shown and "instance_id" not in shown
    console.post(page, {"action": "send_again", "_selected_action": [message.pk], "confirmed": "yes"})
    deliver()
    assert [received.id for received in receiver.received] == [message.pk] * 2
    assert Event.objects.filter(type="webhook_message.sent_again", subject=message.pk).count() == 1


def test_the_commands_add_rotate_deliver_and_replay(workspace, receiver, user, capsys):
    call_command("add_webhook", workspace.name, receiver.url)
    endpoint_id, secret = capsys.readouterr().out.split()
    call_command("rotate_webhook_secret", endpoint_id)
    (new,) = capsys.readouterr().out.split()
    assert all(re.fullmatch(r"whsec_[0-9A-Za-z+/]{43}=", each) for each in (secret, new))
    UserSession.objects.start(workspace, user, actor="test")
    call_command("deliver_webhooks", once=True)
    call_command("replay_webhook", WebhookMessage.objects.get().pk)
    assert capsys.readouterr().out == f"Sending again to {receiver.url}.\n"
    call_command("replay_webhook", WebhookMessage.objects.get().pk)
    assert capsys.readouterr().out == "The message is already due.\n"
    call_command("deliver_webhooks", once=True)
    assert receiver.types == ["session.created"] * 2
    WebhookEndpoint.objects.get().disable(actor="test")
    call_command("replay_webhook", WebhookMessage.objects.get().pk)
    assert "waits until an operator enables it" in capsys.readouterr().out


def test_commands_report_errors(workspace, live_workspace):
    with pytest.raises(CommandError, match="must look like https"):
        call_command("add_webhook", str(live_workspace.pk), "http://127.0.0.1/hooks")
    with pytest.raises(CommandError, match=r"The URL is not allowed. 10.0.0.1 is not a public address"):
        call_command("add_webhook", str(workspace.pk), "https://10.0.0.1/hooks")
    with pytest.raises(CommandError, match="message not found"):
        call_command("replay_webhook", "msg_unknown")
    with pytest.raises(CommandError, match="Webhook endpoint not found"):
        call_command("rotate_webhook_secret", str(workspace.pk))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ("add_webhook", "https://example.com/" + "x" * 1981),
            "A URL must be at most 2000 characters long; this one has 2001",
        ),
        (("add_webhook", "https://example.com/", "--description", "x" * 201), "--description must be at most 200"),
        (("api_key create", "--name", "x" * 201), "--name must be at most 200"),
    ],
)
def test_a_value_too_long_for_its_column_is_refused(workspace, arguments, reason):
    command, *rest = arguments
    with pytest.raises(CommandError, match=reason):
        call_command(*command.split(), str(workspace.pk), *rest)
    assert not WebhookEndpoint.objects.exists() and not ApiKey.objects.exists()


def test_a_value_of_the_maximum_length_is_accepted(workspace):
    url = "https://example.com/" + "x" * 1980
    call_command("add_webhook", str(workspace.pk), url, "--description", "x" * 200)
    assert WebhookEndpoint.objects.get().url == url


def test_how_long_messages_are_kept_is_documented():
    assert f"{RETENTION.days} days" in (DOCS / "webhooks.md").read_text()


def test_every_type_and_every_retry_is_documented():
    sent = [*(f"session.{transition}" for transition in ANNOUNCED), TEST]
    assert [type for type, _ in table("webhooks.md", "Event types")] == sent
    waits = [timedelta(**{unit: int(number)}) for number, unit in _waits()]
    assert waits == list(RETRIES_AFTER)


def _waits() -> list[tuple[str, str]]:
    documented = [wait.split() for _, wait in table("webhooks.md", "Retries")]
    return [(number, f"{unit.rstrip('s')}s") for number, unit in documented]
