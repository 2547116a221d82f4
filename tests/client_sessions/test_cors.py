"""Which origins can call the API and read its responses."""

import pytest

from client_sessions.models import ClientSession, PersonalAccessToken
from client_sessions.seam.base_view import CORS
from sessions_core.models import AllowedOrigin
from tests.callers import Caller, bearer

APP = "https://app.example.com"
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


@pytest.fixture
def listed(workspace) -> None:
    AllowedOrigin.objects.create(workspace=workspace, origin=APP)


def preflight(path: str, origin: str, method: str = "GET"):
    return Caller().request("OPTIONS", path, origin=origin, access_control_request_method=method)


def allowed(response) -> str | None:
    assert "Origin" in response.headers["Vary"]
    return response.headers.get("Access-Control-Allow-Origin")


@pytest.mark.wire("S94")
@pytest.mark.parametrize("path", ["devices/list", "client_sessions/revoke", "nowhere/at/all"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "PROPFIND"])
def test_a_preflight_needs_no_credential_and_accepts_any_method(listed, path, method):
    response = preflight(path, APP, method)
    assert (response.status_code, response.content, allowed(response)) == (204, b"", APP)
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert set(response.headers["Access-Control-Allow-Methods"].split(", ")) == METHODS
    names = set(response.headers["Access-Control-Allow-Headers"].split(", "))
    assert names >= {
        *("authorization", "client-session-token", "seam-publishable-key", "seam-sdk-name", "seam-sdk-version"),
        *("content-type", "seam-lts-version", "seam-workspace", "seam-client-session-token"),
    }
    assert response.headers["seam-request-id"].startswith("request_")


def test_a_preflight_asks_the_database_once(listed, django_assert_num_queries):
    with django_assert_num_queries(1):
        preflight("devices/list", APP)


@pytest.mark.wire("S95")
@pytest.mark.parametrize(
    ("path", "status"),
    [("devices/list", 200), ("devices/get?device_id=x", 404), ("nowhere", 404), ("client_sessions/list", 401)],
)
def test_every_answer_carries_the_cors_headers_for_a_listed_origin(listed, workspace, path, status):
    token = ClientSession.objects.start(workspace, actor="test").token
    response = Caller(authorization=f"Bearer {token}", origin=APP).get(path)
    assert (response.status_code, allowed(response)) == (status, APP)
    assert response.headers["Access-Control-Expose-Headers"] == "seam-request-id, retry-after"


@pytest.mark.wire("S95")
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "devices/list", None, 401),
        ("POST", "devices/list", b"{", 401),
        ("DELETE", "client_sessions/list", None, 401),
    ],
)
def test_refusals_without_a_credential_carry_the_cors_headers_too(listed, method, path, body, status):
    response = Caller(origin=APP).request(method, path, body)
    assert (response.status_code, allowed(response)) == (status, APP)


@pytest.mark.wire("S95")
@pytest.mark.parametrize("path", ["client_sessions/revoke", "devices/list"])
def test_refusals_of_invalid_requests_carry_the_cors_headers_too(listed, api_key, path):
    caller = Caller(authorization=f"Bearer {api_key}", origin=APP)
    for response in (caller.request("POST", path, b"{"), caller.request("PUT", path, {})):
        assert response.status_code in (400, 405)
        assert allowed(response) == APP


@pytest.mark.wire("S102")
@pytest.mark.promise("P22")
@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://evil.example.com",
        "https://app.example.com.evil.example.com",
        "https://app.example.com:8443",
        "http://app.example.com",
        "https://APP.example.com",
        "https://app.example.com/",
        "https://evil-app.example.com",
        "https://app.example.com%00",
        "",
        "*",
        "https://app.example.com\x00",
        "http://localhost.evil.example.com",
        "http://127.0.0.1.evil.example.com:80",
        "http://localhost:1@evil.example.com",
        "http://localhost:123456",
    ],
)
def test_an_origin_that_only_looks_alike_reads_nothing(listed, workspace, origin):
    token = ClientSession.objects.start(workspace, actor="test").token
    caller = Caller(authorization=f"Bearer {token}", origin=origin)
    for response in (preflight("devices/list", origin), caller.get("devices/list"), Caller(origin=origin).get("x")):
        assert allowed(response) is None


@pytest.mark.wire("S102")
def test_the_origins_are_those_of_the_callers_workspace(listed, api_key, foreign_api_key):
    for key, expected in ((api_key, APP), (foreign_api_key, None)):
        response = Caller(authorization=f"Bearer {key}", origin=APP).get("devices/list")
        assert (response.status_code, allowed(response)) == (200, expected)


@pytest.mark.wire("S103")
@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "http://127.0.0.1:8080", "https://localhost", "http://[::1]:1"]
)
def test_a_sandbox_allows_loopback_origins(api_key, live_workspace, key_of, origin):
    assert allowed(preflight("devices/list", origin)) == origin
    assert allowed(Caller(authorization=f"Bearer {api_key}", origin=origin).get("devices/list")) == origin
    live = Caller(authorization=f"Bearer {key_of(live_workspace)}", origin=origin)
    assert allowed(live.get("devices/list")) is None


@pytest.mark.wire("S103")
def test_a_live_workspace_refuses_loopback_origins(live_workspace):
    assert allowed(preflight("devices/list", "http://localhost:3000")) is None


def test_a_personal_access_token_without_a_workspace_gets_no_cors_headers(listed, workspace, django_user_model):
    person = django_user_model.objects.create(username="jane")
    token = PersonalAccessToken.objects.issue(person, [workspace], name="laptop", actor="test")[1]
    response = Caller(authorization=f"Bearer {token}", origin=APP).get("workspaces/list")
    assert (response.status_code, allowed(response)) == (200, None)


@pytest.mark.parametrize("origin", [APP, "http://localhost:3000"])
def test_a_forged_token_with_an_origin_costs_one_query(listed, django_assert_num_queries, origin):
    with django_assert_num_queries(1):
        Caller(authorization="Bearer seam_cst1abcdefgh_" + "1" * 24, origin=origin).get("devices/list")


@pytest.mark.wire("S104")
def test_a_cookie_is_never_a_credential(listed, workspace):
    caller = bearer("")
    caller.client.cookies["client-session-token"] = ClientSession.objects.start(workspace, actor="test").token
    assert caller.get("devices/list").status_code == 401


def test_every_header_that_an_sdk_sends_is_allowed():
    assert sorted(CORS.request_headers) == list(CORS.request_headers)
