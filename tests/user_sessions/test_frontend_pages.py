"""The rules of docs/wire/clerk.md about origins, handshakes and the sessions of a user."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from django.utils import timezone

from sessions_core.models import AllowedOrigin, Event
from tests.callers import bearer
from tests.user_sessions.frontend import HERE, PAGE, App, Browser
from user_sessions.models import Activity, SigningKey, UserSession
from user_sessions.users import user_id

SITE = "https://app.example.com"
LIVE = "live.example.com"


# 8.8 Origins


@pytest.mark.wire("C124")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "page", ["https://evil.example.net", "https://here.example.com.evil.net", "http://here.example.com", "null", "x"]
)
def test_a_page_of_an_unlisted_origin_is_refused(at_home, u1, method, page):
    response = Browser(page=page).request(method, "v1/client")
    assert (response.status_code, response.error) == (400, "origin_invalid")
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.wire("C124")
def test_an_origin_and_a_client_token_in_a_header_together_are_refused(app, u1):
    app.sign_in(u1)
    response = Browser(authorization=app.credential).get("v1/client")
    assert (response.status_code, response.error) == (400, "origin_authorization_headers_conflict")


@pytest.mark.wire("C154")
@pytest.mark.promise("P20")
def test_a_change_needs_an_origin(browser, u1):
    session = browser.sign_in(u1)
    browser.page = ""
    for response in (browser.verb(session, "end"), browser.post("v1/client")):
        assert (response.status_code, response.error) == (400, "origin_missing")
    assert browser.client_json()["last_active_session_id"] == session.pk


def test_two_different_client_tokens_are_refused(browser, u1, u2):
    browser.sign_in(u1)
    other = Browser()
    other.sign_in(u2)
    browser.headers = {"cookie": f"__client={browser.credential}; __client={other.credential}"}
    assert browser.get("v1/client").error == "authentication_invalid"


@pytest.mark.wire("C125")
@pytest.mark.parametrize("page", [PAGE, f"https://{HERE}", SITE])
def test_a_listed_origin_can_read_the_response(at_home, u1, page):
    AllowedOrigin.objects.create(workspace=at_home, origin=SITE)
    browser = Browser(page=page)
    for response in (browser.get("v1/client"), browser.try_to_sign_in(u1), browser.verb("sess_none", "end")):
        assert response.headers["Access-Control-Allow-Origin"] == page
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
        assert "Authorization" in response.headers["Access-Control-Expose-Headers"].split(", ")
        assert "Origin" in response.headers["Vary"]


# 8.8 Handshakes


@pytest.fixture
def live(at_home, live_workspace):
    AllowedOrigin.objects.create(workspace=live_workspace, origin=SITE)
    return live_workspace


@pytest.fixture
def visitor(live):
    """Return a browser at a page of a live workspace."""
    return Browser(page=SITE, host=LIVE)


def shake(browser, **query):
    """Navigate to the handshake, as an app's server redirects; a navigation has no origin."""
    browser.page = ""
    asked = {"redirect_url": f"{SITE}/home?a=1", "suffixed_cookies": "false", "__clerk_hs_reason": "x", **query}
    response = browser.get("v1/client/handshake", "?" + "&".join(f"{name}={value}" for name, value in asked.items()))
    assert response.status_code == 307, response.content
    assert response.headers["Location"].startswith(f"{SITE}/home?a=1")
    return response


def directives_of(text):
    """Return the name and value of each cookie in a handshake."""
    kid = jwt.get_unverified_header(text)["kid"]
    key = jwt.PyJWK(SigningKey.objects.get(kid=kid).public_jwk)
    directives = jwt.decode(text, key, ["RS256"])["handshake"]
    return dict(directive.partition(";")[0].split("=", 1) for directive in directives)


@pytest.mark.wire("C126")
def test_a_handshake_sets_the_cookies_of_the_signed_in_user(visitor, u1):
    session = visitor.sign_in(u1)
    response = shake(visitor)
    assert response.cookies["__clerk_handshake"]["domain"] == "example.com"
    cookies = directives_of(visitor.cookie("__clerk_handshake"))
    key = SigningKey.objects.get()
    claims = jwt.decode(cookies["__session"], jwt.PyJWK(key.public_jwk), ["RS256"])
    assert (claims["sid"], claims["sub"], claims["azp"]) == (session.pk, user_id(u1.pk), SITE)
    assert 0 < int(cookies["__client_uat"]) <= claims["iat"]
    assert "__clerk_db_jwt" not in cookies


@pytest.mark.wire("C126")
def test_a_handshake_without_a_cookie_reports_signed_out(visitor):
    shake(visitor)
    cookies = directives_of(visitor.cookie("__clerk_handshake"))
    assert (cookies["__client_uat"], cookies["__session"]) == ("0", "")


