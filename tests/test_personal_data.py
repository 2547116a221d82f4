"""Everything about one person can be exported, and erased without losing an event."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from client_sessions import personal_data as of_clients
from client_sessions.models import ClientSession, Grant, PersonalAccessToken
from sessions_core import personal_data
from sessions_core.models import AppendOnly, Event, WebhookEndpoint, WebhookMessage
from sessions_core.personal_data import DataSource, Section, Traces, erase_user, export_user, register
from tests.conftest import OPERATOR
from tests.dump import dump
from user_sessions import personal_data as of_users
from user_sessions.models import Activity, Client, Epoch, SignIn, Status, Ticket, UserSession
from user_sessions.signals import session_ended
from user_sessions.user_agents import Device

NOW = timezone.now()
HOUR = timedelta(hours=1)
KEY = "planted-key"
STAFF = {"sub": "user_999", "name": "Sheriff Staff"}
OURS = ("sessions_core_", "client_sessions_", "user_sessions_")

# What is stored of the person: 40 texts, none of which is part of another.
PLANTED = {
    *(f"planted-agent-{n}-" for n in range(8)),
    *(f"planted-system-{n}-" for n in range(6)),
    *(f"planted-city-{n}-" for n in range(4)),
    *(f"192.0.2.{n}" for n in range(201, 205)),
    *(f"planted-reason-{n}-" for n in range(4)),
    *(f"planted-host-event-{n}-" for n in range(4)),
    *("planted-first-name", "planted-last-name", "planted@example.com", "planted-user-name"),
    *("planted-typed-name", "planted-token-name", KEY, "planted-actor", "planted-origin.example", "planted-host-row"),
}


def device(n: int) -> Device:
    return Device(
        browser_name=f"planted-agent-{n}-",
        browser_version=f"planted-agent-{n + 4}-",
        device_type=f"planted-system-{n}-",
        is_mobile=True,
        ip_address=f"192.0.2.{201 + n}",
        system=f"planted-system-{4 + n % 2}-",
    )


@pytest.fixture
def person(db: None) -> User:
    names = {"first_name": "planted-first-name", "last_name": "planted-last-name"}
    return get_user_model().objects.create_user("planted-user-name", "planted@example.com", **names)


@pytest.fixture
def neighbour(db: None) -> User:
    return get_user_model().objects.create_user("neighbour", "neighbour@example.com")


@pytest.fixture
def endpoint(workspace: Any) -> WebhookEndpoint:
    return WebhookEndpoint.objects.add(workspace, "https://hooks.example.com/in", actor=OPERATOR)[0]


@pytest.fixture
def rows_of_host() -> Iterator[set[str]]:
    """Register rows of a host, which are one text, and what it calls the person in events."""
    rows = {"planted-host-row"}

    def erase(person: Any) -> dict[str, int]:
        return {"orders": len(rows) and (rows.clear() or 1)}

    export = lambda person: [Section(name="orders", purpose="Sales.", rows=[{"text": each} for each in rows])]  # noqa: E731
    traces = Traces(actors=frozenset({"planted-actor"}))
    register(DataSource(name="shop", export=export, erase=erase, traces=lambda person: traces))
    yield rows
    del personal_data._sources["shop"]


@pytest.fixture
def planted(workspace: Any, person: User, endpoint: WebhookEndpoint, rows_of_host: set[str]) -> list[UserSession]:
    """Return two live sessions and two that are over, beside rows of every other kind."""
    sessions = [
        UserSession.objects.start(workspace, person, actor=f"user:{person.pk}", at=NOW, device=device(n))
        for n in range(4)
    ]
    Activity.objects.update(city="planted-city-0-")
    for n, session in enumerate(sessions):
        Activity.objects.filter(session=session).update(city=f"planted-city-{n}-")
        Event.objects.record("shop.paid", subject=session.pk, workspace_id=workspace.pk, actor="shop", at=NOW,
                             note=f"planted-host-event-{n}-", of=["x", {"y": 1}])  # fmt: skip
    UserSession.objects.filter(pk=sessions[0].pk).update(refreshed_for="planted-origin.example")
    sessions[2].end(actor=sessions[2].actor, at=NOW, reason="planted-reason-2-")
    sessions[3].revoke(actor="planted-actor", at=NOW, reason="planted-reason-3-")
    ticket = Ticket.objects.issue(workspace, person, actor=OPERATOR, lifetime=HOUR, impersonator=STAFF, at=NOW)
    Event.objects.record(
        "shop.asked", subject=ticket.pk, workspace_id=None, actor="shop", a="planted-reason-0-", b="planted-reason-1-"
    )
    Event.objects.record("shop.made", subject=f"user_{person.pk}", workspace_id=None, actor="planted-actor")
    SignIn.objects.begin(sessions[0].client, person, "planted-typed-name", at=NOW)
    PersonalAccessToken.objects.issue(person, [workspace], name="planted-token-name", actor=OPERATOR)
    ClientSession.objects.start(workspace, actor="backend", user_identifier_key=KEY)
    return sessions


@pytest.fixture
def others(workspace: Any, elsewhere: Any, neighbour: User, planted: list[UserSession]) -> User:
    """Return another user with rows of every kind, one of them on a client of the person."""
    UserSession.objects.start(workspace, neighbour, actor="test", at=NOW, client=planted[1].client)
    Ticket.objects.issue(workspace, neighbour, actor="test", lifetime=HOUR, at=NOW)
    PersonalAccessToken.objects.issue(neighbour, [workspace], name="a laptop", actor="test")
    ClientSession.objects.start(workspace, actor="backend", user_identifier_key="neighbour")
    ClientSession.objects.start(elsewhere, actor="backend", user_identifier_key="neighbour")
    return neighbour


def export(person: Any, workspace: Any) -> dict[str, Any]:
    return export_user(person, user_identifier_keys=[KEY], workspace=workspace, at=NOW)


def erase(person: Any, workspace: Any, **options: Any) -> dict[str, int]:
    options = {"actor": OPERATOR, "at": NOW, **options}
    return erase_user(person, user_identifier_keys=[KEY], workspace=workspace, **options)


def leaked(text: str) -> set[str]:
    """Return what an erasure has left of the person, other than the row of the user, which is the host's."""
    return {each for each in PLANTED if each in text}


