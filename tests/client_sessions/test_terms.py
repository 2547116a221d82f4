"""Grants with limited actions or a limited time, and removed grants."""

from datetime import datetime, timedelta

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
CONTROL = Terms(actions=[Action.CONTROL])
CONTROL_FOR_AN_HOUR = Terms(actions=[Action.CONTROL], until=NOW + HOUR)


@pytest.fixture
def session(workspace) -> ClientSession:
    return ClientSession.objects.start(workspace, actor="test", at=NOW)


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
    session.grant({"connected_account": [home.a1]}, terms=Terms(actions=actions), actor="test", at=NOW)
    for action in Action:
        assert reached(session, action) == (["d1", "d2"] if action in allowed else [])


def test_a_grant_expires_at_its_end(session, home):
    session.grant({"connected_account": [home.a1]}, terms=Terms(until=NOW + HOUR), actor="test", at=NOW)
    assert reached(session, at=NOW + HOUR - SECOND) == ["d1", "d2"]
    assert reached(session, at=NOW + HOUR) == []


def test_without_terms_a_grant_is_unlimited(session, home):
    session.grant({"connected_account": [home.a1]}, actor="test", at=NOW)
    assert Grant.objects.get().terms == [Terms()]
    assert reached(session, Action.CONTROL, at=NOW + 300 * 24 * HOUR) == ["d1", "d2"]


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        (READ, CONTROL, [Terms()]),
        (READ, READ, [READ]),
        (Terms(), READ, [Terms()]),
        (Terms(until=NOW + HOUR), Terms(until=NOW + 2 * HOUR), [Terms(until=NOW + 2 * HOUR)]),
        (Terms(until=NOW + 2 * HOUR), Terms(until=NOW + HOUR), [Terms(until=NOW + 2 * HOUR)]),
        (Terms(until=NOW + HOUR), Terms(), [Terms()]),
        (Terms(), Terms(until=NOW + HOUR), [Terms()]),
        # Neither gives the other more than it has.
        (READ, Terms(actions=[Action.CONTROL], until=NOW + HOUR), [CONTROL_FOR_AN_HOUR, READ]),
        (Terms(until=NOW + HOUR), READ, [CONTROL_FOR_AN_HOUR, READ]),
    ],
)
def test_granting_again_never_narrows(session, home, first, second, both):
    for terms in (first, second):
        session.grant({"connected_account": [home.a1]}, terms=terms, actor="test", at=NOW)
    assert Grant.objects.get().terms == both


def test_an_expired_grant_does_not_count_towards_the_limit(session, home, workspace):
    session.grant({"user_identity": [home.identity]}, terms=Terms(until=NOW + HOUR), actor="test", at=NOW)
    other = str(type(home.rows["identity"]).objects.create(workspace=workspace).pk)
    with pytest.raises(GrantConflict):
        session.grant({"user_identity": [other]}, actor="test", at=NOW)
    session.grant({"user_identity": [other]}, terms=READ, actor="test", at=NOW + HOUR)
    assert Grant.objects.get().terms == [READ]


def test_replaced_grants_have_no_terms(session, home):
    session.grant({"connected_account": [home.a1, home.a2]}, terms=READ, actor="test", at=NOW)
    session.replace_grants({"connected_account": [home.a1]}, actor="test", at=NOW)
    assert Grant.objects.get().terms == [Terms()]
    session.replace_grants({"connected_account": [home.a1]}, terms=READ, actor="test", at=NOW)
    assert Grant.objects.get().terms == [READ]


def test_narrowing_a_grant_is_recorded_as_an_event(session, home):
    session.grant({"connected_account": [home.a1]}, actor="test", at=NOW)
    session.replace_grants({"connected_account": [home.a1]}, terms=READ, actor="api_key:x", at=NOW)
    event = Event.objects.filter(subject=str(session.pk)).first()
    assert (event.type, event.actor) == ("client_session.grants_limited", "api_key:x")
    assert event.data["actions"] == ["read"]


@pytest.mark.parametrize("actions", [[], ["open"], ["read", "open"]])
def test_terms_accept_only_known_actions(actions):
    with pytest.raises(ValueError, match=r"at least one action|not a valid"):
        Terms(actions=actions)


def test_terms_need_a_time_with_a_zone():
    with pytest.raises(ValueError, match="time zone"):
        Terms(until=datetime(2036, 1, 1))


