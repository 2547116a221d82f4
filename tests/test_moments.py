"""Every verb requires a time zone for ``at``, in both kinds of workspace and on every database."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from inspect import getmembers, iscoroutinefunction, isfunction, signature
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from client_sessions import device_counts, scoping
from client_sessions.devices.models import ConnectedAccount, ConnectWebview, Device
from client_sessions.models import Action, ClientSession, ClientSessionPolicy, Grant, PersonalAccessToken, Terms
from sessions_core.models import ApiKey, Event
from sessions_core.moments import LONGEST_LIFETIME, instant, moment
from sessions_core.webhooks.messages import WebhookMessage
from sessions_core.webhooks.models import WebhookEndpoint
from user_sessions.keys import key_sets
from user_sessions.models import Client, Epoch, JwtTemplate, SignIn, SigningKey, Ticket, UserSession
from user_sessions.models.bulk_revocations import BulkRevocation
from user_sessions.models.jwt_templates import Definition
from user_sessions.models.nonces import SpentNonce
from user_sessions.templating import previews
from user_sessions.tokens import attached_tokens, handshake_tokens, session_tokens, ticket_tokens

NOW = timezone.now()
HOUR = timedelta(hours=1)
SENTENCE = r"^[a-z_]+ must be .*\.$"

NO_TIMES = {
    "without a zone": datetime(2026, 7, 1, 12),
    "a date": date(2026, 7, 1),
    "a text": "2026-07-01T12:00:00Z",
    "zero": 0,
    "before time": datetime.min.replace(tzinfo=UTC),
    "after time": datetime.max.replace(tzinfo=UTC),
}
NO_LIFETIMES = {
    "none": timedelta(0),
    "negative": -HOUR,
    "longer than ten years": LONGEST_LIFETIME + timedelta(microseconds=1),
    "endless": timedelta.max,
    "seconds": 60,
    "a text": "60",
}


class Things:
    """One row of each kind in a workspace, created on first access."""

    def __init__(self, workspace: Any, user: Any) -> None:
        self.workspace, self.user = workspace, user

    def __getattr__(self, name: str) -> Any:
        made = MAKERS[name](self)
        setattr(self, name, made)
        return made


MAKERS: dict[str, Callable[[Any], Any]] = {
    "all": lambda a: [a.workspace],
    "pass_": lambda a: ClientSession.objects.start(a.workspace, actor="test"),
    "personal": lambda a: PersonalAccessToken.objects.issue(a.user, [a.workspace], name="mine", actor="test")[0],
    "key": lambda a: ApiKey.objects.issue(a.workspace, name="a backend", actor="test")[0],
    "endpoint": lambda a: WebhookEndpoint.objects.add(a.workspace, "https://hooks.example.com/", actor="test")[0],
    "message": lambda a: WebhookMessage(endpoint=a.endpoint),
    "account": lambda a: ConnectedAccount.objects.create(workspace=a.workspace, display_name="one"),
    "webview": lambda a: ConnectWebview.objects.create(workspace=a.workspace),
    "client": lambda a: Client.objects.begin(a.workspace, at=NOW),
    "session": lambda a: UserSession.objects.start(a.workspace, a.user, actor="test"),
    "minting": lambda a: UserSession.minting(a.workspace, a.session.pk, at=timezone.now()),
    "ticket": lambda a: Ticket.objects.issue(a.workspace, a.user, actor="test", lifetime=HOUR),
    "version": lambda a: a.template.versions.get(),
    "template": lambda a: JwtTemplate.objects.define(a.workspace, DEFINITION, actor="test"),
    "signing_key": lambda a: SigningKey.objects.current(a.workspace),
    "attempt": lambda a: SignIn.objects.begin(a.client, a.user, "u1", at=NOW),
}
DEFINITION = Definition(name="t", claims={})

# Every verb of a model, its queryset or a module that takes a time.
VERBS: dict[str, Callable[[Any, Any], Any]] = {
    "ApiKey.authenticate": lambda a, at: ApiKey.authenticate("x", at=at),
    "ApiKey.authenticate_publishable": lambda a, at: ApiKey.authenticate_publishable("x", at=at),
    "ApiKey.is_usable": lambda a, at: a.key.is_usable("secret", at=at),
    "ApiKey.revoke": lambda a, at: a.key.revoke(actor="test", at=at),
    "ApiKey.roll": lambda a, at: a.key.roll(overlap=HOUR, actor="test", at=at),
    "ApiKeyQuerySet.usable": lambda a, at: list(ApiKey.objects.usable(at=at)),
    "BulkRevocation.go_on": lambda a, at: BulkRevocation(pk="bulk_1").go_on(actor="test", at=at),
    "BulkRevocation.start": lambda a, at: BulkRevocation.start("bulk_1", actor="test", at=at),
    "BulkRevocation.stop": lambda a, at: BulkRevocation(pk="bulk_1").stop(actor="test", at=at),
    "Client.active_among": lambda a, at: a.client.active_among([a.session], at=at),
    "Client.close": lambda a, at: a.session.client.close(actor="test", at=at),
    "Client.renew": lambda a, at: a.client.renew(at=at),
    "Client.listed_sessions": lambda a, at: a.client.listed_sessions([a.session], at=at),
    "Client.rename": lambda a, at: a.session.client.rename("at work", actor="test", at=at),
    "Client.sign_out": lambda a, at: a.session.client.sign_out(actor="test", at=at),
    "ClientQuerySet.begin": lambda a, at: Client.objects.begin(a.workspace, at=at),
    "ClientQuerySet.live": lambda a, at: list(Client.objects.live(at=at)),
    "ClientSession.grant": lambda a, at: a.pass_.grant({}, actor="test", at=at),
    "ClientSession.remove": lambda a, at: a.pass_.remove(actor="test", at=at),
    "ClientSession.renew_token": lambda a, at: a.pass_.renew_token(actor="test", at=at),
    "ClientSession.replace_grants": lambda a, at: a.pass_.replace_grants({}, actor="test", at=at),
    "ClientSession.revoke": lambda a, at: a.pass_.revoke(actor="test", at=at),
    "ClientSession.revoke_access": lambda a, at: a.pass_.revoke_access({}, actor="test", at=at),
    "ClientSession.status_at": lambda a, at: a.pass_.status_at(at),
    "ClientSessionQuerySet.expired": lambda a, at: list(ClientSession.objects.expired(at=at)),
    "ClientSessionQuerySet.granted": lambda a, at: list(ClientSession.objects.granted("device", "1", at=at)),
    "ClientSessionQuerySet.without_grant": lambda a, at: list(ClientSession.objects.without_grant("device", at=at)),
    "ClientSessionQuerySet.live": lambda a, at: list(ClientSession.objects.live(at=at)),
    "ClientSessionQuerySet.remove": lambda a, at: ClientSession.objects.remove(actor="test", at=at),
    "ClientSessionQuerySet.revoke": lambda a, at: ClientSession.objects.revoke(actor="test", at=at),
    "ClientSessionQuerySet.start": lambda a, at: ClientSession.objects.start(a.workspace, actor="test", at=at),
    "ClientSessionQuerySet.start_or_match": lambda a, at: ClientSession.objects.start_or_match(
        a.workspace, actor="test", at=at
    ),
    "ConnectWebview.authorize": lambda a, at: a.webview.authorize(a.account, at=at),
    "EpochQuerySet.begin": lambda a, at: Epoch.objects.begin(a.workspace, actor="test", at=at),
    "EventQuerySet.record": lambda a, at: Event.objects.record(
        "x.y", subject="1", workspace_id=a.workspace.pk, actor="", at=at
    ),
    "EventQuerySet.record_all": lambda a, at: Event.objects.record_all(
        "x.y", subjects=["1"], workspace_id=a.workspace.pk, actor="test", at=at
    ),
    "Grant.is_live": lambda a, at: Grant().is_live(at),
    "GrantQuerySet.allowing": lambda a, at: list(Grant.objects.allowing(Action.READ, at=at)),
    "GrantQuerySet.live": lambda a, at: list(Grant.objects.live(at=at)),
    "GrantQuerySet.ended": lambda a, at: list(Grant.objects.ended(at=at)),
    "JwtTemplate.forget": lambda a, at: a.template.forget(actor="test", at=at),
    "JwtTemplate.redefine": lambda a, at: a.template.redefine(DEFINITION, actor="test", at=at),
    "JwtTemplate.restore": lambda a, at: a.template.restore(a.version, actor="test", at=at),
    "JwtTemplateQuerySet.customise_session_tokens": lambda a, at: JwtTemplate.objects.customise_session_tokens(
        a.workspace, {}, actor="test", at=at
    ),
    "JwtTemplateQuerySet.define": lambda a, at: JwtTemplate.objects.define(
        a.workspace, DEFINITION, actor="test", at=at
    ),
    "PersonalAccessTokenQuerySet.revoke": lambda a, at: PersonalAccessToken.objects.revoke(
        actor="test", reason="test", at=at
    ),
    "PersonalAccessToken.revoke": lambda a, at: a.personal.revoke(actor="test", at=at),
    "SignIn.ask_for_second_factor": lambda a, at: a.attempt.ask_for_second_factor(a.user, ["totp"], at=at),
    "SignIn.status_at": lambda a, at: a.attempt.status_at(at),
    "SignInQuerySet.begin": lambda a, at: SignIn.objects.begin(a.client, a.user, "u1", at=at),
    "SigningKey.retire": lambda a, at: a.signing_key.retire(actor="test", at=at),
    "SigningKey.revoke": lambda a, at: a.signing_key.revoke(actor="test", at=at),
    "SigningKey.stage_at": lambda a, at: a.signing_key.stage_at(at),
    "SigningKey.succession": lambda a, at: a.signing_key.succession(at=at),
    "SigningKeyQuerySet.active": lambda a, at: SigningKey.objects.active(a.workspace, at=at),
    "SigningKeyQuerySet.current": lambda a, at: SigningKey.objects.current(a.workspace, at=at),
    "SigningKeyQuerySet.published": lambda a, at: list(SigningKey.objects.published(at=at)),
    "SigningKeyQuerySet.rotate": lambda a, at: SigningKey.objects.rotate(a.workspace, actor="test", at=at),
    "SigningKeyQuerySet.signing": lambda a, at: list(SigningKey.objects.signing(at=at)),
    "SpentNonceQuerySet.spend": lambda a, at: SpentNonce.objects.spend("1", expire_at=NOW, at=at),
    "Ticket.accept": lambda a, at: a.ticket.accept(actor="test", at=at),
    "Ticket.require_pending": lambda a, at: a.ticket.require_pending(at=at),
    "Ticket.status_at": lambda a, at: a.ticket.status_at(at),
    "Ticket.revoke": lambda a, at: a.ticket.revoke(actor="test", at=at),
    "TicketQuerySet.issue": lambda a, at: Ticket.objects.issue(a.workspace, a.user, actor="test", lifetime=HOUR, at=at),
    "TicketQuerySet.revoke": lambda a, at: Ticket.objects.revoke(actor="test", at=at),
    "UserSession.ask_again": lambda a, at: a.session.ask_again(at=at),
    "UserSession.end": lambda a, at: a.session.end(actor="test", at=at),
    "UserSession.fulfil": lambda a, at: a.session.fulfil("x", actor="test", at=at),
    "UserSession.is_live": lambda a, at: a.session.is_live(at),
    "UserSession.is_usable": lambda a, at: a.session.is_usable(at),
    "UserSession.minting": lambda a, at: UserSession.minting(a.workspace, a.session.pk, at=at),
    "UserSession.note_use": lambda a, at: a.session.note_use(at=at),
    "UserSession.on_client": lambda a, at: UserSession.on_client(a.client, at=at),
    "UserSession.remove": lambda a, at: a.session.remove(actor="test", at=at),
    "UserSession.replace": lambda a, at: a.session.replace(actor="test", at=at),
    "UserSession.require": lambda a, at: a.session.require("x", actor="test", at=at),
    "UserSession.require_reverifying": lambda a, at: a.session.require_reverifying(at=at),
    "UserSession.read_token_facts": lambda a, at: UserSession.objects.get(pk=a.session.pk).read_token_facts(at=at),
    "UserSession.record_reauthentication": lambda a, at: a.session.record_reauthentication(actor="test", at=at),
    "UserSession.reverify": lambda a, at: a.session.reverify(actor="test", at=at),
    "UserSession.revoke": lambda a, at: a.session.revoke(actor="test", at=at),
    "UserSession.revoke_others": lambda a, at: a.session.revoke_others(at=at),
    "UserSession.status_at": lambda a, at: a.session.status_at(at),
    "UserSession.touch": lambda a, at: a.session.touch(at=at),
    "UserSessionQuerySet.open": lambda a, at: list(UserSession.objects.open(at=at)),
    "UserSessionQuerySet.close": lambda a, at: UserSession.objects.close("ended", actor="test", at=at),
    "UserSessionQuerySet.for_minting": lambda a, at: list(UserSession.objects.for_minting(at=at)),
    "UserSessionQuerySet.live": lambda a, at: list(UserSession.objects.live(at=at)),
    "UserSessionQuerySet.not_left": lambda a, at: list(UserSession.objects.not_left(at=at)),
    "UserSessionQuerySet.revoke": lambda a, at: UserSession.objects.revoke(actor="test", at=at),
    "UserSessionQuerySet.start": lambda a, at: UserSession.objects.start(a.workspace, a.user, actor="test", at=at),
    "UserSessionQuerySet.with_status": lambda a, at: list(UserSession.objects.with_status("active", at=at)),
    "UserSessionQuerySet.with_token_facts": lambda a, at: list(UserSession.objects.with_token_facts(at=at)),
    "WebhookEndpoint.claim": lambda a, at: a.endpoint.claim(at=at),
    "WebhookEndpoint.disable": lambda a, at: a.endpoint.disable(actor="test", at=at),
    "WebhookEndpoint.enable": lambda a, at: a.endpoint.enable(actor="test", at=at),
    "WebhookEndpoint.change": lambda a, at: a.endpoint.change(
        url="https://hooks.example.com/2", description="", actor="test", at=at
    ),
    "WebhookEndpoint.rotate": lambda a, at: a.endpoint.rotate(actor="test", at=at),
    "WebhookEndpoint.secrets": lambda a, at: a.endpoint.secrets(at=at),
    "WebhookEndpointQuerySet.add": lambda a, at: WebhookEndpoint.objects.add(
        a.workspace, "https://hooks.example.com/", actor="test", at=at
    ),
    "WebhookMessage.fail": lambda a, at: a.message.fail("500", at=at),
    "WebhookMessage.send_again": lambda a, at: a.message.send_again(actor="test", at=at),
    "WebhookMessage.succeed": lambda a, at: a.message.succeed("200", at=at),
    "WebhookMessageQuerySet.claim": lambda a, at: list(WebhookMessage.objects.claim(at=at, most=1)),
    "WebhookMessageQuerySet.send_test": lambda a, at: WebhookMessage.objects.send_test(a.endpoint, actor="test", at=at),
    "WebhookMessageQuerySet.recover": lambda a, at: WebhookMessage.objects.recover(
        a.endpoint, since=at, actor="test", at=at
    ),
    "WebhookMessageQuerySet.due": lambda a, at: list(WebhookMessage.objects.due(at=at)),
    "WebhookMessageQuerySet.delete_settled": lambda a, at: WebhookMessage.objects.delete_settled(at=at),
    "device_counts.with_device_count": lambda a, at: list(
        device_counts.with_device_count(ClientSession.objects.all(), at=at)
    ),
    "ClientSessionPolicy.end": lambda a, at: ClientSessionPolicy.of(a.workspace).end(None, at=at),
    "attached_tokens.attached_token": lambda a, at: attached_tokens.attached_token(
        a.minting, at=at, authorized_party=None
    ),
    "key_sets.document_at": lambda a, at: key_sets.document_at("here.example.com", at=at),
    "key_sets.document_of": lambda a, at: key_sets.document_of(a.workspace.pk, at=at),
    "key_sets.verifier_of": lambda a, at: key_sets.verifier_of(a.workspace, at=at),
    "previews.preview": lambda a, at: previews.preview(a.minting, a.template, at=at),
    "scoping.narrow_to_key": lambda a, at: list(scoping.narrow_to_key(a.key, Device.objects.all(), "u1", at=at)),
    "scoping.reached_by": lambda a, at: list(scoping.reached_by(Device.objects.all(), a.pass_, at=at)),
    "scoping.visible_to": lambda a, at: list(scoping.visible_to(a.key, Device.objects.all(), at=at)),
    "handshake_tokens.handshake_token": lambda a, at: handshake_tokens.handshake_token(a.workspace, [], at=at),
    "session_tokens.session_token": lambda a, at: session_tokens.session_token(a.minting, at=at),
    "session_tokens.template_token": lambda a, at: session_tokens.template_token(a.minting, a.template, at=at),
    "ticket_tokens.ticket_token": lambda a, at: ticket_tokens.ticket_token(a.ticket, at=at),
    "session_tokens.unsigned_session_token": lambda a, at: session_tokens.unsigned_session_token(a.minting, at=at),
    "session_tokens.unsigned_template_token": lambda a, at: session_tokens.unsigned_template_token(
        a.minting, a.template, at=at
    ),
}
# ``start`` calls ``note`` and ``of`` with its own time; ``granted_to`` is ``visible_to`` by another name; verbs
# call the others.
INHERITED = {f"user_sessions.models.{part}" for part in ("lifetimes", "other_sessions", "reverification", "status")}
PARTS = {
    "Activity.of",
    "ActivityQuerySet.note",
    "ApiKey.begin_overlap",
    "BulkRevocation.record",
    "GrantedQuerySet.granted_to",
    "device_counts.count_devices",
    "device_counts.device_count",
    "scoping.within_reach",
}

UNTIL: dict[str, Callable[[Any, Any], Any]] = {
    "start": lambda a, end: ClientSession.objects.start(a.workspace, actor="test", expires_at=end),
    "start_or_match": lambda a, end: ClientSession.objects.start_or_match(a.workspace, actor="test", expires_at=end),
    "replace_grants": lambda a, end: a.pass_.replace_grants({}, actor="test", expires_at=end),
    "Terms": lambda a, end: Terms(until=end),
}
LIFETIMES: dict[str, Callable[[Any, Any], Any]] = {
    "roll": lambda a, life: a.key.roll(overlap=life, actor="test"),
    "start": lambda a, life: UserSession.objects.start(a.workspace, a.user, actor="test", lifetime=life),
    "issue": lambda a, life: Ticket.objects.issue(a.workspace, a.user, actor="test", lifetime=life),
    "issue for a session": lambda a, life: Ticket.objects.issue(
        a.workspace, a.user, actor="test", lifetime=HOUR, session_lifetime=life
    ),
    "session_token": lambda a, life: session_tokens.session_token(a.minting, at=NOW, lifetime=life),
    "template_token": lambda a, life: session_tokens.template_token(a.minting, a.template, at=NOW, lifetime=life),
}


@pytest.fixture(params=["sandbox", "live"])
def things(request, workspace, live_workspace, django_user_model) -> Things:
    user = django_user_model.objects.create_user("u1")
    return Things(workspace if request.param == "sandbox" else live_workspace, user)


def timed() -> Iterator[str]:
    ours = [each for each in apps.get_models() if each.__module__.startswith(("sessions_", "client_", "user_"))]
    querysets = {type(model._default_manager.all()) for model in ours}
    modules = [
        attached_tokens,
        device_counts,
        handshake_tokens,
        key_sets,
        previews,
        scoping,
        session_tokens,
        ticket_tokens,
    ]
    for place in [*ours, *querysets, *modules, scoping.GrantedQuerySet]:
        for name, verb in getmembers(place, lambda each: isfunction(getattr(each, "__func__", each))):
            is_own = getattr(place, "__module__", place.__name__) == verb.__module__ or verb.__module__ in INHERITED
            is_public = not name.startswith("_") and not iscoroutinefunction(verb)  # a twin is the verb itself
            if is_own and is_public and "at" in signature(verb).parameters:
                yield f"{place.__name__.rpartition('.')[2]}.{name}"


def test_every_verb_that_takes_a_time_is_tested():
    assert set(timed()) - PARTS == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_refuses_an_invalid_time_and_changes_nothing(things, verb):
    for given in NO_TIMES.values():
        with pytest.raises(ValueError, match=SENTENCE):
            VERBS[verb](things, given)
    assert not Event.objects.exclude(type__endswith="created").exists()


@pytest.mark.parametrize("verb", UNTIL)
def test_an_end_needs_a_time_zone(things, verb):
    for given in ("without a zone", "a date", "a text", "zero"):
        with pytest.raises(ValueError, match=SENTENCE):
            UNTIL[verb](things, NO_TIMES[given])


@pytest.mark.parametrize("verb", LIFETIMES)
def test_a_lifetime_must_be_positive_and_at_most_ten_years(things, verb):
    for given in NO_LIFETIMES.values():
        with pytest.raises(ValueError, match=SENTENCE):
            LIFETIMES[verb](things, given)


def test_a_time_in_any_zone_is_accepted():
    at = datetime.fromisoformat("2026-07-01T12:00:00+02:00")
    assert moment(at) is at
    assert moment(None) >= NOW


def test_a_time_that_no_database_can_store_is_refused():
    with pytest.raises(ValueError, match="between the years 1 and 9999"):
        instant(datetime.fromisoformat("9999-12-31T23:00:00-02:00"), name="expires_at")
