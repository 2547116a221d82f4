"""The numbered cases of the dialect that this API answers so far; each test carries the number of its case."""

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


def test_case_1_create_answers_the_whole_object(backend):
    answer = backend.post("client_sessions/create", user_identifier_key="u1").json()
    assert answer["ok"] is True
    session = answer["client_session"]
    assert set(session) == REQUIRED
    assert session["user_identifier_key"] == "u1"
    assert re.fullmatch(r"seam_cst1[0-9A-Za-z]{8}_[0-9A-Za-z]{24}", session["token"])


def test_case_2_putting_a_taken_key_answers_the_session_that_has_it(backend, open_session):
    session = open_session(user_identifier_key="u1")
    assert backend.put("client_sessions/create", user_identifier_key="u1").json()["client_session"] == session


def test_case_3_posting_a_taken_key_is_refused(backend, open_session):
    open_session(user_identifier_key="u1")
    response = backend.post("client_sessions/create", user_identifier_key="u1")
    assert (response.status_code, response.error) == (400, "client_session_token_already_exists")


def test_case_4_putting_a_taken_key_changes_no_grants(backend, open_session, home):
    open_session(user_identifier_key="u1")
    response = backend.put("client_sessions/create", user_identifier_key="u1", connected_account_ids=[home.a1])
    assert response.json()["client_session"]["connected_account_ids"] == []


def test_cases_5_and_6_a_session_needs_no_parameters(backend):
    first = backend.request("PUT", "client_sessions/create").json()["client_session"]
    second = backend.put("client_sessions/create").json()["client_session"]
    assert first["user_identifier_key"] is None
    assert first["client_session_id"] != second["client_session_id"]


def test_case_7_every_wrong_type_is_named(backend):
    found = problems(backend.post("client_sessions/create", user_identifier_key=5, connected_account_ids="x"))
    assert found["user_identifier_key"]["_errors"] == ["Expected string, received number"]
    assert found["connected_account_ids"]["_errors"] == ["Expected array, received string"]


@pytest.mark.parametrize("key", ["", None])
def test_cases_8_and_9_a_key_is_neither_empty_nor_null(backend, key):
    assert "user_identifier_key" in problems(backend.post("client_sessions/create", user_identifier_key=key))


def test_case_10_an_unknown_parameter_is_ignored(backend):
    assert backend.post("client_sessions/create", foo=1).status_code == 200


def test_case_11_a_body_is_an_object(backend):
    assert problems(backend.request("POST", "client_sessions/create", [1]))["_errors"] == [
        "Expected object, received array"
    ]


def test_a_body_that_names_something_twice_is_refused(backend):
    twice = b'{"user_identifier_key": "a", "user_identifier_key": "b"}'
    response = backend.request("POST", "client_sessions/create", twice)
    assert (response.status_code, response.error) == (400, "invalid_json")


def test_case_12_broken_json_is_refused_as_json(backend):
    response = backend.request("POST", "client_sessions/create", b'{"user_identifier_key":')
    assert (response.status_code, response.error) == (400, "invalid_json")


def test_case_13_a_form_is_refused(backend):
    response = backend.client.post(
        "/client_sessions/create",
        "user_identifier_key=u1",
        content_type="application/x-www-form-urlencoded",
        headers=backend.headers,
    )
    assert (response.status_code, response.json()["error"]["type"]) == (400, "invalid_content_type")
    assert not ClientSession.objects.exists()


def test_case_14_grants_and_the_devices_behind_them_are_shown(open_session, home):
    session = open_session(connected_account_ids=[home.a1])
    assert (session["connected_account_ids"], session["device_count"]) == ([home.a1], 2)


def test_case_15_a_foreign_account_is_refused_and_nothing_is_left(backend, home):
    response = backend.post("client_sessions/create", connected_account_ids=[home.a1, home.ax])
    assert (response.status_code, response.error) == (404, "connected_account_not_found")
    assert not ClientSession.objects.exists()
    assert not Grant.objects.exists()


def test_case_16_a_session_may_be_a_user_identitys(open_session, home):
    session = open_session(user_identity_id=home.identity)
    assert (session["user_identity_id"], session["user_identity_ids"]) == (home.identity, [home.identity])


def test_case_17_a_session_has_one_user_identity(backend, home):
    two = [home.identity, str(uuid.uuid4())]
    assert "user_identity_ids" in problems(backend.post("client_sessions/create", user_identity_ids=two))