def dump_of_ours() -> str:
    """Return an SQL dump of our tables, one row a line."""
    tables = sorted(name for name in connection.introspection.table_names() if name.startswith(OURS))
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        dumped = connection.connection.iterdump()
        return "\n".join(line for line in dumped if line.startswith(tuple(f'INSERT INTO "{name}"' for name in tables)))
    with connection.cursor() as cursor:
        copies = [cursor.copy(f'COPY "{name}" TO STDOUT') for name in tables]
        return "".join(bytes(row).decode() for copy in copies for row in read(copy))


def read(copy: Any) -> Iterator[Any]:
    with copy as rows:
        yield from rows


def rows_of(export: dict[str, Any], name: str) -> list[dict[str, Any]]:
    (section,) = [each for each in export["sections"] if each["name"] == name]
    rows: list[dict[str, Any]] = section["rows"]
    return rows


def test_forty_texts_are_planted(planted):
    assert len(PLANTED) == 40 and leaked(dump_of_ours()) >= PLANTED - {"planted-host-row", "planted-user-name"}


def test_an_export_has_everything(planted, person, workspace):
    assert PLANTED - leaked(json.dumps(export(person, workspace), ensure_ascii=False)) == set()


def test_an_export_has_no_token_and_no_digest(planted, person, workspace, api_key):
    secrets = {client.rotation for client in Client.objects.all()} | {"Sheriff", "user_999"}
    secrets |= {session.password_fingerprint for session in planted} | {person.password}
    for row in (*ClientSession.objects.all(), *PersonalAccessToken.objects.all()):
        secrets |= {getattr(row, name) for name in ("token_short", "token_key", "digest") if hasattr(row, name)}
    text = json.dumps(export(person, workspace))
    assert [secret for secret in secrets if secret and secret in text] == []


def test_an_export_marks_what_is_portable_with_names_of_its_columns(planted, person, workspace):
    for section in export(person, workspace)["sections"]:
        assert section["purpose"] and all(set(section["portable"]) <= set(row) for row in section["rows"])


