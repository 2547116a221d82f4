"""The rules of docs/wire/seam.md over HTTP. Each test carries the numbers of its rules."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from client_sessions.models import ClientSession, Grant
from tests.callers import Caller, bearer
from tests.client_sessions.conftest import devices_seen, row_of

REQUIRED = {
    "client_session_id",
    "workspace_id",
    "created_at",
    "expires_at",
    "token",
    "user_identifier_key",
    "device_count",
    "connected_account_ids",
    "connect_webview_ids",
    "user_identity_ids",
}


def problems(response: Any) -> dict[str, Any]:
    assert response.status_code == 400
    assert response.error == "invalid_input"
    found: dict[str, Any] = response.json()["error"]["validation_errors"]
    return found


# Creation


@pytest.mark.wire("S1")
def test_create_returns_every_required_field(backend):
    answer = backend.post("client_sessions/create", user_identifier_key="u1").json()
    assert answer["ok"] is True
    session = answer["client_session"]
    assert set(session) == REQUIRED
    assert session["user_identifier_key"] == "u1"
    assert re.fullmatch(r"seam_cst1[0-9A-Za-z]{8}_[0-9A-Za-z]{24}", session["token"])


@pytest.mark.wire("S2")
def test_a_second_create_with_put_and_the_same_key_returns_the_same_session(backend, open_session):
    session = open_session(user_identifier_key="u1")
    assert backend.put("client_sessions/create", user_identifier_key="u1").json()["client_session"] == session


@pytest.mark.wire("S3")
def test_a_second_create_with_post_and_the_same_key_is_refused(backend, open_session):
    open_session(user_identifier_key="u1")
    response = backend.post("client_sessions/create", user_identifier_key="u1")
    assert (response.status_code, response.error) == (400, "client_session_token_already_exists")


@pytest.mark.wire("S4")
def test_create_with_put_and_a_taken_key_changes_no_grants(backend, open_session, home):
    open_session(user_identifier_key="u1")
    response = backend.put("client_sessions/create", user_identifier_key="u1", connected_account_ids=[home.a1])
    assert response.json()["client_session"]["connected_account_ids"] == []


@pytest.mark.wire("S5", "S6")
def test_create_needs_no_parameters_and_makes_a_new_session_each_time(backend):
    first = backend.request("PUT", "client_sessions/create").json()["client_session"]
    second = backend.put("client_sessions/create").json()["client_session"]
    assert first["user_identifier_key"] is None
    assert first["client_session_id"] != second["client_session_id"]


@pytest.mark.wire("S7")
def test_create_names_every_parameter_of_the_wrong_type(backend):
    found = problems(backend.post("client_sessions/create", user_identifier_key=5, connected_account_ids="x"))
    assert found["user_identifier_key"]["_errors"] == ["Expected string, received number"]
    assert found["connected_account_ids"]["_errors"] == ["Expected array, received string"]


@pytest.mark.wire("S8", "S9")
@pytest.mark.parametrize("key", ["", None])
def test_a_user_identifier_key_must_not_be_empty_or_null(backend, key):
    assert "user_identifier_key" in problems(backend.post("client_sessions/create", user_identifier_key=key))


@pytest.mark.wire("S10")
def test_create_ignores_an_unknown_parameter(backend):
    assert backend.post("client_sessions/create", foo=1).status_code == 200


@pytest.mark.wire("S11")
def test_create_refuses_a_body_that_is_not_an_object(backend):
    assert problems(backend.request("POST", "client_sessions/create", [1]))["_errors"] == [
        "Expected object, received array"
    ]


@pytest.mark.wire("S12")
def test_a_body_that_names_something_twice_is_refused(backend):
    twice = b'{"user_identifier_key": "a", "user_identifier_key": "b"}'
    response = backend.request("POST", "client_sessions/create", twice)
    assert (response.status_code, response.error) == (400, "invalid_json")


@pytest.mark.wire("S12")
def test_create_answers_broken_json_with_a_json_error(backend):
    response = backend.request("POST", "client_sessions/create", b'{"user_identifier_key":')
    assert (response.status_code, response.error) == (400, "invalid_json")


@pytest.mark.wire("S13")
def test_create_refuses_a_form(backend):
    response = backend.client.post(
        "/client_sessions/create",
        "user_identifier_key=u1",
        content_type="application/x-www-form-urlencoded",
        headers=backend.headers,
    )
    assert (response.status_code, response.json()["error"]["type"]) == (400, "invalid_content_type")
    assert not ClientSession.objects.exists()


@pytest.mark.wire("S14")
def test_create_shows_the_grants_and_counts_their_devices(open_session, home):
    session = open_session(connected_account_ids=[home.a1])
    assert (session["connected_account_ids"], session["device_count"]) == ([home.a1], 2)


@pytest.mark.wire("S15")
def test_create_with_an_account_of_another_workspace_stores_nothing(backend, home):
    response = backend.post("client_sessions/create", connected_account_ids=[home.a1, home.ax])
    assert (response.status_code, response.error) == (404, "connected_account_not_found")
    assert not ClientSession.objects.exists()
    assert not Grant.objects.exists()


@pytest.mark.wire("S16")
def test_a_session_can_belong_to_a_user_identity(open_session, home):
    session = open_session(user_identity_id=home.identity)
    assert (session["user_identity_id"], session["user_identity_ids"]) == (home.identity, [home.identity])


@pytest.mark.wire("S17")
def test_a_session_has_at_most_one_user_identity(backend, home):
    two = [home.identity, str(uuid.uuid4())]
    assert "user_identity_ids" in problems(backend.post("client_sessions/create", user_identity_ids=two))


@pytest.mark.wire("S18")
def test_create_returns_the_expiry_it_was_given_in_utc(open_session):
    session = open_session(expires_at="2027-06-19T17:22:40.250+02:00")
    assert session["expires_at"] == "2027-06-19T15:22:40.250000Z"


@pytest.mark.wire("S19")
@pytest.mark.parametrize("when", ["soon", "2027-06-19", "2027-06-19T15:22:40", "0001-01-01T00:00:00+10:00", 5])
def test_create_refuses_an_expiry_that_is_not_a_date_time_with_a_zone(backend, when):
    assert "expires_at" in problems(backend.post("client_sessions/create", expires_at=when))


@pytest.mark.wire("S20")
def test_two_workspaces_can_use_the_same_user_identifier_key(backend, foreign_backend, open_session):
    session = open_session(user_identifier_key="u1")
    other = foreign_backend.post("client_sessions/create", user_identifier_key="u1").json()["client_session"]
    assert other["client_session_id"] != session["client_session_id"]


# Publishable key


@pytest.mark.wire("S21")
def test_a_publishable_key_creates_a_session(web_app):
    assert web_app.post("client_sessions/create", user_identifier_key="p1").status_code == 200


@pytest.mark.wire("S22")
@pytest.mark.parametrize("body", [{}, {"user_identifier_key": ""}, {"user_identifier_key": "  "}])
def test_create_with_a_publishable_key_needs_a_user_identifier_key(web_app, body):
    response = web_app.post("client_sessions/create", **body)
    assert (response.status_code, response.error) == (401, "publishable_key_requires_user_identifier_key")


@pytest.mark.wire("S23", "S28")
@pytest.mark.parametrize(
    "more",
    [{"connect_webview_ids": []}, {"connected_account_ids": []}, {"user_identity_id": "x"}, {"customer_key": "a"}],
)
@pytest.mark.parametrize("endpoint", ["create", "get_or_create"])
def test_a_publishable_key_cannot_grant_anything(web_app, endpoint, more):
    response = web_app.post(f"client_sessions/{endpoint}", user_identifier_key="p1", **more)
    assert (response.status_code, response.error) == (403, "publishable_keys_must_create_empty_client_sessions")
    assert not ClientSession.objects.exists()


@pytest.mark.wire("S24", "S29")
@pytest.mark.parametrize(("endpoint", "status"), [("create", 401), ("get_or_create", 400)])
def test_an_unknown_publishable_key_is_refused(db, endpoint, status):
    caller = Caller(**{"seam-publishable-key": "seam_pk1aaaaaa_" + "b" * 24})
    response = caller.post(f"client_sessions/{endpoint}", user_identifier_key="g1")
    assert (response.status_code, response.error) == (status, "workspace_not_found")


@pytest.mark.wire("S25")
def test_get_or_create_with_a_publishable_key_returns_the_same_session_twice(web_app):
    first, second = (web_app.post("client_sessions/get_or_create", user_identifier_key="g1").json() for _ in "ab")
    assert first == second


@pytest.mark.wire("S26")
def test_get_or_create_with_a_publishable_key_needs_a_user_identifier_key(web_app):
    response = web_app.post("client_sessions/get_or_create")
    assert (response.status_code, response.error) == (400, "publishable_key_requires_user_identifier_key")


@pytest.mark.wire("S27")
@pytest.mark.parametrize("header", ["seam_user_identifier_key", "user_identifier_key"])
def test_get_or_create_reads_the_user_identifier_key_from_a_header(web_app, header):
    response = web_app.request("POST", "client_sessions/get_or_create", {}, **{header: "g2"})
    assert response.json()["client_session"]["user_identifier_key"] == "g2"


@pytest.mark.wire("S30")
@pytest.mark.parametrize("endpoint", ["list", "revoke", "delete", "grant_access"])
def test_a_publishable_key_opens_no_other_endpoint(web_app, endpoint):
    response = web_app.post(f"client_sessions/{endpoint}")
    assert (response.status_code, response.error) == (401, "unauthorized")


@pytest.mark.wire("S31")
def test_an_api_key_takes_precedence_over_a_publishable_key(api_key, publishable_key, home):
    both = Caller(**{"authorization": f"Bearer {api_key}", "seam-publishable-key": publishable_key})
    response = both.post("client_sessions/create", connected_account_ids=[home.a1])
    assert response.json()["client_session"]["connected_account_ids"] == [home.a1]


# get_or_create with an API key


@pytest.mark.wire("S33")
def test_get_or_create_replaces_the_grants_it_names(backend, home):
    def get_or_create(*ids: str) -> Any:
        parameters = {"user_identifier_key": "u1", "connected_account_ids": list(ids)}
        return backend.post("client_sessions/get_or_create", **parameters).json()["client_session"]

    first, second = get_or_create(home.a1), get_or_create(home.a2)
    assert first["client_session_id"] == second["client_session_id"]
    assert second["connected_account_ids"] == [home.a2]


@pytest.mark.wire("S34")
def test_get_or_create_keeps_the_grants_it_does_not_name(backend, open_session, home):
    session = open_session(user_identifier_key="u1", connected_account_ids=[home.a1])
    assert backend.post("client_sessions/get_or_create", user_identifier_key="u1").json()["client_session"] == session


@pytest.mark.wire("S35")
def test_get_or_create_changes_the_expiry_and_keeps_the_token(backend, open_session):
    session = open_session(user_identifier_key="u1")
    later = "2030-01-01T00:00:00.000000Z"
    answer = backend.post("client_sessions/get_or_create", user_identifier_key="u1", expires_at=later).json()
    assert answer["client_session"] == session | {"expires_at": later}
    assert row_of(session).expires_at == datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.wire("S37")
def test_get_or_create_makes_a_new_session_after_a_revoke(backend, open_session):
    old = open_session(user_identifier_key="u1")
    backend.post("client_sessions/revoke", client_session_id=old["client_session_id"])
    new = backend.post("client_sessions/get_or_create", user_identifier_key="u1").json()["client_session"]
    assert new["client_session_id"] != old["client_session_id"]
    assert new["token"] != old["token"]
    assert bearer(old["token"]).get("devices/list").error == "client_session_revoked"


# get


@pytest.mark.wire("S38")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_session_token_gets_its_own_session(open_session, method):
    session = open_session()
    assert bearer(session["token"]).request(method, "client_sessions/get").json()["client_session"] == session


@pytest.mark.wire("S39", "S40")
@pytest.mark.parametrize("selector", ["user_identifier_key", "client_session_id"])
def test_a_backend_gets_a_session_by_id_or_by_key(backend, open_session, selector):
    session = open_session(user_identifier_key="u1")
    by_query = backend.get("client_sessions/get", f"?{selector}={session[selector]}&_strict=true")
    by_body = backend.post("client_sessions/get", **{selector: session[selector]})
    assert by_query.json()["client_session"] == by_body.json()["client_session"] == session


@pytest.mark.wire("S41")
def test_get_does_not_find_a_session_of_another_workspace(foreign_backend, open_session):
    response = foreign_backend.get("client_sessions/get", f"?client_session_id={open_session()['client_session_id']}")
    assert (response.status_code, response.error) == (404, "client_session_not_found")


@pytest.mark.wire("S42", "S43")
@pytest.mark.parametrize("query", ["?client_session_id=nope", "", "?client_session_id=", "?user_identifier_key="])
def test_get_answers_404_if_no_session_is_named(backend, open_session, query):
    open_session()
    response = backend.get("client_sessions/get", query)
    assert (response.status_code, response.error) == (404, "client_session_not_found")


@pytest.mark.wire("S44")
def test_a_session_token_cannot_name_another_session(open_session):
    session = open_session(user_identifier_key="u1")
    query = f"?client_session_id={session['client_session_id']}&user_identifier_key=u1"
    assert bearer(session["token"]).get("client_sessions/get", query).error == "invalid_options"
    assert bearer(session["token"]).get("client_sessions/get", "?user_identifier_key=u2").error == "invalid_options"
    assert bearer(session["token"]).get("client_sessions/get", "?user_identifier_key=u1").status_code == 200


@pytest.mark.wire("S45")
def test_the_body_takes_precedence_over_the_query(backend, open_session):
    session = open_session(user_identifier_key="u1")
    response = backend.request(
        "POST", "client_sessions/get", {"user_identifier_key": "u1"}, query="?user_identifier_key=u2"
    )
    assert response.json()["client_session"] == session


# grant_access


@pytest.mark.wire("S46")
@pytest.mark.parametrize("by_key_first", [True, False])
def test_grant_access_adds_to_earlier_grants_in_any_order(backend, open_session, home, by_key_first):
    session = open_session(user_identifier_key="u1")
    calls = [
        ("PATCH", {"user_identifier_key": "u1", "connected_account_ids": [home.a1]}),
        ("POST", {"client_session_id": session["client_session_id"], "connected_account_ids": [home.a2]}),
    ]
    for method, body in calls if by_key_first else reversed(calls):
        assert backend.request(method, "client_sessions/grant_access", body).status_code == 200
    now = backend.get("client_sessions/get", "?user_identifier_key=u1").json()["client_session"]
    assert set(now["connected_account_ids"]) == {home.a1, home.a2}
    assert now["device_count"] == 3


@pytest.mark.wire("S47")
def test_granting_the_same_access_twice_makes_no_duplicate(backend, open_session, home):
    open_session(user_identifier_key="u1")
    for _ in range(2):
        response = backend.post(
            "client_sessions/grant_access", user_identifier_key="u1", connected_account_ids=[home.a1, home.a1]
        )
    assert response.json()["client_session"]["connected_account_ids"] == [home.a1]


@pytest.mark.wire("S48")
def test_granting_an_account_of_another_workspace_changes_nothing(backend, open_session, home):
    session = open_session(user_identifier_key="u1")
    response = backend.post(
        "client_sessions/grant_access", user_identifier_key="u1", connected_account_ids=[home.a1, home.ax]
    )
    assert (response.status_code, response.error) == (404, "connected_account_not_found")
    assert backend.get("client_sessions/get", "?user_identifier_key=u1").json()["client_session"] == session


@pytest.mark.wire("S49")
def test_grant_access_answers_404_for_an_unknown_session(backend, home):
    response = backend.post(
        "client_sessions/grant_access", user_identifier_key="nobody", connected_account_ids=[home.a1]
    )
    assert (response.status_code, response.error) == (404, "client_session_not_found")


@pytest.mark.wire("S50")
def test_grant_access_must_name_a_session(backend):
    assert problems(backend.post("client_sessions/grant_access"))["_errors"]


@pytest.mark.wire("S51")
def test_a_session_token_reaches_new_grants_with_its_next_request(backend, open_session, home):
    session = open_session(user_identifier_key="u1")
    assert devices_seen(bearer(session["token"])) == []
    backend.post("client_sessions/grant_access", user_identifier_key="u1", connected_account_ids=[home.a1])
    assert devices_seen(bearer(session["token"])) == ["d1", "d2"]


# list


def listed(caller: Caller, query: str = "") -> list[str]:
    return [one["client_session_id"] for one in caller.get("client_sessions/list", query).json()["client_sessions"]]


@pytest.mark.wire("S52")
def test_list_returns_the_sessions_of_the_workspace_with_their_tokens(backend, foreign_backend, open_session):
    sessions = [open_session(), open_session(user_identifier_key="u1")]
    foreign_backend.post("client_sessions/create")
    assert backend.get("client_sessions/list").json() == {"client_sessions": sessions, "ok": True}


@pytest.mark.wire("S53", "S54")
def test_list_can_be_limited_to_sessions_without_a_key(backend, open_session):
    keyless, keyed = open_session(), open_session(user_identifier_key="u1")
    assert listed(backend, "?without_user_identifier_key=true&_strict=true") == [keyless["client_session_id"]]
    everything = backend.post("client_sessions/list", without_user_identifier_key=False).json()["client_sessions"]
    assert everything == [keyless, keyed]


@pytest.mark.wire("S55")
@pytest.mark.parametrize(("parameter", "of"), [("connect_webview_id", "webview"), ("user_identity_id", "identity")])
def test_list_filters_by_a_webview_or_identity_and_by_having_none(backend, open_session, home, parameter, of):
    plain = open_session()
    key = "connect_webview_ids" if of == "webview" else "user_identity_ids"
    granted = open_session(**{key: [getattr(home, of)]})
    assert listed(backend, f"?{parameter}=&_strict=true") == [plain["client_session_id"]]
    assert listed(backend, f"?{parameter}={getattr(home, of)}") == [granted["client_session_id"]]
    assert listed(backend, f"?{parameter}=unknown") == []
    assert backend.post("client_sessions/list", **{parameter: None}).json()["client_sessions"] == [plain]


@pytest.mark.wire("S56")
def test_list_is_empty_for_an_unknown_key(backend, open_session):
    open_session(user_identifier_key="u1")
    assert listed(backend, "?user_identifier_key=nobody") == []


@pytest.mark.wire("S57")
def test_list_finds_one_session_by_id(backend, open_session):
    session, _ = open_session(), open_session()
    assert listed(backend, f"?client_session_id={session['client_session_id']}") == [session["client_session_id"]]


@pytest.mark.wire("S58")
def test_a_session_token_cannot_list_sessions(open_session):
    response = bearer(open_session()["token"]).get("client_sessions/list")
    assert (response.status_code, response.error) == (401, "unauthorized")


# revoke and delete


@pytest.mark.wire("S59", "S60")
def test_revoke_ends_the_token_at_once_and_can_be_repeated(backend, open_session):
    session = open_session()
    for _ in range(2):
        response = backend.post("client_sessions/revoke", client_session_id=session["client_session_id"])
        assert (response.status_code, response.json()) == (200, {"ok": True})
    refused = bearer(session["token"]).get("devices/list")
    assert (refused.status_code, refused.error) == (401, "client_session_revoked")


@pytest.mark.wire("S61")
@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_delete_removes_the_session_from_every_read(backend, open_session, method):
    session = open_session()
    by_query = f"?client_session_id={session['client_session_id']}&_strict=true"
    body = {"client_session_id": session["client_session_id"]}
    response = (
        backend.request("DELETE", "client_sessions/delete", query=by_query)
        if method == "DELETE"
        else backend.post("client_sessions/delete", **body)
    )
    assert (response.status_code, response.json()) == (200, {"ok": True})
    assert bearer(session["token"]).get("devices/list").error == "client_session_not_found"
    assert backend.post("client_sessions/get", **body).status_code == 404
    assert backend.post("client_sessions/delete", **body).status_code == 404


@pytest.mark.wire("S62")
@pytest.mark.parametrize("endpoint", ["delete", "revoke"])
def test_revoke_and_delete_must_name_a_session(backend, endpoint):
    assert problems(backend.post(f"client_sessions/{endpoint}"))["client_session_id"]["_errors"] == ["Required"]


@pytest.mark.wire("S63")
@pytest.mark.parametrize("endpoint", ["delete", "revoke"])
def test_a_backend_cannot_end_a_session_of_another_workspace(foreign_backend, open_session, endpoint):
    session = open_session()
    response = foreign_backend.post(f"client_sessions/{endpoint}", client_session_id=session["client_session_id"])
    assert (response.status_code, response.error) == (404, "client_session_not_found")
    assert bearer(session["token"]).get("devices/list").status_code == 200


@pytest.mark.wire("S64")
def test_revoke_refuses_get(backend):
    response = backend.get("client_sessions/revoke")
    assert (response.status_code, response.error) == (405, "method_not_allowed")


# Authentication


@pytest.mark.wire("S65")
def test_a_request_without_credentials_is_refused(db):
    response = Caller().get("client_sessions/list")
    assert (response.status_code, response.error) == (401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.headers["seam-request-id"] == response.json()["error"]["request_id"]


@pytest.mark.wire("S66")
def test_an_unknown_api_key_is_refused(db):
    response = bearer("seam_invalid_api_key").get("client_sessions/list")
    assert (response.status_code, response.error) == (401, "unauthorized")


@pytest.mark.wire("S67")
def test_a_session_header_must_contain_a_session_token(api_key):
    caller = Caller(**{"authorization": f"Bearer {api_key}", "client-session-token": "garbage"})
    response = caller.get("client_sessions/get")
    assert (response.status_code, response.error) == (400, "invalid_client_session_token")


@pytest.mark.wire("S68")
@pytest.mark.parametrize("header", ["seam-client-session-token", "client-session-token", "authorization"])
def test_a_session_token_works_in_each_of_three_headers(open_session, header):
    session = open_session()
    value = f"bearer {session['token']}" if header == "authorization" else session["token"]
    assert Caller(**{header: value}).get("client_sessions/get").json()["client_session"] == session


@pytest.mark.wire("S69")
def test_a_session_header_takes_precedence_over_an_api_key(api_key, open_session, home):
    session = open_session(connected_account_ids=[home.a2])
    caller = Caller(**{"authorization": f"Bearer {api_key}", "client-session-token": session["token"]})
    assert devices_seen(caller) == ["d3"]


@pytest.mark.wire("S70")
def test_an_unknown_session_token_is_refused(db):
    response = bearer("seam_cst_123").get("devices/list")
    assert (response.status_code, response.error) == (401, "client_session_not_found")


@pytest.mark.wire("S71")
def test_an_expired_session_token_is_refused(open_session):
    session = open_session(expires_at=(timezone.now() - timedelta(seconds=1)).isoformat())
    response = bearer(session["token"]).get("devices/list")
    assert (response.status_code, response.error) == (401, "client_session_expired")


@pytest.mark.wire("S72")
def test_the_workspace_header_is_ignored_with_a_session_token(open_session, elsewhere, workspace):
    token = open_session()["token"]
    caller = Caller(**{"authorization": f"Bearer {token}", "seam-workspace": str(elsewhere.pk)})
    assert caller.get("workspaces/get").json()["workspace"]["workspace_id"] == str(workspace.pk)


@pytest.mark.wire("S73")
def test_a_publishable_key_is_refused_as_a_bearer_token(publishable_key):
    assert bearer(publishable_key).get("client_sessions/list").status_code == 401


@pytest.mark.wire("S74")
def test_authentication_is_checked_before_the_method(backend):
    assert Caller().request("DELETE", "client_sessions/get").status_code == 401
    refused = backend.request("DELETE", "client_sessions/get")
    assert (refused.status_code, refused.error) == (405, "method_not_allowed")
    assert refused.json()["error"]["message"] == "Accepted methods: GET, POST."


# Scope


@pytest.mark.wire("S75")
def test_a_session_token_lists_its_devices_and_filters_never_widen_the_list(open_session, home):
    caller = bearer(open_session(connected_account_ids=[home.a1])["token"])
    assert devices_seen(caller) == ["d1", "d2"]
    assert devices_seen(caller, f"?device_ids={home.d3}") == []


@pytest.mark.wire("S76")
def test_a_device_out_of_scope_is_answered_like_an_unknown_one(open_session, home):
    caller = bearer(open_session(connected_account_ids=[home.a1])["token"])
    answers = [caller.get("devices/get", f"?device_id={one}") for one in (home.d3, home.dx, uuid.uuid4(), "x")]
    assert {response.status_code for response in answers} == {404}
    bodies = [response.json()["error"] | {"request_id": ""} for response in answers]
    assert all(body == bodies[0] and body["type"] == "device_not_found" for body in bodies)


@pytest.mark.wire("S77", "S78")
def test_a_backend_lists_what_one_user_reaches(backend, open_session, home):
    session = open_session(user_identifier_key="u1", connected_account_ids=[home.a1])
    assert devices_seen(backend, "?user_identifier_key=u1") == devices_seen(bearer(session["token"]))
    assert devices_seen(backend, "?user_identifier_key=nobody") == []
    assert devices_seen(backend, f"?user_identifier_key=u1&device_ids={home.d3}") == []
    assert problems(backend.post("devices/list", user_identifier_key=""))["user_identifier_key"]


@pytest.mark.wire("S81")
def test_a_granted_webview_reaches_the_account_authorised_in_it(open_session, home):
    assert devices_seen(bearer(open_session(connect_webview_ids=[home.webview])["token"])) == ["d3"]
    assert devices_seen(bearer(open_session(connect_webview_ids=[home.pending])["token"])) == []


@pytest.mark.wire("S82")
def test_a_session_of_an_identity_reaches_the_devices_of_the_identity(open_session, home):
    assert devices_seen(bearer(open_session(user_identity_id=home.identity)["token"])) == ["d3"]


@pytest.mark.wire("S101")
def test_a_customers_session_sees_the_customers_accounts(open_session, home):
    session = open_session(customer_key="acme")
    assert session["customer_key"] == "acme"
    assert devices_seen(bearer(session["token"])) == ["d3"]


@pytest.mark.wire("S83")
def test_an_account_out_of_scope_is_not_found(open_session, home):
    caller = bearer(open_session(connected_account_ids=[home.a1])["token"])
    response = caller.get("connected_accounts/get", f"?connected_account_id={home.a2}")
    assert (response.status_code, response.error) == (404, "connected_account_not_found")
    listed = caller.get("connected_accounts/list").json()["connected_accounts"]
    assert [account["connected_account_id"] for account in listed] == [home.a1]


@pytest.mark.wire("S84")
@pytest.mark.parametrize(
    "path", ["client_sessions/grant_access", "connected_accounts/delete", "user_identities/create"]
)
def test_a_session_token_cannot_grant_create_or_delete(open_session, home, path):
    session = open_session(user_identifier_key="u1")
    body = {"user_identifier_key": "u1", "connected_account_ids": [home.a1], "connected_account_id": home.a1}
    response = bearer(session["token"]).post(path, **body)
    assert (response.status_code, response.error) == (401, "unauthorized")
    assert session == bearer(session["token"]).get("client_sessions/get").json()["client_session"]


@pytest.mark.wire("S86")
def test_device_count_equals_the_length_of_the_device_list(backend, open_session, home):
    open_session()
    open_session(connected_account_ids=[home.a1], connect_webview_ids=[home.webview], user_identity_id=home.identity)
    open_session(connected_account_ids=[home.a1, home.a2], customer_key="acme")
    for session in backend.get("client_sessions/list").json()["client_sessions"]:
        assert session["device_count"] == len(devices_seen(bearer(session["token"])))


# Wire details


@pytest.mark.wire("S87")
def test_a_comma_separates_ids_unless_the_query_is_strict(backend, home):
    both = f"?device_ids={home.d1},{home.d3}"
    assert devices_seen(backend, both) == ["d1", "d3"]
    assert devices_seen(backend, f"{both}&_strict=true") == []
    assert devices_seen(backend, f"?device_ids[]={home.d1}&device_ids[]={home.d3}") == ["d1", "d3"]


@pytest.mark.wire("S88")
def test_an_empty_array_in_the_query_matches_nothing(backend, home):
    assert devices_seen(backend, "?device_ids=&_strict=true") == []


@pytest.mark.wire("S89", "S90")
def test_pages_follow_a_cursor_that_belongs_to_its_parameters(backend, home):
    first = backend.get("devices/list", "?limit=2").json()
    cursor = first["pagination"]["next_page_cursor"]
    assert first["pagination"]["has_next_page"] is True
    assert (
        first["pagination"]["next_page_url"]
        == f"http://127.0.0.1:8000/devices/list?limit=2&page_cursor={cursor}&_strict=true"
    )
    second = backend.get("devices/list", f"?limit=2&page_cursor={cursor}").json()
    assert [device["display_name"] for device in first["devices"] + second["devices"]] == ["d1", "d2", "d3"]
    assert second["pagination"] == {"has_next_page": False, "next_page_cursor": None, "next_page_url": None}
    other = backend.get("devices/list", f"?limit=1&page_cursor={cursor}")
    assert (other.status_code, other.error) == (400, "mismatched_page_parameters")
    assert "parameters identical" in other.json()["error"]["message"]


@pytest.mark.wire("S91")
@pytest.mark.parametrize("limit", ["0", "abc", "-1", "1.5"])
def test_limit_must_be_a_positive_integer(backend, limit):
    assert "limit" in problems(backend.get("devices/list", f"?limit={limit}"))


@pytest.mark.wire("S91")
def test_a_single_value_must_not_be_given_twice(backend):
    response = backend.get("devices/list", "?limit=1&limit=2")
    assert (response.status_code, response.error) == (400, "invalid_query_params")


@pytest.mark.wire("S92")
def test_a_list_parameter_refuses_a_number(backend):
    found = problems(backend.post("devices/list", device_ids=4242))
    assert found["device_ids"]["_errors"] == ["Expected array, received number"]


@pytest.mark.wire("S93")
def test_every_answer_has_its_own_request_id(backend):
    paths = ["devices/list", "devices/list", "nowhere", "client_sessions/get"]
    ids = {backend.get(path).headers["seam-request-id"] for path in paths}
    assert len(ids) == 4
    assert all(id.startswith("request_") for id in ids)


@pytest.mark.wire("S100")
def test_two_workspaces_with_equal_keys_see_nothing_of_each_other(backend, foreign_backend, home):
    backend.post("client_sessions/create", user_identifier_key="u1", connected_account_ids=[home.a1])
    foreign_backend.post("client_sessions/create", user_identifier_key="u1", connected_account_ids=[home.ax])
    assert devices_seen(backend, "?user_identifier_key=u1") == ["d1", "d2"]
    assert devices_seen(foreign_backend, "?user_identifier_key=u1") == devices_seen(foreign_backend) == ["dx"]
    assert len(listed(backend)) == len(listed(foreign_backend)) == 1