def test_case_18_expiry_is_echoed(open_session):
    session = open_session(expires_at="2027-06-19T17:22:40.250+02:00")
    assert session["expires_at"] == "2027-06-19T15:22:40.250000Z"


@pytest.mark.parametrize("when", ["soon", "2027-06-19", "2027-06-19T15:22:40", "0001-01-01T00:00:00+10:00", 5])
def test_case_19_expiry_is_an_instant(backend, when):
    assert "expires_at" in problems(backend.post("client_sessions/create", expires_at=when))


def test_case_20_keys_are_each_workspaces_own(backend, foreign_backend, open_session):
    session = open_session(user_identifier_key="u1")
    other = foreign_backend.post("client_sessions/create", user_identifier_key="u1").json()["client_session"]
    assert other["client_session_id"] != session["client_session_id"]


# Publishable key


def test_case_21_a_publishable_key_opens_a_session(web_app):
    assert web_app.post("client_sessions/create", user_identifier_key="p1").status_code == 200


@pytest.mark.parametrize("body", [{}, {"user_identifier_key": ""}, {"user_identifier_key": "  "}])
def test_case_22_a_publishable_key_needs_a_user_identifier_key(web_app, body):
    response = web_app.post("client_sessions/create", **body)
    assert (response.status_code, response.error) == (401, "publishable_key_requires_user_identifier_key")


@pytest.mark.parametrize(
    "more",
    [{"connect_webview_ids": []}, {"connected_account_ids": []}, {"user_identity_id": "x"}, {"customer_key": "a"}],
)
@pytest.mark.parametrize("endpoint", ["create", "get_or_create"])
def test_cases_23_and_28_a_publishable_key_grants_nothing(web_app, endpoint, more):
    response = web_app.post(f"client_sessions/{endpoint}", user_identifier_key="p1", **more)
    assert (response.status_code, response.error) == (403, "publishable_keys_must_create_empty_client_sessions")
    assert not ClientSession.objects.exists()


@pytest.mark.parametrize(("endpoint", "status"), [("create", 401), ("get_or_create", 400)])
def test_cases_24_and_29_an_unknown_publishable_key_has_no_workspace(db, endpoint, status):
    caller = Caller(**{"seam-publishable-key": "seam_pk1aaaaaa_" + "b" * 24})
    response = caller.post(f"client_sessions/{endpoint}", user_identifier_key="g1")
    assert (response.status_code, response.error) == (status, "workspace_not_found")


def test_case_25_a_publishable_key_gets_the_same_session_twice(web_app):
    first, second = (web_app.post("client_sessions/get_or_create", user_identifier_key="g1").json() for _ in "ab")
    assert first == second


def test_case_26_get_or_create_by_publishable_key_needs_a_key(web_app):
    response = web_app.post("client_sessions/get_or_create")
    assert (response.status_code, response.error) == (400, "publishable_key_requires_user_identifier_key")


@pytest.mark.parametrize("header", ["seam_user_identifier_key", "user_identifier_key"])
def test_case_27_the_key_may_come_in_a_header(web_app, header):
    response = web_app.request("POST", "client_sessions/get_or_create", {}, **{header: "g2"})
    assert response.json()["client_session"]["user_identifier_key"] == "g2"


@pytest.mark.parametrize("endpoint", ["list", "revoke", "delete", "grant_access"])
def test_case_30_a_publishable_key_does_nothing_else(web_app, endpoint):
    response = web_app.post(f"client_sessions/{endpoint}")
    assert (response.status_code, response.error) == (401, "unauthorized")


def test_case_31_an_api_key_counts_where_both_are_sent(api_key, publishable_key, home):
    both = Caller(**{"authorization": f"Bearer {api_key}", "seam-publishable-key": publishable_key})
    response = both.post("client_sessions/create", connected_account_ids=[home.a1])
    assert response.json()["client_session"]["connected_account_ids"] == [home.a1]


# get_or_create with an API key


def test_case_33_get_or_create_replaces_the_grants(backend, home):
    def get_or_create(*ids: str) -> Any:
        parameters = {"user_identifier_key": "u1", "connected_account_ids": list(ids)}
        return backend.post("client_sessions/get_or_create", **parameters).json()["client_session"]

    first, second = get_or_create(home.a1), get_or_create(home.a2)
    assert first["client_session_id"] == second["client_session_id"]
    assert second["connected_account_ids"] == [home.a2]


