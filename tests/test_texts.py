"""Actors, reasons and names: a text that one database refuses is refused on every database."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from client_sessions.models import ClientSession, PersonalAccessToken
from sessions_core.models import ApiKey, Event
from sessions_core.webhooks.messages import WebhookMessage
from sessions_core.webhooks.models import WebhookEndpoint
from tests.test_moments import DEFINITION, Things, things
from user_sessions.models import Epoch, JwtTemplate, SigningKey, Ticket, UserSession

__all__ = ["things"]

NOT_TEXTS = ["x" * 201, "x\0", "x\ud800", b"x", None, 5]
URL = "https://hooks.example.com/"

# Every verb that stores an actor.
BY: dict[str, Callable[[Any, Any], Any]] = {
    "ApiKey.issue": lambda a, actor: ApiKey.objects.issue(a.workspace, name="x", actor=actor),
    "ApiKey.issue_publishable": lambda a, actor: ApiKey.objects.issue_publishable(a.workspace, name="x", actor=actor),
    "ApiKey.revoke": lambda a, actor: a.key.revoke(actor=actor),
    "ClientSession.remove": lambda a, actor: a.pass_.remove(actor=actor),
    "ClientSession.replace_grants": lambda a, actor: a.pass_.replace_grants({}, expires_at=NOW, actor=actor),
    "ClientSessionQuerySet.revoke": lambda a, actor: ClientSession.objects.filter(pk=a.pass_.pk).revoke(actor=actor),
    "ClientSession.revoke": lambda a, actor: a.pass_.revoke(actor=actor),
    "ClientSession.start": lambda a, actor: ClientSession.objects.start(a.workspace, actor=actor),
    "ClientSession.start_or_match": lambda a, actor: ClientSession.objects.start_or_match(a.workspace, actor=actor),
    "Client.close": lambda a, actor: a.session.client.close(actor=actor, at=NOW),
    "Client.sign_out": lambda a, actor: a.session.client.sign_out(actor=actor, at=NOW),
    "Epoch.begin": lambda a, actor: Epoch.objects.begin(a.workspace, actor=actor),
    "JwtTemplate.define": lambda a, actor: JwtTemplate.objects.define(a.workspace, DEFINITION, actor=actor),
    "JwtTemplate.forget": lambda a, actor: a.template.forget(actor=actor),
    "JwtTemplate.redefine": lambda a, actor: a.template.redefine(DEFINITION, actor=actor),
    "JwtTemplate.restore": lambda a, actor: a.template.restore(a.template.versions.get(), actor=actor),
    "PersonalAccessToken.issue": lambda a, actor: PersonalAccessToken.objects.issue(
        a.user, a.all, name="x", actor=actor
    ),
    "PersonalAccessToken.revoke": lambda a, actor: a.personal.revoke(actor=actor),
    "SigningKey.current": lambda a, actor: SigningKey.objects.current(a.workspace, actor=actor),
    "SigningKey.rotate": lambda a, actor: a.signing_key and SigningKey.objects.rotate(a.workspace, actor=actor),
    "SigningKey.retire": lambda a, actor: a.signing_key.retire(actor=actor),
    "SigningKey.revoke": lambda a, actor: a.signing_key.revoke(actor=actor),
    "Ticket.accept": lambda a, actor: a.ticket.accept(actor=actor),
    "Ticket.issue": lambda a, actor: Ticket.objects.issue(
        a.workspace, a.user, actor=actor, lifetime=timedelta(hours=1)
    ),
    "Ticket.revoke": lambda a, actor: a.ticket.revoke(actor=actor),
    "UserSession.end": lambda a, actor: a.session.end(actor=actor),
    "UserSession.remove": lambda a, actor: a.session.remove(actor=actor),
    "UserSession.replace": lambda a, actor: a.session.replace(actor=actor),
    "UserSession.require": lambda a, actor: a.session.require("x", actor=actor),
    "UserSession.revoke": lambda a, actor: a.session.revoke(actor=actor),
    "UserSession.start": lambda a, actor: UserSession.objects.start(a.workspace, a.user, actor=actor),
    "UserSessionQuerySet.revoke": lambda a, actor: UserSession.objects.all().revoke(actor=actor),
    "WebhookEndpoint.add": lambda a, actor: WebhookEndpoint.objects.add(a.workspace, URL, actor=actor),
    "WebhookEndpoint.change": lambda a, actor: a.endpoint.change(url=URL + "2", description="", actor=actor),
    "WebhookEndpoint.disable": lambda a, actor: a.endpoint.disable(actor=actor),
    "WebhookEndpoint.rotate": lambda a, actor: a.endpoint.rotate(actor=actor),
    "WebhookMessage.send_test": lambda a, actor: WebhookMessage.objects.send_test(a.endpoint, actor=actor),
}
# Every verb that stores a reason or a name.
WORDS: dict[str, Callable[[Any, Any], Any]] = {
    "ApiKey.issue": lambda a, name: ApiKey.objects.issue(a.workspace, name=name, actor="test"),
    "ApiKey.issue_publishable": lambda a, name: ApiKey.objects.issue_publishable(a.workspace, name=name, actor="test"),
    "Epoch.begin": lambda a, reason: Epoch.objects.begin(a.workspace, actor="test", reason=reason),
    "PersonalAccessToken.issue": lambda a, name: PersonalAccessToken.objects.issue(a.user, [], name=name, actor="test"),
    "UserSession.end": lambda a, reason: a.session.end(actor="test", reason=reason),
    "UserSession.remove": lambda a, reason: a.session.remove(actor="test", reason=reason),
    "UserSession.replace": lambda a, reason: a.session.replace(actor="test", reason=reason),
    "UserSession.revoke": lambda a, reason: a.session.revoke(actor="test", reason=reason),
    "UserSessionQuerySet.revoke": lambda a, reason: UserSession.objects.revoke(actor="test", reason=reason),
    "WebhookEndpoint.add": lambda a, words: WebhookEndpoint.objects.add(
        a.workspace, URL, description=words, actor="test"
    ),
    "WebhookEndpoint.change": lambda a, words: a.endpoint.change(url=URL, description=words, actor="test"),
    "WebhookEndpoint.disable": lambda a, reason: a.endpoint.disable(actor="test", reason=reason),
}
NOW = timezone.now()


def history() -> list[tuple[str, str]]:
    return list(Event.objects.order_by("id").values_list("type", "subject"))


@pytest.mark.parametrize("verb", BY)
def test_an_invalid_actor_changes_nothing(things: Things, verb):
    for actor in NOT_TEXTS:
        with pytest.raises(ValueError, match=r"^actor must be text of 0 to 200 characters"):
            BY[verb](things, actor)
    assert all(type.endswith("created") for type, _ in history())


@pytest.mark.parametrize("verb", WORDS)
def test_an_invalid_reason_or_name_changes_nothing(things: Things, verb):
    for words in NOT_TEXTS:
        with pytest.raises(ValueError, match=r"^(name|reason|description) must be text of 0 to 200 characters"):
            WORDS[verb](things, words)
    assert all(type.endswith("created") for type, _ in history())


@pytest.mark.parametrize("given", [{"sub": "x\0"}, {"sub": ["x\0"]}, {"x\0": "sub"}, {"sub": {"name": "\ud800"}}])
def test_an_impersonator_that_no_database_can_store_is_refused(things: Things, given):
    with pytest.raises(ValueError, match="impersonator must not contain NUL"):
        UserSession.objects.start(things.workspace, things.user, actor="test", impersonator=given)
    assert not UserSession.objects.exists()


@pytest.mark.parametrize("task", [*NOT_TEXTS, ""])
def test_an_invalid_task_changes_nothing(things: Things, task):
    with pytest.raises(ValueError, match="task must be text of 1 to 200 characters"):
        things.session.require(task, actor="test")
    with pytest.raises(ValueError, match="task must be text of 1 to 200 characters"):
        UserSession.objects.start(things.workspace, things.user, actor="test", tasks=[task])
    assert things.session.tasks == []


def test_tasks_must_be_a_list_and_not_a_string(things: Things):
    with pytest.raises(ValueError, match="tasks must be a list of names"):
        UserSession.objects.start(things.workspace, things.user, actor="test", tasks="setup")


def test_a_text_of_the_maximum_length_is_stored(things: Things):
    assert things.session.revoke(actor="b" * 200, reason="r" * 200)
    assert (things.session.closed_by, things.session.close_reason) == ("b" * 200, "r" * 200)
