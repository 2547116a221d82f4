"""The verbs of client sessions, and expiry."""

from datetime import timedelta
from itertools import permutations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from client_sessions import resources
from client_sessions.devices.models import Customer, UserIdentity
from client_sessions.models import ClientSession, ClientSessionPolicy, GrantConflict, KeyTaken, NotLive, Status
from sessions_core.models import Event
from tests.callers import bearer
from tests.policies import set_client_session_policy

NOW = timezone.now()
SECOND = timedelta(seconds=1)


@pytest.fixture
def session(workspace) -> ClientSession:
    return ClientSession.objects.start(workspace, actor="test", user_identifier_key="u1", at=NOW)


def event_types(session: ClientSession) -> list[str]:
    return list(Event.objects.filter(subject=str(session.pk)).order_by("id").values_list("type", flat=True))


@pytest.mark.parametrize(
    ("expires_in", "revoked", "state"),
    [
        (SECOND, False, Status.LIVE),
        (timedelta(0), False, Status.EXPIRED),
        (-SECOND, False, Status.EXPIRED),
        (SECOND, True, Status.REVOKED),
        (-SECOND, True, Status.REVOKED),
    ],
)
def test_the_status_property_and_the_queryset_agree(session, expires_in, revoked, state):
    changes = {"expires_at": NOW + expires_in, "revoked_at": NOW if revoked else None}
    ClientSession.objects.filter(pk=session.pk).update(**changes)
    session.refresh_from_db()
    everyone = ClientSession.objects.all()
    by_state = {
        Status.LIVE: everyone.live(at=NOW),
        Status.EXPIRED: everyone.expired(at=NOW),
        Status.REVOKED: everyone.revoked(),
    }
    assert session.status_at(NOW) == state
    assert session.status == session.status_at(timezone.now())
    assert [each for each, rows in by_state.items() if session in rows] == [state]


NARROWINGS = {
    "in_workspace": lambda rows, workspace: rows.in_workspace(workspace),
    "of_user": lambda rows, workspace: rows.of_user("u1"),
    "live": lambda rows, workspace: rows.live(),
}


@pytest.mark.parametrize("order", list(permutations(NARROWINGS)))
def test_queryset_filters_combine_in_any_order(workspace, live_workspace, order):
    revoked = ClientSession.objects.start(workspace, actor="test", user_identifier_key="u1")
    revoked.revoke(actor="test")
    wanted = ClientSession.objects.start(workspace, actor="test", user_identifier_key="u1")
    ClientSession.objects.start(workspace, actor="test", user_identifier_key="u2")
    ClientSession.objects.start(live_workspace, actor="test", user_identifier_key="u1")
    rows = ClientSession.objects
    for name in order:
        rows = NARROWINGS[name](rows, workspace)
    assert list(rows) == [wanted]
    assert set(ClientSession.objects.in_workspace(workspace).of_user("u1")) == {wanted, revoked}


def test_a_session_has_the_lifetime_of_its_workspace(workspace):
    set_client_session_policy(workspace, lifetime=timedelta(hours=1))
    session = ClientSession.objects.start(workspace, actor="test", at=NOW)
    assert session.expires_at == NOW + timedelta(hours=1)


def test_every_change_records_an_event_with_its_actor(session, home):
    session.grant({"connected_account": [home.a1]}, actor="api_key:x")
    session.grant({"connected_account": [home.a1]}, actor="api_key:x")
    session.replace_grants({"connected_account": [home.a2]}, actor="api_key:x", expires_at=NOW + timedelta(days=2))
    session.revoke(actor="api_key:x")
    session.revoke(actor="api_key:x")
    session.remove(actor="api_key:x")
    session.remove(actor="api_key:x")
    assert event_types(session) == [
        "client_session.created",
        "client_session.granted",
        "client_session.expiry_changed",
        "client_session.grants_removed",
        "client_session.granted",
        "client_session.revoked",
        "client_session.deleted",
    ]
    assert {event.actor for event in Event.objects.filter(subject=str(session.pk))} == {"test", "api_key:x"}