def test_case_34_get_or_create_leaves_what_is_not_named(backend, open_session, home):
    session = open_session(user_identifier_key="u1", connected_account_ids=[home.a1])
    assert backend.post("client_sessions/get_or_create", user_identifier_key="u1").json()["client_session"] == session


def test_case_35_get_or_create_moves_the_expiry(backend, open_session):
    session = open_session(user_identifier_key="u1")
    later = "2030-01-01T00:00:00.000000Z"
    answer = backend.post("client_sessions/get_or_create", user_identifier_key="u1", expires_at=later).json()
    assert answer["client_session"] == session | {"expires_at": later}
    assert row_of(session).expires_at == datetime(2030, 1, 1, tzinfo=UTC)


def test_case_37_a_revoked_session_never_matches(backend, open_session):
    old = open_session(user_identifier_key="u1")
    backend.post("client_sessions/revoke", client_session_id=old["client_session_id"])
    new = backend.post("client_sessions/get_or_create", user_identifier_key="u1").json()["client_session"]
    assert new["client_session_id"] != old["client_session_id"]
    assert new["token"] != old["token"]
    assert bearer(old["token"]).get("devices/list").error == "client_session_revoked"


# get


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_case_38_a_token_gets_its_own_session(open_session, method):
    session = open_session()
    assert bearer(session["token"]).request(method, "client_sessions/get").json()["client_session"] == session


@pytest.mark.parametrize("selector", ["user_identifier_key", "client_session_id"])
def test_cases_39_and_40_a_backend_gets_by_either_selector(backend, open_session, selector):
    session = open_session(user_identifier_key="u1")
    by_query = backend.get("client_sessions/get", f"?{selector}={session[selector]}&_strict=true")
    by_body = backend.post("client_sessions/get", **{selector: session[selector]})
    assert by_query.json()["client_session"] == by_body.json()["client_session"] == session


def test_case_41_another_workspaces_session_is_not_found(foreign_backend, open_session):
    response = foreign_backend.get("client_sessions/get", f"?client_session_id={open_session()['client_session_id']}")
    assert (response.status_code, response.error) == (404, "client_session_not_found")


@pytest.mark.parametrize("query", ["?client_session_id=nope", "", "?client_session_id=", "?user_identifier_key="])
def test_cases_42_and_43_what_names_no_session_finds_none(backend, open_session, query):
    open_session()
    response = backend.get("client_sessions/get", query)
    assert (response.status_code, response.error) == (404, "client_session_not_found")


def test_case_44_a_token_names_no_session(open_session):
    session = open_session(user_identifier_key="u1")
    query = f"?client_session_id={session['client_session_id']}&user_identifier_key=u1"
    assert bearer(session["token"]).get("client_sessions/get", query).error == "invalid_options"
    assert bearer(session["token"]).get("client_sessions/get", "?user_identifier_key=u2").error == "invalid_options"
    assert bearer(session["token"]).get("client_sessions/get", "?user_identifier_key=u1").status_code == 200


def test_case_45_the_body_wins_over_the_query(backend, open_session):
    session = open_session(user_identifier_key="u1")
    response = backend.request(
        "POST", "client_sessions/get", {"user_identifier_key": "u1"}, query="?user_identifier_key=u2"
    )
    assert response.json()["client_session"] == session


# grant_access


@pytest.mark.parametrize("by_key_first", [True, False])
def test_case_46_grants_add_up(backend, open_session, home, by_key_first):
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


def test_case_47_granting_twice_is_granting_once(backend, open_session, home):
    open_session(user_identifier_key="u1")
    for _ in range(2):
        response = backend.post(
            "client_sessions/grant_access", user_identifier_key="u1", connected_account_ids=[home.a1, home.a1]
        )
    assert response.json()["client_session"]["connected_account_ids"] == [home.a1]


def test_case_48_a_foreign_grant_changes_nothing(backend, open_session, home):
    session = open_session(user_identifier_key="u1")
    response = backend.post(
        "client_sessions/grant_access", user_identifier_key="u1", connected_account_ids=[home.a1, home.ax]
    )
    assert (response.status_code, response.error) == (404, "connected_account_not_found")
    assert backend.get("client_sessions/get", "?user_identifier_key=u1").json()["client_session"] == session


