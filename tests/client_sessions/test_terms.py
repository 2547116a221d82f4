"""Grants that allow less, or for a while; and grants taken back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from client_sessions import resources
from client_sessions.devices.models import Device
from client_sessions.models import Action, ClientSession, Grant, GrantConflict, NotLive, Terms
from client_sessions.scoping import reached_by
from sessions_core.models import Event
from tests.callers import bearer
from tests.client_sessions.conftest import devices_seen, row_of

NOW = timezone.now()
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
READ = Terms(actions=[Action.READ])


@pytest.fixture
def session(workspace) -> ClientSession:
    return ClientSession.objects.start(workspace, by="test", at=NOW)


def reached(session: ClientSession, action: Action = Action.READ, at=NOW) -> list[str]:
    rows = reached_by(Device.objects.all(), session, action=action, at=at)
    return list(rows.order_by("name").values_list("name", flat=True))


@pytest.mark.parametrize(
    ("actions", "allowed"),
    [
        ([Action.READ], {Action.READ}),
        ([Action.CONTROL], {Action.CONTROL}),
        ([Action.READ, Action.CONTROL], {Action.READ, Action.CONTROL}),
    ],
)
def test_a_grant_allows_its_actions_and_no_other(session, home, actions, allowed):
    session.grant({"connected_account": [home.a1]}, terms=Terms(actions=actions), by="test", at=NOW)
    for action in Action:
        assert reached(session, action) == (["d1", "d2"] if action in allowed else [])


def test_a_grant_ends_when_it_says(session, home):
    session.grant({"connected_account": [home.a1]}, terms=Terms(until=NOW + HOUR), by="test", at=NOW)
    assert reached(session, at=NOW + HOUR - SECOND) == ["d1", "d2"]
    assert reached(session, at=NOW + HOUR) == []


def test_without_terms_a_grant_is_seams(session, home):
    session.grant({"connected_account": [home.a1]}, by="test", at=NOW)
    assert Grant.objects.get().terms == Terms()
    assert reached(session, Action.CONTROL, at=NOW + 300 * 24 * HOUR) == ["d1", "d2"]


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        (READ, Terms(actions=[Action.CONTROL]), Terms()),
        (READ, READ, READ),
        (Terms(), READ, Terms()),
        (Terms(until=NOW + HOUR), Terms(until=NOW + 2 * HOUR), Terms(until=NOW + 2 * HOUR)),
        (Terms(until=NOW + 2 * HOUR), Terms(until=NOW + HOUR), Terms(until=NOW + 2 * HOUR)),
        (Terms(until=NOW + HOUR), Terms(), Terms()),
        (Terms(), Terms(until=NOW + HOUR), Terms()),
    ],
)
def test_granting_again_only_widens(session, home, first, second, both):
    for terms in (first, second):
        session.grant({"connected_account": [home.a1]}, terms=terms, by="test", at=NOW)
    assert Grant.objects.get().terms == both


def test_an_ended_grant_makes_room(session, home, workspace):
    session.grant({"user_identity": [home.identity]}, terms=Terms(until=NOW + HOUR), by="test", at=NOW)
    other = str(type(home.rows["identity"]).objects.create(workspace=workspace).pk)
    with pytest.raises(GrantConflict):
        session.grant({"user_identity": [other]}, by="test", at=NOW)
    session.grant({"user_identity": [other]}, terms=READ, by="test", at=NOW + HOUR)
    assert Grant.objects.get().terms == READ


def test_replacing_gives_full_grants(session, home):
    session.grant({"connected_account": [home.a1, home.a2]}, terms=READ, by="test", at=NOW)
    session.replace_grants({"connected_account": [home.a1]}, by="test", at=NOW)
    assert Grant.objects.get().terms == Terms()


def test_one_grant_is_taken_back_while_the_session_lives(session, home):
    session.grant({"connected_account": [home.a1, home.a2]}, by="test", at=NOW)
    for _ in range(2):
        session.revoke_access({"connected_account": [home.a1]}, by="api_key:x", at=NOW)
    assert reached(session) == ["d3"]
    (event,) = Event.objects.filter(type="client_session.grants_removed")
    assert (event.actor, event.data) == ("api_key:x", {"grants": {"connected_account": [home.a1.replace("-", "")]}})


def test_what_could_not_be_granted_cannot_be_taken_back(session, home):
    session.grant({"connected_account": [home.a1]}, by="test", at=NOW)
    for wrong in ({"connected_account": [home.a1, home.ax]}, {"connected_account": ["x"]}, {"nonsense": ["x"]}):
        with pytest.raises(resources.Missing):
            session.revoke_access(wrong, by="test", at=NOW)
    assert reached(session) == ["d1", "d2"]


def test_nothing_is_taken_from_a_session_that_is_over(session, home):
    session.grant({"connected_account": [home.a1]}, by="test", at=NOW)
    session.revoke(by="test", at=NOW)
    with pytest.raises(NotLive):
        session.revoke_access({"connected_account": [home.a1]}, by="test", at=NOW)


# On the wire


def test_a_backend_grants_with_terms(backend, open_session, home):
    session = open_session(user_identifier_key="u1")
    until = "2031-06-19T15:22:40.000000Z"
    answer = backend.post(
        "client_sessions/grant_access",
        user_identifier_key="u1",
        connected_account_ids=[home.a1],
        actions=["read"],
        access_expires_at=until,
    ).json()["client_session"]
    assert answer["connected_account_ids"] == [home.a1]
    assert answer["limited_access"] == [
        {"resource_type": "connected_account", "resource_id": home.a1, "actions": ["read"], "access_expires_at": until}
    ]
    assert devices_seen(bearer(session["token"])) == ["d1", "d2"]


def test_an_ended_grant_is_shown_nowhere(backend, open_session, home):
    session = open_session()
    row_of(session).grant({"connected_account": [home.a1]}, terms=Terms(until=timezone.now()), by="test")
    now = bearer(session["token"]).get("client_sessions/get").json()["client_session"]
    assert now == session
    assert devices_seen(bearer(session["token"])) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("actions", []), ("actions", ["open"]), ("actions", "read"), ("actions", [None]), ("access_expires_at", "soon")],
)
def test_terms_that_are_none_are_refused(backend, open_session, home, name, value):
    open_session(user_identifier_key="u1")
    wrong = {"user_identifier_key": "u1", "connected_account_ids": [home.a1], name: value}
    response = backend.post("client_sessions/grant_access", **wrong)
    assert (response.status_code, response.error) == (400, "invalid_input")
    assert name in response.json()["error"]["validation_errors"]
    assert not Grant.objects.exists()


def test_a_backend_takes_access_back(backend, open_session, home):
    session = open_session(user_identifier_key="u1", connected_account_ids=[home.a1, home.a2])
    answer = backend.post(
        "client_sessions/revoke_access", user_identifier_key="u1", connected_account_ids=[home.a1]
    ).json()
    assert answer["client_session"]["connected_account_ids"] == [home.a2]
    assert devices_seen(bearer(session["token"])) == ["d3"]


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({}, 400, "invalid_input"),
        ({"user_identifier_key": "u1"}, 400, "invalid_input"),
        ({"user_identifier_key": "u2", "connected_account_ids": []}, 404, "client_session_not_found"),
        ({"user_identifier_key": "u1", "connected_account_ids": ["x"]}, 404, "connected_account_not_found"),
    ],
)
def test_taking_back_nothing_or_from_nobody_is_refused(backend, open_session, body, status, error):
    open_session(user_identifier_key="u1")
    response = backend.post("client_sessions/revoke_access", **body)
    assert (response.status_code, response.error) == (status, error)


def test_any_registered_type_is_granted_by_its_name(backend, open_session, home):
    session = open_session(device_ids=[home.d3])
    assert session["device_ids"] == [home.d3]
    assert devices_seen(bearer(session["token"])) == ["d3"]
    response = backend.post("client_sessions/create", device_ids=[home.dx])
    assert (response.status_code, response.error) == (404, "device_not_found")


@pytest.mark.parametrize(
    "path", ["create", "get_or_create", "grant_access", "revoke_access", "list", "revoke", "delete"]
)
def test_a_token_can_never_mint_a_wider_one(open_session, home, path):
    session = open_session(user_identifier_key="u1")
    body = {
        "user_identifier_key": "u1",
        "connected_account_ids": [home.a1],
        "client_session_id": session["client_session_id"],
    }
    response = bearer(session["token"]).post(f"client_sessions/{path}", **body)
    assert (response.status_code, response.error) == (401, "unauthorized")
    assert not Grant.objects.exists()
    assert ClientSession.objects.count() == 1