@pytest.mark.parametrize("end", ["revoke", "remove"])
def test_a_stale_copy_of_an_ended_session_changes_nothing(session, home, end):
    stale = ClientSession.objects.get(pk=session.pk)
    getattr(session, end)(actor="test")
    with pytest.raises(NotLive):
        stale.grant({"connected_account": [home.a1]}, actor="test")
    with pytest.raises(NotLive):
        stale.replace_grants({"connected_account": [home.a1]}, actor="test", expires_at=NOW + timedelta(days=9))
    assert not session.grants.exists()
    assert event_types(session)[-1] == {"revoke": "client_session.revoked", "remove": "client_session.deleted"}[end]


def test_an_expired_session_refuses_grants(session, home):
    with pytest.raises(NotLive):
        session.grant({"connected_account": [home.a1]}, actor="test", at=session.expires_at)


def test_a_refused_grant_changes_nothing(session, home):
    with pytest.raises(resources.Missing):
        session.grant({"connected_account": [home.a1], "connect_webview": ["x"]}, actor="test")
    with pytest.raises(GrantConflict):
        session.grant({"connected_account": [home.a1], "customer": ["acme", "other"]}, actor="test")
    assert not session.grants.exists()
    assert event_types(session) == ["client_session.created"]


def test_a_grant_can_set_the_key_of_a_session_without_one(workspace, home):
    session = ClientSession.objects.start(workspace, actor="test")
    session.grant({"connected_account": [home.a1]}, user_identifier_key="u2", actor="test")
    assert ClientSession.objects.with_key("u2").get() == session
    with pytest.raises(GrantConflict):
        session.grant({}, user_identifier_key="u3", actor="test")


def test_a_grant_cannot_take_the_key_of_another_session(session, workspace, home):
    other = ClientSession.objects.start(workspace, actor="test")
    with pytest.raises(KeyTaken):
        other.grant({"connected_account": [home.a1]}, user_identifier_key="u1", actor="test")
    assert not other.grants.exists()


def test_a_new_session_takes_the_key_of_an_expired_one(session, workspace):
    later = session.expires_at
    successor = ClientSession.objects.start(workspace, actor="test", user_identifier_key="u1", at=later)
    session.refresh_from_db()
    assert session.status_at(later) is Status.EXPIRED
    assert ClientSession.objects.with_key("u1").get() == successor


def test_get_or_create_finds_a_session_by_identity(workspace, home):
    wanted = {"user_identity": [home.identity]}
    keyed = ClientSession.objects.start(workspace, actor="test", user_identifier_key="u1", wanted=wanted)
    first, second = (ClientSession.objects.start_or_match(workspace, actor="test", wanted=wanted) for _ in "ab")
    assert first == second != keyed


def test_without_key_and_identity_get_or_create_makes_a_new_session(workspace):
    first, second = (ClientSession.objects.start_or_match(workspace, actor="test") for _ in "ab")
    assert first != second


@pytest.mark.wire("S124")
def test_a_publishable_key_does_not_extend_a_session(web_app, workspace):
    far = "2100-01-01T00:00:00Z"
    born = web_app.post("client_sessions/get_or_create", user_identifier_key="g1", expires_at=far).json()
    assert (
        born["client_session"]["expires_at"] < (timezone.now() + ClientSessionPolicy.of(workspace).lifetime).isoformat()
    )
    again = web_app.post("client_sessions/get_or_create", user_identifier_key="g1", expires_at=far).json()
    assert again == born


@pytest.mark.wire("S125")
def test_a_live_workspace_refuses_publishable_keys_until_enabled(web_app, workspace):
    workspace.is_sandbox = False
    workspace.save()
    response = web_app.post("client_sessions/get_or_create", user_identifier_key="g1")
    assert (response.status_code, response.error) == (401, "unauthorized")
    set_client_session_policy(workspace, publishable_keys_enabled=True)
    workspace.save()
    assert web_app.post("client_sessions/get_or_create", user_identifier_key="g1").status_code == 200


@pytest.mark.wire("S119")
def test_a_revoked_session_is_read_by_id_only(backend, open_session):
    session = open_session(user_identifier_key="u1")
    backend.post("client_sessions/revoke", client_session_id=session["client_session_id"])
    by_id = backend.post("client_sessions/get", client_session_id=session["client_session_id"])
    assert by_id.json()["client_session"]["revoked_at"]
    assert backend.post("client_sessions/get", user_identifier_key="u1").status_code == 404
    assert backend.get("client_sessions/list").json()["client_sessions"] == []