@pytest.mark.wire("C126")
@pytest.mark.parametrize("verb", ["end", "remove"])
def test_a_handshake_after_a_sign_out_reports_signed_out(visitor, u1, verb):
    visitor.verb(visitor.sign_in(u1), verb)
    shake(visitor)
    assert directives_of(visitor.cookie("__clerk_handshake"))["__client_uat"] == "0"


@pytest.mark.wire("C155")
def test_in_a_sandbox_the_handshake_is_in_the_query(browser, u1):
    session = browser.sign_in(u1)
    browser.page = ""
    location = browser.get("v1/client/handshake", f"?redirect_url={PAGE}/home").headers["Location"]
    cookies = directives_of(parse_qs(urlsplit(location).query)["__clerk_handshake"][0])
    assert jwt.decode(cookies["__session"], options={"verify_signature": False})["sid"] == session.pk
    assert cookies["__clerk_db_jwt"].startswith("dvb_")


@pytest.mark.wire("C156")
@pytest.mark.parametrize(
    "url",
    ["", "/home", "https://evil.example.net/", f"{SITE}.evil.net/", "javascript:alert(1)", f"{SITE}@evil.net/"],
)
def test_a_handshake_redirects_to_listed_origins_only(visitor, u1, url):
    visitor.sign_in(u1)
    response = visitor.get("v1/client/handshake", f"?redirect_url={url}")
    assert (response.status_code, response.error) == (400, "invalid_handshake")
    assert "Location" not in response.headers


@pytest.mark.wire("C127")
def test_a_nonce_is_redeemed_once_and_only_by_its_workspace(live, visitor, key_of, backend, u1):
    session = visitor.sign_in(u1)
    shake(visitor, format="nonce")
    ours, query = bearer(key_of(live)), f"?nonce={visitor.cookie('__clerk_handshake_nonce')}"
    assert backend.get("v1/clients/handshake_payload", query).status_code == 400
    directives = ours.get("v1/clients/handshake_payload", query).json()["directives"]
    token = next(each for each in directives if each.startswith("__session=")).partition("=")[2].partition(";")[0]
    assert jwt.decode(token, options={"verify_signature": False})["sid"] == session.pk
    assert ours.get("v1/clients/handshake_payload", query).status_code == 400


@pytest.mark.wire("C127")
def test_a_sign_out_during_the_handshake_takes_effect(live, visitor, key_of, u1):
    session = visitor.sign_in(u1)
    shake(visitor, format="nonce")
    session.end(actor="test")
    query = f"?nonce={visitor.cookie('__clerk_handshake_nonce')}"
    directives = bearer(key_of(live)).get("v1/clients/handshake_payload", query).json()["directives"]
    assert any(each.startswith("__client_uat=0;") for each in directives)


# 8.8 The user's devices

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def computer(at_home):
    return Browser(user_agent=CHROME)


@pytest.fixture
def phone(at_home):
    return App(user_agent=SAFARI)


@pytest.mark.wire("C121")
def test_a_user_sees_the_devices_of_their_sessions(computer, phone, u1):
    here, there = computer.sign_in(u1), phone.sign_in(u1)
    listed = {session["id"]: session["latest_activity"] for session in computer.get("v1/me/sessions/active").json()}
    for activity in listed.values():
        assert activity.pop("id").startswith("sess_activity_")
    shared = {"object": "session_activity", "ip_address": "127.0.0.1"}
    assert listed == {
        here.pk: {
            **shared,
            "device_type": "Windows",
            "browser_name": "Chrome",
            "browser_version": "126.0",
            "is_mobile": False,
        },
        there.pk: {
            **shared,
            "device_type": "iPhone",
            "browser_name": "Mobile Safari",
            "browser_version": "17.5",
            "is_mobile": True,
        },
    }


def test_an_unknown_activity_is_left_out(computer, backend, u1):
    session = computer.sign_in(u1)
    Activity.objects.all().delete()
    assert "latest_activity" not in computer.get("v1/me/sessions/active").json()[0]
    assert "latest_activity" not in backend.get(f"v1/sessions/{session.pk}").json()


def test_a_touch_from_another_device_updates_the_activity(computer, u1):
    session = computer.sign_in(u1)

    def touched():
        ago = timezone.now() - timedelta(hours=1)
        UserSession.objects.filter(pk=session.pk).update(last_active_at=ago)
        assert computer.verb(session, "touch").status_code == 200
        return UserSession.objects.get(pk=session.pk).latest_activity

    before = touched()
    assert touched().id == before.id
    computer.headers = {"user-agent": SAFARI}
    assert (touched().device_type, touched().id == before.id) == ("iPhone", False)