def test_an_expired_grant_reaches_nothing(backend, session, workspace, home):
    ended = Terms(until=timezone.now())
    session.grant({"connect_webview": [home.pending], "user_identity": [home.identity]}, terms=ended, actor="test")

    def listed(query: str) -> int:
        return len(backend.get("client_sessions/list", query).json()["client_sessions"])

    assert listed(f"?connect_webview_id={home.pending}") == 0
    assert listed("?connect_webview_id=&_strict=true") == 1
    other = backend.post("client_sessions/get_or_create", user_identity_id=home.identity).json()["client_session"]
    assert other["client_session_id"] != str(session.pk)


def test_an_account_is_authorised_on_the_terms_of_its_webview(session, workspace, home):
    webview, account = home.rows["pending"], home.rows["a1"]
    session.grant(
        {"connect_webview": [home.pending]}, terms=Terms(actions=[Action.READ], until=NOW + HOUR), actor="test"
    )
    late = ClientSession.objects.start(workspace, actor="test", at=NOW)
    late.grant({"connect_webview": [home.pending]}, terms=Terms(until=NOW), actor="test", at=NOW - HOUR)
    assert webview.authorize(account, at=NOW)
    for one, action, at, expected in (
        (session, Action.READ, NOW, ["d1", "d2"]),
        (session, Action.CONTROL, NOW, []),
        (session, Action.READ, NOW + HOUR, []),
        (late, Action.READ, NOW, []),
    ):
        assert reached(one, action, at=at) == expected


def test_a_webview_cannot_reach_an_account_of_another_workspace(home):
    with pytest.raises(resources.Missing):
        home.rows["pending"].authorize(home.rows["ax"])
    home.rows["pending"].refresh_from_db()
    assert home.rows["pending"].status == "pending"


def test_one_grant_is_removed_while_the_session_stays_live(session, home):
    session.grant({"connected_account": [home.a1, home.a2]}, actor="test", at=NOW)
    for _ in range(2):
        session.revoke_access({"connected_account": [home.a1]}, actor="api_key:x", at=NOW)
    assert reached(session) == ["d3"]
    (event,) = Event.objects.filter(type="client_session.grants_removed")
    assert (event.actor, event.data) == ("api_key:x", {"grants": {"connected_account": [home.a1.replace("-", "")]}})


def test_an_unknown_resource_cannot_be_removed(session, home):
    session.grant({"connected_account": [home.a1]}, actor="test", at=NOW)
    for wrong in ({"connected_account": [home.a1, home.ax]}, {"connected_account": ["x"]}, {"nonsense": ["x"]}):
        with pytest.raises(resources.Missing):
            session.revoke_access(wrong, actor="test", at=NOW)
    assert reached(session) == ["d1", "d2"]


def test_a_session_that_is_over_refuses_the_removal_of_grants(session, home):
    session.grant({"connected_account": [home.a1]}, actor="test", at=NOW)
    session.revoke(actor="test", at=NOW)
    with pytest.raises(NotLive):
        session.revoke_access({"connected_account": [home.a1]}, actor="test", at=NOW)


# API


@pytest.mark.wire("S105")
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


@pytest.mark.wire("S107")
def test_no_response_contains_an_expired_grant(backend, open_session, home):
    session = open_session()
    row_of(session).grant({"connected_account": [home.a1]}, terms=Terms(until=timezone.now()), actor="test")
    now = bearer(session["token"]).get("client_sessions/get").json()["client_session"]
    assert now == session
    assert devices_seen(bearer(session["token"])) == []


@pytest.mark.wire("S106")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("actions", []),
        ("actions", ["open"]),
        ("actions", "read"),
        ("actions", [None]),
        ("access_expires_at", "soon"),
        ("access_expires_at", "2020-01-01T00:00:00Z"),
    ],
)
def test_invalid_terms_are_refused(backend, open_session, home, name, value):
    open_session(user_identifier_key="u1")
    wrong = {"user_identifier_key": "u1", "connected_account_ids": [home.a1], name: value}
    response = backend.post("client_sessions/grant_access", **wrong)
    assert (response.status_code, response.error) == (400, "invalid_input")
    assert name in response.json()["error"]["validation_errors"]
    assert not Grant.objects.exists()


