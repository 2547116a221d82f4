"""How requests of browsers and apps are parsed, and the environment for SDKs."""

import json

import pytest

from tests.policies import set_user_session_policy
from tests.user_sessions.frontend import HERE, PAGE, App, Browser
from user_sessions.models import Ticket, UserSession


@pytest.mark.wire("C158")
@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("?_method=DELETE", (200, "")),
        ("?_method=PUT", (200, "")),
        ("?_method=PATCH", (405, "method_not_allowed")),
        ("?_method=delete", (400, "malformed_request_parameters")),
        ("?_method=GET", (400, "malformed_request_parameters")),
        ("?_method=DELETE&_method=DELETE", (400, "malformed_request_parameters")),
    ],
)
def test_a_post_overrides_its_method_in_the_query(browser, u1, query, answer):
    session = browser.start_session(u1)
    response = browser.post("v1/client", query)
    assert (response.status_code, response.error) == answer
    session.refresh_from_db()
    assert session.status == ("removed" if query == "?_method=DELETE" else "active")


@pytest.mark.wire("C158")
def test_a_get_cannot_override_its_method(browser, u1):
    session = browser.start_session(u1)
    assert browser.get("v1/client", "?_method=DELETE").json()["response"]["last_active_session_id"] == session.pk


@pytest.mark.wire("C159")
@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("?__clerk_api_version=2026-05-12&_clerk_js_version=6.34.1", (200, "")),
        ("?__clerk_api_version=2031-01-01", (200, "")),  # a newer SDK
        ("?__clerk_api_version=1999-01-01", (400, "api_version_invalid")),
        ("?_is_native=0", (200, "")),
    ],
)
def test_an_sdk_requests_its_api_version(browser, query, answer):
    response = browser.get("v1/client", query)
    assert (response.status_code, response.error) == answer


@pytest.mark.wire("C160")
@pytest.mark.parametrize("path", ["v1/me", "v1/me/sessions", "v1/me/sessions/active"])
def test_a_401_says_how_to_authenticate(browser, path):
    response = browser.get(path)
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")


def send(browser, body, content_type):
    headers = {"host": HERE, "origin": PAGE}
    return browser.client.generic("POST", "/v1/client/sign_ins", body, content_type, headers=headers)


@pytest.mark.wire("C161")
def test_a_body_is_a_form_or_json_and_nothing_else(browser, u1):
    ticket = {"strategy": "ticket", "ticket": browser.ticket_for(u1)}
    refused = send(browser, json.dumps(ticket), "text/plain")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (415, "unsupported_content_type")
    assert send(browser, json.dumps(ticket), "application/json").status_code == 200


def test_a_repeated_field_is_refused(browser):
    response = send(browser, "identifier=a&identifier=b", "application/x-www-form-urlencoded")
    assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "form_param_type_invalid")


@pytest.mark.wire("C8")
def test_every_response_is_json_and_not_cached(frontend, u1):
    session = frontend.sign_in(u1)
    for response in (frontend.get("v1/client"), frontend.verb(session, "tokens"), frontend.verb("none", "tokens")):
        assert response.headers["Content-Type"] == "application/json"
        assert response.headers["Cache-Control"] == "private, no-store"


@pytest.mark.wire("C162")
@pytest.mark.parametrize("path", ["v1/client", "v1/environment", "v1/client/sign_ins"])
def test_a_host_without_a_workspace_is_refused(at_home, path):
    response = Browser(host="testserver").get(path)
    assert (response.status_code, response.error) == (400, "host_invalid")


def test_the_default_port_is_accepted_in_the_host(at_home):
    assert Browser(host=f"{HERE}:443").get("v1/environment").status_code == 200
    assert Browser(host=f"{HERE}:80").get("v1/environment").error == "host_invalid"
    assert Browser(host=f"{HERE}:8443").get("v1/environment").error == "host_invalid"


@pytest.mark.parametrize("scheme", ["Basic", "Digest", "Negotiate"])
def test_proxy_credentials_are_not_read_as_a_client_token(browser, u1, scheme):
    browser.start_session(u1)
    browser.headers["authorization"] = f"{scheme} dXNlcjpwYXNzd29yZA=="
    assert browser.client_json()["last_active_session_id"]


@pytest.mark.wire("C163")
def test_browsers_get_no_private_metadata(frontend, settings, u1):
    settings.USER_SESSIONS = {"USER_PROFILE": "tests.user_sessions.profiles.odd_profile"}
    session = frontend.sign_in(u1)
    paths = ("v1/client", f"v1/client/sessions/{session.pk}", "v1/me", "v1/me/sessions", "v1/me/sessions/active")
    for path in paths:
        response = frontend.get(path)
        assert response.status_code == 200
        assert "private" not in response.content.decode()
        assert "2026-01-01" not in response.content.decode()  # the private value


@pytest.mark.wire("C166")
def test_a_sign_in_over_the_limit_does_not_use_the_ticket(frontend, at_home, u1):
    set_user_session_policy(at_home, limit=1)
    at_home.save()
    UserSession.objects.start(at_home, u1, actor="test")
    response = frontend.try_to_sign_in(u1)
    assert (response.status_code, response.error) == (409, "session_creation_not_allowed")
    assert Ticket.objects.get().status == "pending"
    assert frontend.credential == ""


@pytest.mark.wire("C164")
@pytest.mark.parametrize("is_single", [True, False])
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_an_sdk_reads_the_environment_before_a_sign_in(browser, at_home, is_single, method):
    set_user_session_policy(at_home, single_session_mode=is_single)
    at_home.save()
    environment = browser.request(method, "v1/environment").json()
    assert environment["auth_config"]["single_session_mode"] is is_single
    assert environment["maintenance_mode"] is False
    assert browser.credential == ""


@pytest.mark.wire("C165")
def test_only_a_sandbox_issues_dev_browser_ids(browser, live_workspace):
    given = browser.post("v1/dev_browser").json()
    assert given["id"] == given["token"]
    assert given["id"].startswith("dvb_")
    refused = Browser(host="live.example.com", page="https://live.example.com").post("v1/dev_browser")
    assert (refused.status_code, refused.error) == (400, "request_invalid_for_environment")


@pytest.mark.parametrize("token", ["{token}", "Bearer {token}", "bearer {token}"])
def test_an_app_sends_its_token_with_or_without_bearer(app, u1, token):
    session = app.start_session(u1)
    app.credential = token.format(token=app.credential)
    assert app.client_json()["last_active_session_id"] == session.pk


def test_an_authorization_header_identifies_an_app(app, u1):
    session = app.start_session(u1)
    plain = Browser(page="", authorization=app.credential)
    assert plain.client_json()["last_active_session_id"] == session.pk
    assert plain.verb(session, "end").status_code == 200
    assert "__client" not in plain.client.cookies


def test_a_native_request_ignores_the_cookie(browser, u1):
    """Otherwise a page could bypass the origin check with ``_is_native``."""
    browser.start_session(u1)
    browser.page = ""
    assert browser.get("v1/client", "?_is_native=1").json() == {"response": None, "client": None}
    assert browser.post("v1/client/sessions", "?_method=DELETE&_is_native=1").error == "signed_out"
    assert UserSession.objects.get().status == "active"


def test_two_apps_are_two_clients(at_home, u1):
    ids = set()
    for app in (App(), App()):
        app.post("v1/client")
        ids.add(app.client_json()["id"])
    assert len(ids) == 2
