"""How requests of browsers and apps are read, and what an SDK must know before anybody signs in."""

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
def test_a_page_names_other_methods_in_the_query_of_a_post(browser, u1, query, answer):
    session = browser.hold(u1)
    response = browser.post("v1/client", query)
    assert (response.status_code, response.error) == answer
    session.refresh_from_db()
    assert session.status == ("removed" if query == "?_method=DELETE" else "active")


@pytest.mark.wire("C158")
def test_reading_is_never_made_a_change(browser, u1):
    session = browser.hold(u1)
    assert browser.get("v1/client", "?_method=DELETE").json()["response"]["last_active_session_id"] == session.pk


@pytest.mark.wire("C159")
@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("?__clerk_api_version=2026-05-12&_clerk_js_version=6.34.1", (200, "")),
        ("?__clerk_api_version=2031-01-01", (200, "")),  # an SDK that is newer than we
        ("?__clerk_api_version=1999-01-01", (400, "api_version_invalid")),
        ("?_is_native=0", (200, "")),
    ],
)
def test_an_sdk_says_which_version_it_speaks(browser, query, answer):
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


def test_what_is_given_twice_is_refused(browser):
    response = send(browser, "identifier=a&identifier=b", "application/x-www-form-urlencoded")
    assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "form_param_type_invalid")


@pytest.mark.wire("C8")
def test_every_answer_is_exactly_json_and_kept_by_nobody(somebody, u1):
    session = somebody.sign_in(u1)
    for response in (somebody.get("v1/client"), somebody.verb(session, "tokens"), somebody.verb("none", "tokens")):
        assert response.headers["Content-Type"] == "application/json"
        assert response.headers["Cache-Control"] == "private, no-store"


@pytest.mark.wire("C162")
@pytest.mark.parametrize("path", ["v1/client", "v1/environment", "v1/client/sign_ins"])
def test_a_host_without_a_workspace_is_nobodys(at_home, path):
    response = Browser(host="testserver").get(path)
    assert (response.status_code, response.error) == (400, "host_invalid")


def test_the_port_that_goes_without_saying_may_be_said(at_home):
    assert Browser(host=f"{HERE}:443").get("v1/environment").status_code == 200
    assert Browser(host=f"{HERE}:80").get("v1/environment").error == "host_invalid"
    assert Browser(host=f"{HERE}:8443").get("v1/environment").error == "host_invalid"


@pytest.mark.parametrize("scheme", ["Basic", "Digest", "Negotiate"])
def test_what_a_browser_tells_a_proxy_is_no_token_of_a_client(browser, u1, scheme):
    browser.hold(u1)
    browser.headers["authorization"] = f"{scheme} dXNlcjpwYXNzd29yZA=="
    assert browser.shown()["last_active_session_id"]


@pytest.mark.wire("C163")
def test_what_is_private_about_a_user_is_not_told_to_browsers(somebody, settings, u1):
    settings.USER_SESSIONS = {"USER_PROFILE": "tests.user_sessions.profiles.odd_profile"}
    session = somebody.sign_in(u1)
    paths = ("v1/client", f"v1/client/sessions/{session.pk}", "v1/me", "v1/me/sessions", "v1/me/sessions/active")
    for path in paths:
        response = somebody.get(path)
        assert response.status_code == 200
        assert "private" not in response.content.decode()
        assert "2026-01-01" not in response.content.decode()  # which is in there


@pytest.mark.wire("C166")
def test_a_user_with_as_many_sessions_as_are_allowed_keeps_their_ticket(somebody, at_home, u1):
    set_user_session_policy(at_home, limit=1)
    at_home.save()
    UserSession.objects.start(at_home, u1, actor="test")
    response = somebody.try_to_sign_in(u1)
    assert (response.status_code, response.error) == (409, "session_creation_not_allowed")
    assert Ticket.objects.get().status == "pending"
    assert somebody.credential == ""


@pytest.mark.wire("C164")
@pytest.mark.parametrize("is_single", [True, False])
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_an_sdk_learns_the_rules_before_anybody_signs_in(browser, at_home, is_single, method):
    set_user_session_policy(at_home, single_session_mode=is_single)
    at_home.save()
    told = browser.request(method, "v1/environment").json()
    assert told["auth_config"]["single_session_mode"] is is_single
    assert told["maintenance_mode"] is False
    assert browser.credential == ""


@pytest.mark.wire("C165")
def test_a_sandbox_hands_out_ids_for_developers_and_a_live_workspace_none(browser, live_workspace):
    given = browser.post("v1/dev_browser").json()
    assert given["id"] == given["token"]
    assert given["id"].startswith("dvb_")
    refused = Browser(host="live.example.com", page="https://live.example.com").post("v1/dev_browser")
    assert (refused.status_code, refused.error) == (400, "request_invalid_for_environment")


@pytest.mark.parametrize("token", ["{token}", "Bearer {token}", "bearer {token}"])
def test_an_app_shows_its_token_with_or_without_the_word(app, u1, token):
    session = app.hold(u1)
    app.credential = token.format(token=app.credential)
    assert app.shown()["last_active_session_id"] == session.pk


def test_an_app_is_known_by_its_header_though_it_does_not_say_what_it_is(app, u1):
    session = app.hold(u1)
    plain = Browser(page="", authorization=app.credential)
    assert plain.shown()["last_active_session_id"] == session.pk
    assert plain.verb(session, "end").status_code == 200
    assert "__client" not in plain.client.cookies


def test_a_cookie_is_nothing_to_whoever_says_they_are_an_app(browser, u1):
    """So no page can read by ``_is_native`` what it may not, nor change it without its origin."""
    browser.hold(u1)
    browser.page = ""
    assert browser.get("v1/client", "?_is_native=1").json() == {"response": None, "client": None}
    assert browser.post("v1/client/sessions", "?_method=DELETE&_is_native=1").error == "signed_out"
    assert UserSession.objects.get().status == "active"


def test_two_apps_are_two_clients(at_home, u1):
    ids = set()
    for app in (App(), App()):
        app.post("v1/client")
        ids.add(app.shown()["id"])
    assert len(ids) == 2