WITHHELD = {
    UserSession: {"user", "stored_status", "closed_by", "impersonator", "password_fingerprint", "latest_activity",
                  "recorded_ends", "reverification_id", "reverification_factors"},
    Activity: set(),
    Client: {"last_active_session", "rotation", "token_key"},
    Ticket: {"user", "stored_status", "impersonator", "password_fingerprint"},
    SignIn: {"user", "password_fingerprint"},
    ClientSession: {"token_short", "token_key"},
    Grant: {"id", "resource_id"},
    PersonalAccessToken: {"user", "short", "digest"},
}  # fmt: skip
EXPORTED = {
    UserSession: of_users.SESSION,
    Activity: of_users.DEVICE + of_users.PLACE,
    Client: of_users.CLIENT,
    Ticket: of_users.TICKET,
    SignIn: of_users.SIGN_IN,
    ClientSession: of_clients.SESSION,
    Grant: of_clients.GRANT,
    PersonalAccessToken: of_clients.TOKEN,
}


@pytest.mark.parametrize("model", EXPORTED, ids=lambda model: model._meta.label)
def test_every_column_is_exported_or_withheld(model):
    assert {*EXPORTED[model], *WITHHELD[model]} == {field.name for field in model._meta.concrete_fields}


def test_an_export_names_no_staff(planted, person, workspace):
    of_staff = replace(device(1), ip_address="203.0.113.9")
    UserSession.objects.start(workspace, person, actor="operator:7", at=NOW, impersonator=STAFF, device=of_staff)
    found = export(person, workspace)
    assert "203.0.113.9" in dump_of_ours() and "203.0.113.9" not in str(found)
    assert [row["impersonator"] for row in rows_of(found, "user_sessions")].count("staff") == 1
    assert len(rows_of(found, "activities")) == 4  # without that of the staff
    assert {"operator", "other"} <= {event["actor"] for event in rows_of(found, "events")}


def test_after_an_erasure_nothing_is_left(planted, others, person, workspace):
    erase(person, workspace)
    assert leaked(dump_of_ours()) == set()
    assert f"user_{person.pk}" not in str(Event.objects.values_list("subject", "actor", "data"))


def test_a_second_export_is_empty(planted, person, workspace):
    erase(person, workspace)
    assert [section["rows"] for section in export(person, workspace)["sections"] if section["rows"]] == []


def test_the_logs_at_debug_name_nobody(planted, person, workspace, caplog):
    with caplog.at_level(logging.DEBUG):
        erase(person, workspace)
        export(person, workspace)
    assert "erased_user:" in caplog.text and leaked(caplog.text) == set()


PAGES = [UserSession, Ticket, Client, Event, WebhookMessage, ClientSession, PersonalAccessToken, Epoch]


def console_pages() -> set[str]:
    """Return the lists of the console, and the page of each row."""
    lists = {model: f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in PAGES}
    rows = [f"{lists[model]}{pk}/change/" for model in PAGES for pk in model._base_manager.values_list("pk", flat=True)]
    return {*lists.values(), *rows}


def test_no_page_of_the_console_shows_anything(planted, person, workspace, admin_client: Browser):
    pages = console_pages()
    before = "".join(admin_client.get(page, follow=True).content.decode() for page in pages)
    assert len(leaked(before)) > 25
    erase(person, workspace)
    person.delete()
    for page in pages | console_pages():
        assert leaked(admin_client.get(page, follow=True).content.decode()) == set(), page


def test_no_event_is_lost_and_one_pseudonym_stands_for_the_person(planted, person, workspace):
    UserSession.objects.of_user(person).revoke(actor=OPERATOR, at=NOW)
    Ticket.objects.revoke(actor=OPERATOR, at=NOW)
    PersonalAccessToken.objects.revoke(actor=OPERATOR, reason="lost", at=NOW)
    ClientSession.objects.get().revoke(actor=OPERATOR, at=NOW)
    before = list(Event.objects.order_by("pk").values_list("pk", "type", "created_at", "workspace"))
    erase(person, workspace)
    assert list(Event.objects.order_by("pk").values_list("pk", "type", "created_at", "workspace")) == before
    subjects = set(Event.objects.filter(type__startswith="user_session").values_list("subject", flat=True))
    assert len(subjects) == 1 and subjects.pop().startswith("erased_user:")


