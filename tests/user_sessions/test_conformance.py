"""The rules of docs/wire/clerk.md about keys, versions and sessions of the Backend API."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from ksuid import Ksuid

from tests.callers import Caller, bearer
from tests.policies import set_user_session_policy
from tests.user_sessions.conftest import first_error, listed, minted
from user_sessions.clerk.versions import VERSIONS
from user_sessions.models import UserSession
from user_sessions.tokens.session_tokens import session_token
from user_sessions.users import user_id

DAY = timedelta(days=1)


# 8.1 Transport and keys


@pytest.mark.wire("C1", "C2")
@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic x"}, {"authorization": "Bearer"}])
def test_a_request_without_a_bearer_key_is_refused(db, headers):
    response = Caller(**headers).get("v1/sessions", "?user_id=user_1")
    assert (response.status_code, response.error) == (401, "authorization_header_format_invalid")
    error = first_error(response)
    assert error["message"] and error["long_message"]
    assert re.fullmatch("[0-9a-f]{32}", response.json()["clerk_trace_id"])
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.wire("C3")
@pytest.mark.parametrize("key", ["sk_test_wrong", "seam_testabcd_" + "x" * 24, "seam_cst1abcdefgh_" + "x" * 24, "ä"])
def test_an_unknown_secret_key_is_refused(db, key):
    response = bearer(key).get("v1/sessions", "?user_id=user_1")
    assert (response.status_code, response.error) == (401, "clerk_key_invalid")


@pytest.mark.wire("C4", "C5")
@pytest.mark.parametrize("path", ["v1/no_such_path", "v1/sessions/x/y/z", "v1/sessions/", "v1/", "v1/a%0Ab", "v1//"])
def test_an_unknown_path_is_404_with_a_key_and_401_without(backend, path):
    assert Caller().get(path).status_code == 401
    response = backend.get(path)
    assert (response.status_code, response.error) == (404, "resource_not_found")


@pytest.mark.wire("C6")
@pytest.mark.parametrize("version", ["1999-01-01", "2026-05-13x", "2031-13-01", "20310101", "3", ""])
def test_an_unknown_api_version_is_refused(backend, version):
    response = backend.request("GET", "v1/jwks", clerk_api_version=version)
    assert (response.status_code, response.error) == (400, "api_version_invalid")


@pytest.mark.wire("C138")
@pytest.mark.parametrize("version", ["2026-05-13", "2031-01-01"])
def test_a_later_version_is_treated_as_the_newest(backend, session, version):
    later = backend.request("GET", f"v1/sessions/{session.pk}", clerk_api_version=version)
    newest = backend.request("GET", f"v1/sessions/{session.pk}", clerk_api_version=VERSIONS[-1])
    assert (later.status_code, later.json()) == (200, newest.json())


@pytest.mark.wire("C7")
def test_the_api_version_must_not_be_given_twice(backend):
    query = "?__clerk_api_version=2025-11-10"
    assert backend.get("v1/jwks", query).status_code == 200
    both = backend.request("GET", "v1/jwks", query=query, clerk_api_version="2025-11-10")
    assert (both.status_code, both.error) == (400, "api_version_invalid")


@pytest.mark.wire("C8")
def test_the_content_type_of_every_answer_is_exactly_json(backend, sign_in, u1):
    id = sign_in(u1)["id"]
    answers = [
        backend.get("v1/sessions", f"?user_id={user_id(u1.pk)}"),
        backend.get(f"v1/sessions/{id}"),
        backend.request("POST", f"v1/sessions/{id}/tokens"),
        backend.get("v1/jwks"),
        backend.get("v1/sessions/none"),
        backend.request("PUT", "v1/sessions"),
        Caller().get("v1/sessions"),
    ]
    assert {answer.headers["Content-Type"] for answer in answers} == {"application/json"}
    assert [answer.headers["Cache-Control"] for answer in answers].count("private, no-store") == len(answers) - 1


@pytest.mark.wire("C10")
@pytest.mark.parametrize("action", ["tokens", "revoke"])
def test_an_invalid_body_changes_nothing(backend, sign_in, u1, action):
    session = sign_in(u1)
    response = backend.request("POST", f"v1/sessions/{session['id']}/{action}", b"{")
    assert (response.status_code, response.error) == (400, "request_body_invalid")
    assert backend.get(f"v1/sessions/{session['id']}").json() == session


@pytest.mark.wire("C9")
@pytest.mark.parametrize("action", ["tokens", "revoke"])
def test_an_empty_body_is_accepted(backend, sign_in, u1, action):
    response = backend.client.generic(
        "POST", f"/v1/sessions/{sign_in(u1)['id']}/{action}", b"", "application/json", headers=backend.headers
    )
    assert response.status_code == 200


@pytest.mark.wire("C10")
def test_a_truncated_json_body_is_refused(backend):
    response = backend.request("POST", "v1/sessions", b'{"user_id":')
    assert (response.status_code, response.error) == (400, "request_body_invalid")


@pytest.mark.wire("C139")
def test_a_form_is_refused(backend):
    response = backend.client.post(
        "/v1/sessions", "user_id=1", content_type="application/x-www-form-urlencoded", headers=backend.headers
    )
    assert (response.status_code, response.json()["errors"][0]["code"]) == (415, "unsupported_content_type")


# 8.2 Sessions


@pytest.mark.wire("C11")
def test_create_returns_the_whole_session(sign_in, u1):
    session = sign_in(u1)
    assert re.fullmatch(r"sess_[0-9A-Za-z]{27}", session["id"])
    assert re.fullmatch(r"client_[0-9A-Za-z]{27}", session["client_id"])
    assert (session["object"], session["status"], session["actor"]) == ("session", "active", None)
    assert session["user_id"] == user_id(u1.pk)
    assert session["expire_at"] - session["created_at"] == 604_800_000
    assert session["abandon_at"] - session["created_at"] == 2_592_000_000
    times = [value for name, value in session.items() if name.endswith("_at")]
    assert len(times) == 5
    assert all(len(str(time)) == 13 for time in times)
    assert "tasks" not in session


@pytest.mark.wire("C140")
def test_tasks_belong_to_later_versions(backend, sign_in, u1):
    path = f"v1/sessions/{sign_in(u1)['id']}"
    assert "tasks" not in backend.request("GET", path, clerk_api_version="2024-10-01").json()
    assert backend.request("GET", path, clerk_api_version="2025-03-12").json()["tasks"] is None


@pytest.mark.wire("C12")
def test_a_session_id_encodes_its_creation_time(sign_in, u1):
    session = sign_in(u1)
    decoded = Ksuid.from_base62(session["id"].removeprefix("sess_"))
    assert abs(decoded.timestamp - session["created_at"] / 1000) <= 1


@pytest.mark.wire("C13")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "form_param_missing"),
        ({"user_id": None}, "form_param_nil"),
        ({"user_id": 5}, "form_param_type_invalid"),
        ({"user_id": ["user_1"]}, "form_param_type_invalid"),
        ({"user_id": "user_\x00"}, "form_param_value_invalid"),
        ({"user_id": "user_" + "1" * 300}, "form_param_value_invalid"),
    ],
)
def test_create_needs_a_valid_user_id(backend, body, code):
    response = backend.post("v1/sessions", **body)
    assert (response.status_code, response.error) == (422, code)
    assert first_error(response)["meta"] == {"param_name": "user_id"}
    assert not UserSession.objects.exists()


@pytest.mark.wire("C14")
@pytest.mark.parametrize(
    "id", ["user_missing", "user_99999", "user_01", "1", "", "user_", "user_" + "9" * 30, "user_1 "]
)
def test_create_for_an_unknown_user_is_404(backend, u1, id):
    response = backend.post("v1/sessions", user_id=id)
    assert (response.status_code, response.error) == (404, "resource_not_found")


@pytest.mark.wire("C15")
def test_a_live_workspace_lets_no_backend_create_sessions(live_workspace, key_of, u1):
    backend = bearer(key_of(live_workspace))
    for body in ({}, {"user_id": user_id(u1.pk)}):
        response = backend.post("v1/sessions", **body)
        assert (response.status_code, response.error) == (400, "request_invalid_for_environment")
    set_user_session_policy(live_workspace, backend_sessions_enabled=True)
    live_workspace.save()
    assert backend.post("v1/sessions", user_id=user_id(u1.pk)).status_code == 200


@pytest.mark.wire("C141")
def test_a_banned_user_is_not_signed_in(backend, u1):
    u1.is_active = False
    u1.save()
    response = backend.post("v1/sessions", user_id=user_id(u1.pk))
    assert (response.status_code, response.error) == (403, "user_banned")


@pytest.mark.wire("C16")
def test_get_returns_the_session_that_was_created(backend, sign_in, u1):
    session = sign_in(u1)
    assert backend.get(f"v1/sessions/{session['id']}").json() == session


@pytest.mark.wire("C17")
@pytest.mark.parametrize("id", ["sess_missing", "x", "💥", "%00", "sess_" + "a" * 500, "..%2f"])
def test_an_unknown_session_is_404(backend, id):
    response = backend.get(f"v1/sessions/{id}")
    assert (response.status_code, response.error) == (404, "resource_not_found")


@pytest.mark.wire("C18", "C19", "C20")
def test_sessions_are_listed_newest_first_as_an_array_or_in_pages(backend, sign_in, u1, u2):
    ids = [sign_in(u1)["id"] for _ in range(5)][::-1]
    sign_in(u2)
    of_u1 = f"?user_id={user_id(u1.pk)}"
    assert listed(backend, of_u1) == ids
    paginated = backend.get("v1/sessions", f"{of_u1}&paginated=true").json()
    assert [session["id"] for session in paginated["data"]] == ids
    assert paginated["total_count"] == 5
    page = backend.get("v1/sessions", f"{of_u1}&paginated=true&limit=2&offset=1").json()
    assert ([session["id"] for session in page["data"]], page["total_count"]) == (ids[1:3], 5)


@pytest.mark.wire("C21")
def test_a_list_has_ten_sessions_by_default(backend, sign_in, u1):
    for _ in range(12):
        sign_in(u1)
    assert len(listed(backend, f"?user_id={user_id(u1.pk)}")) == 10


@pytest.mark.wire("C22", "C24")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "501"),
        ("limit", "0"),
        ("limit", "x"),
        ("limit", "١"),
        ("offset", "-1"),
        ("offset", "9" * 30),
        ("paginated", "perhaps"),
        ("status", "nonsense"),
        ("user_id", "a%00"),
        ("user_id", ""),
        ("status", ""),
        ("limit", ""),
    ],
)
def test_a_list_refuses_invalid_query_values(backend, name, value):
    query = f"?{name}={value}"
    response = backend.get("v1/sessions", query)
    assert (response.status_code, response.error) == (422, "form_param_value_invalid")
    assert first_error(response)["meta"] == {"param_name": name}


@pytest.mark.wire("C142")
def test_a_parameter_is_given_once(backend):
    response = backend.get("v1/sessions", "?user_id=user_1&user_id=user_2")
    assert (response.status_code, response.error) == (422, "form_param_duplicate")


@pytest.mark.wire("C23")
def test_a_list_filters_by_status(backend, sign_in, u1):
    revoked, _ = sign_in(u1)["id"], sign_in(u1)
    backend.request("POST", f"v1/sessions/{revoked}/revoke")
    assert listed(backend, f"?user_id={user_id(u1.pk)}&status=revoked") == [revoked]


@pytest.mark.wire("C25")
def test_a_list_combines_its_filters(backend, sign_in, u1, u2):
    session = sign_in(u1)
    assert listed(backend, f"?client_id={session['client_id']}") == [session["id"]]
    assert listed(backend, f"?client_id={session['client_id']}&user_id={user_id(u2.pk)}") == []
    assert listed(backend, "?user_id=user_missing") == listed(backend, "?client_id=client_missing") == []


@pytest.mark.wire("C26")
@pytest.mark.parametrize("query", ["", "?status=active"])
def test_a_list_needs_a_user_or_a_client(backend, sign_in, u1, settings, query):
    sign_in(u1)
    response = backend.get("v1/sessions", query)
    assert (response.status_code, response.error) == (400, "missing_query_parameter")
    settings.USER_SESSIONS = {"ALLOW_UNFILTERED_LIST": True}
    assert len(listed(backend, query)) == 1


@pytest.mark.wire("C27", "C28")
def test_revoke_is_final_and_can_be_repeated(backend, sign_in, u1):
    session = sign_in(u1)
    revoked, again = (backend.request("POST", f"v1/sessions/{session['id']}/revoke").json() for _ in "ab")
    assert revoked["status"] == "revoked"
    assert revoked["updated_at"] > session["updated_at"]
    assert again == revoked == backend.get(f"v1/sessions/{session['id']}").json()


@pytest.mark.wire("C29")
def test_revoking_an_unknown_session_is_404(backend):
    assert backend.request("POST", "v1/sessions/sess_missing/revoke").status_code == 404


@pytest.mark.wire("C30", "C31")
def test_a_session_expires_and_is_later_abandoned(backend, workspace, u1):
    now = timezone.now()
    expired = UserSession.objects.start(workspace, u1, actor="test", at=now - 8 * DAY).pk
    abandoned = UserSession.objects.start(workspace, u1, actor="test", at=now - 31 * DAY).pk
    active = UserSession.objects.start(workspace, u1, actor="test", at=now).pk
    for id, status in ((expired, "expired"), (abandoned, "abandoned"), (active, "active")):
        assert backend.get(f"v1/sessions/{id}").json()["status"] == status
        assert listed(backend, f"?user_id={user_id(u1.pk)}&status={status}") == [id]


@pytest.mark.wire("C32")
def test_verify_accepts_the_session_s_own_token(backend, sign_in, u1):
    session = sign_in(u1)
    response = backend.post(f"v1/sessions/{session['id']}/verify", token=minted(backend, session["id"]))
    assert (response.status_code, response.json()) == (200, session)


@pytest.mark.wire("C33")
def test_verify_refuses_the_token_of_another_session(backend, sign_in, u1):
    response = backend.post(f"v1/sessions/{sign_in(u1)['id']}/verify", token=minted(backend, sign_in(u1)["id"]))
    assert (response.status_code, response.error) == (404, "resource_not_found")


@pytest.mark.wire("C34")
def test_verify_refuses_a_token_with_a_wrong_signature(backend, foreign_backend, sign_in, u1):
    id = sign_in(u1)["id"]
    good = minted(backend, id)
    foreign_id = foreign_backend.post("v1/sessions", user_id=user_id(u1.pk)).json()["id"]
    signature = good.rpartition(".")[2]
    broken = [
        good[:-8] + "AAAAAAAA",
        good.replace(signature, signature[::-1]),
        "x",
        "a.b.c",
        minted(foreign_backend, foreign_id),
    ]
    for token in broken:
        response = backend.post(f"v1/sessions/{id}/verify", token=token)
        assert (response.status_code, response.error) == (400, "invalid_session_token")
        assert token not in response.content.decode()


@pytest.mark.wire("C34")
def test_an_old_token_does_not_verify_a_session(backend, workspace, sign_in, u1):
    id, now = sign_in(u1)["id"], timezone.now()
    session = UserSession.objects.in_workspace(workspace).for_minting(at=now).get(pk=id)
    response = backend.post(f"v1/sessions/{id}/verify", token=session_token(session, at=now - timedelta(seconds=66)))
    assert (response.status_code, response.error) == (400, "invalid_session_token")


@pytest.mark.wire("C35")
def test_verify_refuses_a_revoked_session(backend, sign_in, u1):
    id = sign_in(u1)["id"]
    token = minted(backend, id)
    backend.request("POST", f"v1/sessions/{id}/revoke")
    assert backend.post(f"v1/sessions/{id}/verify", token=token).status_code == 404