def test_case_49_access_is_granted_to_a_session_that_is_there(backend, home):
    response = backend.post(
        "client_sessions/grant_access", user_identifier_key="nobody", connected_account_ids=[home.a1]
    )
    assert (response.status_code, response.error) == (404, "client_session_not_found")


def test_case_50_access_is_granted_to_somebody(backend):
    assert problems(backend.post("client_sessions/grant_access"))["_errors"]


def test_case_51_a_token_sees_a_new_grant_at_once(backend, open_session, home):
    session = open_session(user_identifier_key="u1")
    assert devices_seen(bearer(session["token"])) == []
    backend.post("client_sessions/grant_access", user_identifier_key="u1", connected_account_ids=[home.a1])
    assert devices_seen(bearer(session["token"])) == ["d1", "d2"]


# list


def listed(caller: Caller, query: str = "") -> list[str]:
    return [one["client_session_id"] for one in caller.get("client_sessions/list", query).json()["client_sessions"]]


def test_case_52_a_workspace_lists_its_own_sessions_with_tokens(backend, foreign_backend, open_session):
    sessions = [open_session(), open_session(user_identifier_key="u1")]
    foreign_backend.post("client_sessions/create")
    assert backend.get("client_sessions/list").json() == {"client_sessions": sessions, "ok": True}


def test_cases_53_and_54_sessions_without_a_key(backend, open_session):
    keyless, keyed = open_session(), open_session(user_identifier_key="u1")
    assert listed(backend, "?without_user_identifier_key=true&_strict=true") == [keyless["client_session_id"]]
    everything = backend.post("client_sessions/list", without_user_identifier_key=False).json()["client_sessions"]
    assert everything == [keyless, keyed]


@pytest.mark.parametrize(("parameter", "of"), [("connect_webview_id", "webview"), ("user_identity_id", "identity")])
def test_case_55_sessions_with_this_grant_or_with_none(backend, open_session, home, parameter, of):
    plain = open_session()
    key = "connect_webview_ids" if of == "webview" else "user_identity_ids"
    granted = open_session(**{key: [getattr(home, of)]})
    assert listed(backend, f"?{parameter}=&_strict=true") == [plain["client_session_id"]]
    assert listed(backend, f"?{parameter}={getattr(home, of)}") == [granted["client_session_id"]]
    assert listed(backend, f"?{parameter}=unknown") == []
    assert backend.post("client_sessions/list", **{parameter: None}).json()["client_sessions"] == [plain]


def test_case_56_a_key_nobody_has_lists_nothing(backend, open_session):
    open_session(user_identifier_key="u1")
    assert listed(backend, "?user_identifier_key=nobody") == []


def test_case_57_one_session_by_id(backend, open_session):
    session, _ = open_session(), open_session()
    assert listed(backend, f"?client_session_id={session['client_session_id']}") == [session["client_session_id"]]


def test_case_58_a_token_lists_no_sessions(open_session):
    response = bearer(open_session()["token"]).get("client_sessions/list")
    assert (response.status_code, response.error) == (401, "unauthorized")


# revoke and delete


def test_cases_59_and_60_revoking_ends_the_token_and_can_be_repeated(backend, open_session):
    session = open_session()
    for _ in range(2):
        response = backend.post("client_sessions/revoke", client_session_id=session["client_session_id"])
        assert (response.status_code, response.json()) == (200, {"ok": True})
    refused = bearer(session["token"]).get("devices/list")
    assert (refused.status_code, refused.error) == (401, "client_session_revoked")


@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_case_61_deleting_leaves_nothing(backend, open_session, method):
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


@pytest.mark.parametrize("endpoint", ["delete", "revoke"])
def test_case_62_the_session_to_end_must_be_named(backend, endpoint):
    assert problems(backend.post(f"client_sessions/{endpoint}"))["client_session_id"]["_errors"] == ["Required"]


@pytest.mark.parametrize("endpoint", ["delete", "revoke"])
def test_case_63_another_workspace_ends_nothing(foreign_backend, open_session, endpoint):
    session = open_session()
    response = foreign_backend.post(f"client_sessions/{endpoint}", client_session_id=session["client_session_id"])
    assert (response.status_code, response.error) == (404, "client_session_not_found")
    assert bearer(session["token"]).get("devices/list").status_code == 200