def test_live_sessions_are_revoked_first(planted, person, workspace, django_capture_on_commit_callbacks):
    ended: list[Any] = []
    receiver = lambda session_ids, reason, **_: ended.append((set(session_ids), reason))  # noqa: E731
    session_ended.connect(receiver)
    with django_capture_on_commit_callbacks(execute=True):
        erase(person, workspace)
    session_ended.disconnect(receiver)
    assert ended == [({planted[0].pk, planted[1].pk}, "user_erased")]
    revoked = Event.objects.filter(type="user_session.revoked", data__reason="user_erased")
    assert [event.actor for event in revoked] == [OPERATOR, OPERATOR]


def test_a_waiting_message_still_tells_what_ended(planted, person, workspace):
    session = planted[0]
    erase(person, workspace)
    bodies = [json.loads(message.body) for message in WebhookMessage.objects.filter(type="session.revoked")]
    (body,) = [body for body in bodies if body["data"]["id"] == session.pk]
    assert (body["data"]["user"], body["data"]["user_id"]) == (None, f"user_{person.pk}")
    assert body["data"]["status"] == Status.REVOKED and "latest_activity" not in body["data"]


def test_a_settled_message_is_deleted(planted, person, workspace):
    for message in WebhookMessage.objects.all():
        message.succeed("200", at=NOW)
    erase(person, workspace)
    assert WebhookMessage.objects.filter(delivered_at__isnull=False).count() == 0


def test_rows_of_others_stay_as_they_are(planted, others, person, workspace):
    def theirs() -> set[str]:
        named = [str(row) for row in dump_of_ours().splitlines()]
        kept = {session.pk for session in UserSession.objects.of_user(others)} | {"neighbour", "a laptop"}
        return {row for row in named if any(each in row for each in kept)}

    before = theirs()
    erase(person, workspace)
    assert len(before) > 5 and theirs() == before
    assert Client.objects.get().pk == planted[1].client_id  # others have a session on it


def test_the_name_of_a_device_is_exported_unless_others_may_have_given_it(planted, others, person, workspace):
    shared = planted[1].client
    for session in planted:
        session.client.rename("Sam's phone", actor=session.actor)
    exported = {row["id"]: row["name"] for row in rows_of(export(person, workspace), "clients")}
    assert exported.pop(shared.pk) is None and set(exported.values()) == {"Sam's phone"}
    assert [row["name"] for row in rows_of(export_user(others), "clients")] == [None]


def test_the_name_of_a_device_on_which_another_signs_in_is_not_exported(planted, neighbour, person, workspace):
    client = planted[0].client
    SignIn.objects.filter(client=client).delete()
    SignIn.objects.begin(client, neighbour, "neighbour", at=NOW)
    assert {row["id"]: row["name"] for row in rows_of(export(person, workspace), "clients")}[client.pk] is None


def test_the_name_of_a_device_is_erased_on_a_client_of_others_too(planted, others, person, workspace):
    for session in planted:
        session.client.rename("Sam's phone", actor=session.actor)
    erase(person, workspace)
    assert "Sam's phone" not in dump_of_ours().replace("''", "'")
    assert Client.objects.get().name == ""


def test_events_about_a_client_are_pseudonymised_unless_others_use_it(planted, others, person, workspace):
    for session in planted:
        Event.objects.record(
            "client.renamed", subject=session.client_id, workspace_id=workspace.pk, actor=session.actor
        )
    erase(person, workspace)
    subjects = Event.objects.filter(type="client.renamed").values_list("subject", flat=True)
    assert {subject for subject in subjects if not subject.startswith("erased_user:")} == {planted[1].client_id}


def test_a_second_run_does_nothing(planted, others, person, workspace):
    assert {"user_sessions": 4, "activities": 4, "clients": 3, "orders": 1}.items() <= erase(person, workspace).items()
    before = dump()
    assert (erase(person, workspace), dump()) == ({}, before)


def test_an_erasure_that_fails_changes_nothing(planted, person, workspace):
    before = dump_of_ours()
    register(DataSource(name="broken", export=lambda person: [], erase=lambda person: 1 / 0))
    try:
        with pytest.raises(ZeroDivisionError):
            erase(person, workspace)
    finally:
        del personal_data._sources["broken"]
    assert dump_of_ours() == before