def test_a_token_of_a_withdrawn_key_is_invalid_and_its_session_gets_another(backend, open_session, settings):
    old = open_session(user_identifier_key="u1")
    settings.SESSIONS_CORE = settings.SESSIONS_CORE | {"TOKEN_KEYS": ["another key, of thirty-two characters"]}
    new = backend.get("client_sessions/get", "?user_identifier_key=u1").json()["client_session"]
    assert bearer(old["token"]).get("client_sessions/get").status_code == 401
    assert bearer(new["token"]).get("client_sessions/get").json()["client_session"] == new


def test_the_key_of_an_expired_session_can_be_taken_with_a_grant_and_that_is_an_event(workspace, home):
    ClientSession.objects.start(workspace, actor="test", user_identifier_key="u1", expires_at=NOW)
    session = ClientSession.objects.start(workspace, actor="test")
    session.grant({}, user_identifier_key="u1", actor="api_key:x")
    assert ClientSession.objects.with_key("u1").get() == session
    event = Event.objects.get(type="client_session.key_taken")
    assert (event.subject, event.actor, event.data) == (str(session.pk), "api_key:x", {})


def test_a_concurrent_request_sees_that_a_session_lost_its_key(session, workspace):
    before, after = session.expires_at - SECOND, session.expires_at
    successor = ClientSession.objects.start(workspace, actor="test", user_identifier_key="u1", at=after)
    with pytest.raises(NotLive):
        session.replace_grants({}, expires_at=after + timedelta(days=9), actor="test", at=before)
    assert list(ClientSession.objects.live(at=before).filter(user_identifier_key="u1")) == [successor]


def test_an_id_too_long_for_its_column_is_not_found(backend, workspace):
    Customer.objects.create(workspace=workspace, key="x" * 200)
    assert backend.post("client_sessions/create", customer_key="x" * 200).status_code == 200
    refused = backend.post("client_sessions/create", customer_key="x" * 200 + "evil")
    assert (refused.status_code, refused.error) == (404, "customer_not_found")


@pytest.mark.wire("S120")
def test_a_second_identity_is_refused_by_the_name_of_its_parameter(backend, open_session, workspace, home):
    session = open_session(user_identity_id=home.identity)
    other = str(UserIdentity.objects.create(workspace=workspace).pk)
    refused = backend.post(
        "client_sessions/grant_access", client_session_id=session["client_session_id"], user_identity_id=other
    )
    assert refused.error == "invalid_input"
    assert "user_identity_id" in refused.json()["error"]["validation_errors"]


def test_put_with_a_taken_key_ignores_other_parameters(backend, open_session, home):
    session = open_session(user_identifier_key="u1")
    answer = backend.put("client_sessions/create", user_identifier_key="u1", connected_account_ids=[home.ax])
    assert answer.json()["client_session"] == session


def test_a_token_may_name_its_own_session_in_any_spelling(open_session):
    session = open_session()
    query = f"?client_session_id={session['client_session_id'].upper()}"
    assert bearer(session["token"]).get("client_sessions/get", query).json()["client_session"] == session


def test_all_sessions_of_a_user_are_revoked_at_once(workspace, elsewhere):
    mine = [
        ClientSession.objects.start(each, actor="test", user_identifier_key="jane") for each in (workspace, elsewhere)
    ]
    other = ClientSession.objects.start(workspace, actor="test")
    assert set(ClientSession.objects.of_user("jane").revoke(actor="operator:x", at=NOW)) == {one.pk for one in mine}
    assert [event_types(one)[-1] for one in mine] == ["client_session.revoked"] * 2
    assert {each.revoked_at for each in ClientSession.objects.of_user("jane")} == {NOW}
    assert ClientSession.objects.unrevoked().get() == other


def test_revoking_sessions_again_changes_nothing(session):
    session.revoke(actor="test", at=NOW)
    assert ClientSession.objects.revoke(actor="test") == []
    assert event_types(session).count("client_session.revoked") == 1


@pytest.mark.parametrize("number", [1, 50])
def test_revoking_sessions_is_two_queries_for_any_number(workspace, number):
    for _ in range(number):
        ClientSession.objects.start(workspace, actor="test")
    with CaptureQueriesContext(connection) as queries:
        assert len(ClientSession.objects.revoke(actor="test")) == number
    made = [each["sql"].split()[0] for each in queries.captured_queries]
    assert [verb for verb in made if verb not in ("SAVEPOINT", "RELEASE")] == ["UPDATE", "INSERT"]