@pytest.mark.wire("S105")
def test_terms_apply_from_the_creation_on(backend, home):
    for path in ("create", "get_or_create"):
        asked = {"user_identifier_key": path, "connected_account_ids": [home.a1], "actions": ["read"]}
        answer = backend.post(f"client_sessions/{path}", **asked).json()["client_session"]
        assert [limit["actions"] for limit in answer["limited_access"]] == [["read"]]


@pytest.mark.wire("S108")
def test_a_backend_removes_access(backend, open_session, home):
    session = open_session(user_identifier_key="u1", connected_account_ids=[home.a1, home.a2])
    answer = backend.post(
        "client_sessions/revoke_access", user_identifier_key="u1", connected_account_ids=[home.a1]
    ).json()
    assert answer["client_session"]["connected_account_ids"] == [home.a2]
    assert devices_seen(bearer(session["token"])) == ["d3"]


@pytest.mark.wire("S109")
@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({}, 400, "invalid_input"),
        ({"user_identifier_key": "u1"}, 400, "invalid_input"),
        ({"connected_account_ids": []}, 400, "invalid_input"),
        ({"user_identifier_key": "u2", "connected_account_ids": []}, 404, "client_session_not_found"),
        ({"user_identifier_key": "u1", "connected_account_ids": ["x"]}, 404, "connected_account_not_found"),
    ],
)
def test_an_invalid_removal_is_refused(backend, open_session, body, status, error):
    open_session(user_identifier_key="u1")
    response = backend.post("client_sessions/revoke_access", **body)
    assert (response.status_code, response.error) == (status, error)


@pytest.mark.wire("S110")
def test_a_resource_reached_by_another_grant_is_not_removed(backend, open_session, home):
    session = open_session(connected_account_ids=[home.a2], connect_webview_ids=[home.webview])
    body = {"client_session_id": session["client_session_id"], "connected_account_ids": [home.a2]}
    refused = backend.post("client_sessions/revoke_access", **body)
    assert (refused.status_code, refused.error) == (400, "invalid_options")
    assert "connect_webview" in refused.json()["error"]["message"]
    assert devices_seen(bearer(session["token"])) == ["d3"]
    both = body | {"connect_webview_ids": [home.webview]}
    assert backend.post("client_sessions/revoke_access", **both).status_code == 200
    assert devices_seen(bearer(session["token"])) == []


def test_only_related_grants_are_queried(backend, open_session, home):
    session = open_session(connected_account_ids=[home.a2], customer_key="acme", connect_webview_ids=[home.pending])
    body = {"client_session_id": session["client_session_id"], "connected_account_ids": [home.a2]}
    message = backend.post("client_sessions/revoke_access", **body).json()["error"]["message"]
    assert message.endswith("name it as well: customer.")
    assert backend.post("client_sessions/revoke_access", **body, customer_key="acme").status_code == 200
    assert devices_seen(bearer(session["token"])) == []


def test_an_expired_grant_is_not_queried(backend, open_session, home):
    session = open_session(connected_account_ids=[home.a2])
    row_of(session).grant({"connect_webview": [home.webview]}, terms=Terms(until=timezone.now()), actor="test")
    body = {"client_session_id": session["client_session_id"], "connected_account_ids": [home.a2]}
    assert backend.post("client_sessions/revoke_access", **body).status_code == 200


@pytest.mark.wire("S109")
def test_two_selectors_must_name_the_same_session(backend, open_session, home):
    session = open_session(user_identifier_key="u1", connected_account_ids=[home.a1])
    open_session(user_identifier_key="u2")
    both = {"client_session_id": session["client_session_id"], "user_identifier_key": "u2"}
    response = backend.post("client_sessions/revoke_access", **both, connected_account_ids=[home.a1])
    assert (response.status_code, response.error) == (404, "client_session_not_found")


@pytest.mark.wire("S111")
def test_any_registered_type_is_granted_by_its_name(backend, open_session, home):
    session = open_session(device_ids=[home.d3])
    assert session["device_ids"] == [home.d3]
    assert devices_seen(bearer(session["token"])) == ["d3"]
    response = backend.post("client_sessions/create", device_ids=[home.dx])
    assert (response.status_code, response.error) == (404, "device_not_found")


@pytest.mark.parametrize(
    "path", ["create", "get_or_create", "grant_access", "revoke_access", "list", "revoke", "delete"]
)
def test_a_token_cannot_create_a_wider_one(open_session, home, path):
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