def test_a_user_can_be_erased_by_id_after_the_host_has_deleted_the_row(planted, others, person, workspace):
    key = person.pk
    person.delete()
    assert len(leaked(dump_of_ours())) > 5
    assert erase(key, workspace)["events"] > 10
    assert leaked(dump_of_ours()) == set()
    assert Client.objects.get().pk == planted[1].client_id


def test_the_pseudonym_hides_a_person_who_impersonated_others_and_acted_on_them(workspace, person, neighbour):
    impersonator = {"sub": f"user_{person.pk}", "name": "planted-first-name"}
    session = UserSession.objects.start(workspace, neighbour, actor=f"operator:{person.pk}", impersonator=impersonator)
    Epoch.objects.begin(workspace, actor=f"operator:{person.pk}", reason="a leak")
    erase(person, workspace)
    event = Event.objects.get(subject=session.pk)
    assert event.actor == event.data["impersonator"]["sub"] == Epoch.objects.get().actor
    assert event.actor.startswith("erased_user:") and event.data["user"] == str(neighbour.pk)


def test_who_impersonated_the_person_stays_in_the_events(planted, person, workspace):
    UserSession.objects.start(workspace, person, actor="operator:999", at=NOW, impersonator=STAFF)
    erase(person, workspace)
    events = Event.objects.filter(data__impersonator__sub="user_999")
    assert {event.type for event in events} >= {"user_session.created", "actor_token.created"}
    assert all(event.subject.startswith("erased_user:") for event in events)


def test_the_door_is_the_only_one(planted):
    event = Event.objects.first()
    for change in (event.save, event.delete, Event.objects.all().delete, lambda: Event.objects.update(actor="x")):
        with pytest.raises(AppendOnly):
            change()


def test_the_same_key_in_several_workspaces_needs_the_workspace(planted, elsewhere, person, workspace):
    ClientSession.objects.start(elsewhere, actor="backend", user_identifier_key=KEY)
    for call in (export_user, lambda *a, **b: erase_user(*a, actor=OPERATOR, **b)):
        with pytest.raises(ValueError, match="pass the workspace"):
            call(person, user_identifier_keys=[KEY])
    erase(person, workspace)
    assert ClientSession.objects.get().workspace == elsewhere


def test_a_key_can_be_text(planted, person, workspace):
    assert export(str(person.pk), workspace) == export(person, workspace)


NOBODY = [
    *(None, "", " ", "user_7", object(), get_user_model(), Event),
    *(True, 7.9, 7.0, Decimal(7), "007", " 7", "7.0", "+7", "\u0667", b"7", 2**63, -(2**63) - 1, "9" * 20, "9" * 5000),
]


@pytest.mark.parametrize("user", NOBODY, ids=lambda user: repr(user)[:20])
def test_what_is_no_user_is_refused(db, user):
    user = user() if isinstance(user, type) else user
    for call in (export_user, partial(erase_user, actor=OPERATOR)):
        with pytest.raises(ValueError, match="user must be a saved user or a primary key of one"):
            call(user)


@pytest.mark.parametrize("keys", ["jane", [7], [None]])
def test_keys_must_be_a_collection_of_texts(person, keys):
    with pytest.raises(ValueError, match="user_identifier_keys must be"):
        export_user(person, user_identifier_keys=keys)


def test_an_export_names_the_host_of_a_receiver_without_the_secrets_of_its_address(workspace, person):
    url = "https://hooks.example.com:8443/services/T0/secret-path?key=secret-query"
    WebhookEndpoint.objects.add(workspace, url, actor=OPERATOR)
    UserSession.objects.start(workspace, person, actor="test")
    assert [row["recipient"] for row in rows_of(export_user(person), "webhook_messages")] == [
        "https://hooks.example.com"
    ]
    assert "secret" not in str(export_user(person))


def test_a_ticket_that_acted_is_replaced_too(workspace, person):
    ticket = Ticket.objects.issue(workspace, person, actor="test", lifetime=HOUR, at=NOW)
    Event.objects.record("shop.paid", subject="an order", workspace_id=None, actor=f"ticket:{ticket.pk}")
    person.delete()  # the ticket too
    erase_user(ticket.user_id, actor="test")
    assert ticket.pk not in str(Event.objects.values_list("subject", "actor", "data"))
    assert Event.objects.get(type="shop.paid").actor.startswith("erased_user:")