@pytest.mark.wire("C121")
def test_the_active_sessions_are_those_of_every_client_of_the_user(computer, phone, u1, u2):
    here, there = computer.sign_in(u1), phone.sign_in(u1)
    Browser().sign_in(u2)
    assert {each["id"] for each in computer.get("v1/me/sessions/active").json()} == {here.pk, there.pk}
    phone.verb(there, "end")
    assert [each["id"] for each in computer.get("v1/me/sessions/active").json()] == [here.pk]
    every = {each["id"]: each["status"] for each in computer.get("v1/me/sessions").json()}
    assert every == {here.pk: "active", there.pk: "ended"}


@pytest.mark.wire("C121")
@pytest.mark.parametrize("path", ["v1/me", "v1/me/sessions", "v1/me/sessions/active"])
def test_an_anonymous_caller_cannot_list_sessions(frontend, u1, path):
    assert (frontend.get(path).status_code, frontend.get(path).error) == (401, "signed_out")
    frontend.verb(frontend.sign_in(u1), "end")
    assert (frontend.get(path).status_code, frontend.get(path).error) == (401, "signed_out")


@pytest.mark.wire("C157")
def test_the_calling_session_can_be_named_and_must_belong_to_the_client(frontend, u1, u2):
    first, second = frontend.sign_in(u1), frontend.sign_in(u2)
    other = type(frontend)().sign_in(u2)

    def user_of(query):
        response = frontend.get("v1/me", query)
        return response.json()["response"]["id"] if response.status_code == 200 else response.error

    assert user_of("") == user_of(f"?_clerk_session_id={second.pk}") == user_id(u2.pk)
    assert user_of(f"?_clerk_session_id={first.pk}") == user_id(u1.pk)
    assert user_of(f"?_clerk_session_id={other.pk}") == user_of("?_clerk_session_id=") == "signed_out"


@pytest.mark.wire("C122")
def test_a_user_revokes_a_session_on_another_device(computer, phone, backend, u1):
    computer.sign_in(u1)
    lost = phone.sign_in(u1)
    response = computer.post(f"v1/me/sessions/{lost.pk}/revoke")
    assert (response.status_code, response.json()["response"]["status"]) == (200, "revoked")
    assert backend.get(f"v1/sessions/{lost.pk}").json()["status"] == "revoked"
    assert phone.verb(lost, "tokens").status_code == 401
    assert computer.get("v1/me").status_code == 200


@pytest.mark.wire("C122")
def test_a_session_of_another_user_is_answered_like_an_unknown_one(computer, phone, u1, u2):
    computer.sign_in(u1)
    theirs = phone.sign_in(u2)
    answers = [computer.post(f"v1/me/sessions/{id}/revoke") for id in (theirs.pk, "sess_" + "0" * 27)]
    assert {(answer.status_code, answer.error) for answer in answers} == {(404, "resource_not_found")}
    assert phone.verb(theirs, "tokens").status_code == 200


def test_a_user_revokes_all_other_sessions_and_no_other_user_is_concerned(computer, phone, u1, u2):
    here, there = computer.sign_in(u1), phone.sign_in(u1)
    neighbour = computer.sign_in(u2)
    answer = computer.post("v1/me/sessions/revoke_others", f"?_clerk_session_id={here.pk}")
    assert answer.json()["response"] == {"object": "revoked_sessions", "session_ids": [there.pk]}
    assert phone.verb(there, "tokens").status_code == 401
    assert [computer.verb(each, "tokens").status_code for each in (here, neighbour)] == [200, 200]
    assert Event.objects.get(type="user_session.revoked").actor == here.actor


def test_a_caller_whose_session_is_unknown_or_over_revokes_nothing(computer, phone, u1):
    there = phone.sign_in(u1)
    assert computer.post("v1/me/sessions/revoke_others").error == "signed_out"
    here = computer.sign_in(u1)
    computer.verb(here, "end")
    assert computer.post("v1/me/sessions/revoke_others").error == "signed_out"
    named = phone.post("v1/me/sessions/revoke_others", f"?_clerk_session_id={here.pk}")
    assert (named.status_code, named.error) == (401, "signed_out")
    assert phone.verb(there, "tokens").status_code == 200


def test_an_impersonator_revokes_all_other_sessions_and_the_events_name_the_impersonation(computer, phone, u1):
    phone.sign_in(u1)
    impersonation = computer.sign_in(u1, impersonator={"sub": "staff"})
    assert computer.post("v1/me/sessions/revoke_others").status_code == 200
    assert Event.objects.get(type="user_session.revoked").actor == impersonation.actor


@pytest.mark.wire("C122")
def test_a_user_revokes_the_session_in_use(computer, u1):
    session = computer.sign_in(u1)
    answer = computer.post(f"v1/me/sessions/{session.pk}/revoke").json()
    assert answer["response"]["status"] == "revoked"
    assert answer["client"]["last_active_session_id"] is None
    assert computer.sets_signed_in_cookie is False