def test_case_64_revoke_is_a_post(backend):
    response = backend.get("client_sessions/revoke")
    assert (response.status_code, response.error) == (405, "method_not_allowed")


# Authentication


def test_case_65_nobody_is_refused(db):
    response = Caller().get("client_sessions/list")
    assert (response.status_code, response.error) == (401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.headers["seam-request-id"] == response.json()["error"]["request_id"]


def test_case_66_an_unknown_api_key_is_refused(db):
    response = bearer("seam_invalid_api_key").get("client_sessions/list")
    assert (response.status_code, response.error) == (401, "unauthorized")


def test_case_67_a_session_header_holds_a_session_token(api_key):
    caller = Caller(**{"authorization": f"Bearer {api_key}", "client-session-token": "garbage"})
    response = caller.get("client_sessions/get")
    assert (response.status_code, response.error) == (400, "invalid_client_session_token")


@pytest.mark.parametrize("header", ["seam-client-session-token", "client-session-token", "authorization"])
def test_case_68_a_token_may_come_in_any_of_three_headers(open_session, header):
    session = open_session()
    value = f"bearer {session['token']}" if header == "authorization" else session["token"]
    assert Caller(**{header: value}).get("client_sessions/get").json()["client_session"] == session


def test_case_69_a_session_header_makes_it_the_sessions_request(api_key, open_session, home):
    session = open_session(connected_account_ids=[home.a2])
    caller = Caller(**{"authorization": f"Bearer {api_key}", "client-session-token": session["token"]})
    assert devices_seen(caller) == ["d3"]


def test_case_70_an_unknown_token_has_no_session(db):
    response = bearer("seam_cst_123").get("devices/list")
    assert (response.status_code, response.error) == (401, "client_session_not_found")


def test_case_71_an_expired_token_is_refused(open_session):
    session = open_session(expires_at=(timezone.now() - timedelta(seconds=1)).isoformat())
    response = bearer(session["token"]).get("devices/list")
    assert (response.status_code, response.error) == (401, "client_session_expired")


def test_case_72_no_header_chooses_another_workspace(open_session, elsewhere, workspace):
    token = open_session()["token"]
    caller = Caller(**{"authorization": f"Bearer {token}", "seam-workspace": str(elsewhere.pk)})
    assert caller.get("workspaces/get").json()["workspace"]["workspace_id"] == str(workspace.pk)


def test_case_73_a_publishable_key_is_no_bearer(publishable_key):
    assert bearer(publishable_key).get("client_sessions/list").status_code == 401


def test_case_74_authentication_comes_before_the_method(backend):
    assert Caller().request("DELETE", "client_sessions/get").status_code == 401
    refused = backend.request("DELETE", "client_sessions/get")
    assert (refused.status_code, refused.error) == (405, "method_not_allowed")
    assert refused.json()["error"]["message"] == "Accepted methods: GET, POST."


# Scope


def test_case_75_a_token_sees_its_devices_and_filters_never_widen(open_session, home):
    caller = bearer(open_session(connected_account_ids=[home.a1])["token"])
    assert devices_seen(caller) == ["d1", "d2"]
    assert devices_seen(caller, f"?device_ids={home.d3}") == []


def test_case_76_a_device_out_of_scope_is_like_one_that_never_was(open_session, home):
    caller = bearer(open_session(connected_account_ids=[home.a1])["token"])
    answers = [caller.get("devices/get", f"?device_id={one}") for one in (home.d3, home.dx, uuid.uuid4(), "x")]
    assert {response.status_code for response in answers} == {404}
    bodies = [response.json()["error"] | {"request_id": ""} for response in answers]
    assert all(body == bodies[0] and body["type"] == "device_not_found" for body in bodies)


def test_cases_77_and_78_a_backend_narrows_by_key(backend, open_session, home):
    session = open_session(user_identifier_key="u1", connected_account_ids=[home.a1])
    assert devices_seen(backend, "?user_identifier_key=u1") == devices_seen(bearer(session["token"]))
    assert devices_seen(backend, "?user_identifier_key=nobody") == []
    assert devices_seen(backend, f"?user_identifier_key=u1&device_ids={home.d3}") == []
    assert problems(backend.post("devices/list", user_identifier_key=""))["user_identifier_key"]


def test_case_81_a_webview_leads_to_the_account_authorised_there(open_session, home):
    assert devices_seen(bearer(open_session(connect_webview_ids=[home.webview])["token"])) == ["d3"]
    assert devices_seen(bearer(open_session(connect_webview_ids=[home.pending])["token"])) == []


def test_case_82_an_identity_sees_the_devices_it_was_given(open_session, home):
    assert devices_seen(bearer(open_session(user_identity_id=home.identity)["token"])) == ["d3"]


def test_a_customers_session_sees_the_customers_accounts(open_session, home):
    session = open_session(customer_key="acme")
    assert session["customer_key"] == "acme"
    assert devices_seen(bearer(session["token"])) == ["d3"]


def test_case_83_an_account_out_of_scope_is_not_found(open_session, home):
    caller = bearer(open_session(connected_account_ids=[home.a1])["token"])
    response = caller.get("connected_accounts/get", f"?connected_account_id={home.a2}")
    assert (response.status_code, response.error) == (404, "connected_account_not_found")
    listed = caller.get("connected_accounts/list").json()["connected_accounts"]
    assert [account["connected_account_id"] for account in listed] == [home.a1]


@pytest.mark.parametrize(
    "path", ["client_sessions/grant_access", "connected_accounts/delete", "user_identities/create"]
)
def test_case_84_a_token_grants_makes_and_deletes_nothing(open_session, home, path):
    session = open_session(user_identifier_key="u1")
    body = {"user_identifier_key": "u1", "connected_account_ids": [home.a1], "connected_account_id": home.a1}
    response = bearer(session["token"]).post(path, **body)
    assert (response.status_code, response.error) == (401, "unauthorized")
    assert session == bearer(session["token"]).get("client_sessions/get").json()["client_session"]


def test_case_86_device_count_is_the_length_of_the_list(backend, open_session, home):
    open_session()
    open_session(connected_account_ids=[home.a1], connect_webview_ids=[home.webview], user_identity_id=home.identity)
    open_session(connected_account_ids=[home.a1, home.a2], customer_key="acme")
    for session in backend.get("client_sessions/list").json()["client_sessions"]:
        assert session["device_count"] == len(devices_seen(bearer(session["token"])))


# Wire details


def test_case_87_a_comma_separates_unless_strict(backend, home):
    both = f"?device_ids={home.d1},{home.d3}"
    assert devices_seen(backend, both) == ["d1", "d3"]
    assert devices_seen(backend, f"{both}&_strict=true") == []
    assert devices_seen(backend, f"?device_ids[]={home.d1}&device_ids[]={home.d3}") == ["d1", "d3"]


def test_case_88_an_empty_array_matches_nothing(backend, home):
    assert devices_seen(backend, "?device_ids=&_strict=true") == []


def test_cases_89_and_90_pages_follow_a_cursor_bound_to_its_parameters(backend, home):
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


@pytest.mark.parametrize("limit", ["0", "abc", "-1", "1.5"])
def test_case_91_a_limit_is_a_positive_number(backend, limit):
    assert "limit" in problems(backend.get("devices/list", f"?limit={limit}"))


def test_case_91_a_scalar_is_given_once(backend):
    response = backend.get("devices/list", "?limit=1&limit=2")
    assert (response.status_code, response.error) == (400, "invalid_query_params")


def test_case_92_a_list_is_a_list(backend):
    found = problems(backend.post("devices/list", device_ids=4242))
    assert found["device_ids"]["_errors"] == ["Expected array, received number"]


def test_case_93_every_answer_has_its_own_request_id(backend):
    paths = ["devices/list", "devices/list", "nowhere", "client_sessions/get"]
    ids = {backend.get(path).headers["seam-request-id"] for path in paths}
    assert len(ids) == 4
    assert all(id.startswith("request_") for id in ids)


def test_case_100_equal_workspaces_never_meet(backend, foreign_backend, home):
    backend.post("client_sessions/create", user_identifier_key="u1", connected_account_ids=[home.a1])
    foreign_backend.post("client_sessions/create", user_identifier_key="u1", connected_account_ids=[home.ax])
    assert devices_seen(backend, "?user_identifier_key=u1") == ["d1", "d2"]
    assert devices_seen(foreign_backend, "?user_identifier_key=u1") == devices_seen(foreign_backend) == ["dx"]
    assert len(listed(backend)) == len(listed(foreign_backend)) == 1
