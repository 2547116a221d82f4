"""Who did something, why, and how it is called: a text that one database would refuse is refused on every one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from client_sessions.models import ClientSession, PersonalAccessToken
from sessions_core.models import ApiKey, Event
from sessions_core.webhooks.models import WebhookEndpoint
from tests.test_moments import DEFINITION, Things, things
from user_sessions.models import Epoch, JwtTemplate, SigningKey, Ticket, UserSession

__all__ = ["things"]

NOT_TEXTS = ["x" * 201, "x\0", "x\ud800", b"x", None, 5]
URL = "https://hooks.example.com/"

# Every verb that writes down who did it.
BY: dict[str, Callable[[Any, Any], Any]] = {
    "ApiKey.issue": lambda a, by: ApiKey.objects.issue(a.workspace, name="x", by=by),
    "ApiKey.issue_publishable": lambda a, by: ApiKey.objects.issue_publishable(a.workspace, name="x", by=by),
    "ApiKey.revoke": lambda a, by: a.key.revoke(by=by),
    "ClientSession.remove": lambda a, by: a.pass_.remove(by=by),
    "ClientSession.replace_grants": lambda a, by: a.pass_.replace_grants({}, expires_at=NOW, by=by),
    "ClientSession.revoke": lambda a, by: a.pass_.revoke(by=by),
    "ClientSession.start": lambda a, by: ClientSession.objects.start(a.workspace, by=by),
    "ClientSession.start_or_match": lambda a, by: ClientSession.objects.start_or_match(a.workspace, by=by),
    "Client.close": lambda a, by: a.session.client.close(by=by, at=NOW),
    "Client.sign_out": lambda a, by: a.session.client.sign_out(by=by, at=NOW),
    "Epoch.begin": lambda a, by: Epoch.objects.begin(a.workspace, by=by),
    "JwtTemplate.define": lambda a, by: JwtTemplate.objects.define(a.workspace, DEFINITION, by=by),
    "JwtTemplate.forget": lambda a, by: a.template.forget(by=by),
    "JwtTemplate.redefine": lambda a, by: a.template.redefine(DEFINITION, by=by),
    "PersonalAccessToken.issue": lambda a, by: PersonalAccessToken.objects.issue(a.user, a.all, name="x", by=by),
    "PersonalAccessToken.revoke": lambda a, by: a.personal.revoke(by=by),
    "SigningKey.current": lambda a, by: SigningKey.objects.current(a.workspace, by=by),
    "SigningKey.rotate": lambda a, by: a.signing_key and SigningKey.objects.rotate(a.workspace, by=by),
    "SigningKey.retire": lambda a, by: a.signing_key.retire(by=by),
    "SigningKey.revoke": lambda a, by: a.signing_key.revoke(by=by),
    "Ticket.accept": lambda a, by: a.ticket.accept(by=by),
    "Ticket.issue": lambda a, by: Ticket.objects.issue(a.workspace, a.user, by=by, lifetime=timedelta(hours=1)),
    "Ticket.revoke": lambda a, by: a.ticket.revoke(by=by),
    "UserSession.end": lambda a, by: a.session.end(by=by),
    "UserSession.remove": lambda a, by: a.session.remove(by=by),
    "UserSession.replace": lambda a, by: a.session.replace(by=by),
    "UserSession.require": lambda a, by: a.session.require("x", by=by),
    "UserSession.revoke": lambda a, by: a.session.revoke(by=by),
    "UserSession.start": lambda a, by: UserSession.objects.start(a.workspace, a.user, by=by),
    "UserSessionQuerySet.revoke": lambda a, by: UserSession.objects.all().revoke(by=by),
    "WebhookEndpoint.add": lambda a, by: WebhookEndpoint.objects.add(a.workspace, URL, by=by),
    "WebhookEndpoint.disable": lambda a, by: a.endpoint.disable(by=by),
    "WebhookEndpoint.rotate": lambda a, by: a.endpoint.rotate(by=by),
}
# Every verb that writes down why, or what something is called.
WORDS: dict[str, Callable[[Any, Any], Any]] = {
    "ApiKey.issue": lambda a, name: ApiKey.objects.issue(a.workspace, name=name, by="test"),
    "ApiKey.issue_publishable": lambda a, name: ApiKey.objects.issue_publishable(a.workspace, name=name, by="test"),
    "Epoch.begin": lambda a, reason: Epoch.objects.begin(a.workspace, by="test", reason=reason),
    "PersonalAccessToken.issue": lambda a, name: PersonalAccessToken.objects.issue(a.user, [], name=name, by="test"),
    "UserSession.end": lambda a, reason: a.session.end(by="test", reason=reason),
    "UserSession.remove": lambda a, reason: a.session.remove(by="test", reason=reason),
    "UserSession.replace": lambda a, reason: a.session.replace(by="test", reason=reason),
    "UserSession.revoke": lambda a, reason: a.session.revoke(by="test", reason=reason),
    "UserSessionQuerySet.revoke": lambda a, reason: UserSession.objects.revoke(by="test", reason=reason),
    "WebhookEndpoint.add": lambda a, words: WebhookEndpoint.objects.add(a.workspace, URL, description=words, by="test"),
    "WebhookEndpoint.disable": lambda a, reason: a.endpoint.disable(by="test", reason=reason),
}
NOW = timezone.now()


def history() -> list[tuple[str, str]]:
    return list(Event.objects.order_by("id").values_list("type", "subject"))


@pytest.mark.parametrize("verb", BY)
def test_a_name_for_who_did_it_fits_or_nothing_is_done(things: Things, verb):
    for by in NOT_TEXTS:
        with pytest.raises(ValueError, match=r"^by must be text of 0 to 200 characters"):
            BY[verb](things, by)
    assert all(type.endswith("created") for type, _ in history())


@pytest.mark.parametrize("verb", WORDS)
def test_a_reason_or_a_name_fits_or_nothing_is_done(things: Things, verb):
    for words in NOT_TEXTS:
        with pytest.raises(ValueError, match=r"^(name|reason|description) must be text of 0 to 200 characters"):
            WORDS[verb](things, words)
    assert all(type.endswith("created") for type, _ in history())


@pytest.mark.parametrize("given", [{"sub": "x\0"}, {"sub": ["x\0"]}, {"x\0": "sub"}, {"sub": {"name": "\ud800"}}])
def test_an_impersonator_that_no_database_stores_is_refused(things: Things, given):
    with pytest.raises(ValueError, match="impersonator must not contain NUL"):
        UserSession.objects.start(things.workspace, things.user, by="test", impersonator=given)
    assert not UserSession.objects.exists()


@pytest.mark.parametrize("task", [*NOT_TEXTS, ""])
def test_a_task_fits_or_nothing_is_done(things: Things, task):
    with pytest.raises(ValueError, match="task must be text of 1 to 200 characters"):
        things.session.require(task, by="test")
    with pytest.raises(ValueError, match="task must be text of 1 to 200 characters"):
        UserSession.objects.start(things.workspace, things.user, by="test", tasks=[task])
    assert things.session.tasks == []


def test_tasks_that_are_one_text_are_not_its_letters(things: Things):
    with pytest.raises(ValueError, match="tasks must be a list of names"):
        UserSession.objects.start(things.workspace, things.user, by="test", tasks="setup")


def test_what_just_fits_is_written(things: Things):
    assert things.session.revoke(by="b" * 200, reason="r" * 200)
    assert (things.session.closed_by, things.session.close_reason) == ("b" * 200, "r" * 200)
