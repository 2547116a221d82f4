"""Clerk's SDK for browsers, unmodified: in a real browser, on the reference server's page, and in a native app.

GATEPASS_SCREENSHOTS is a folder for a new screenshot of the page for the documentation.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser

from sessions_core.models import AllowedOrigin, Workspace
from tests.embedded import embedded, in_browser
from tests.policies import address_of, set_user_session_policy
from tests.sdks.packages import JAVASCRIPT, native_sdk
from tests.strict_console import browser
from tests.user_sessions.conftest import claims_of
from user_sessions.clerk.cookies import publishable_key
from user_sessions.models import Client, JwtTemplate, UserSession
from user_sessions.tokens.client_tokens import client_token
from user_sessions.users import user_id

__all__ = ["browser"]  # a fixture

pytestmark = [embedded, in_browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery staple"
TEMPLATE = {"name": "building", "claims": {"role": "tenant", "who": "{{user.username}}"}}

# What a page does with the SDK.
LOAD = "async () => { await Clerk.load({ telemetry: false }); return Clerk.session ?? null }"
SIGN_IN = """
async ([identifier, password]) => {
  const { createdSessionId } = await Clerk.client.signIn.create({ strategy: "password", identifier, password })
  await Clerk.setActive({ session: createdSessionId })
  return createdSessionId
}
"""
USE = "(session) => Clerk.setActive({ session })"
IN_USE = "() => Clerk.session?.id ?? null"
TOKEN = "(options) => Clerk.session.getToken(options)"
TOUCH = "() => Clerk.session.touch().then(() => Clerk.session.lastActiveAt.getTime())"
LISTED = "() => Clerk.client.sessions.map(({ id, status }) => [id, status])"
END = "(id) => Clerk.client.sessions.find((session) => session.id === id).end()"
REMOVE = "(id) => Clerk.client.sessions.find((session) => session.id === id).remove()"
SIGN_OUT = "() => Clerk.signOut(() => {})"


@pytest.fixture
def served(live_server: Any, workspace: Workspace, browser_sdk: Path) -> Workspace:
    """A workspace whose frontend API is the server that runs, with two users who have passwords."""
    workspace.name = "Sandbox"
    # The SDK wants a host with a dot in it.
    set_user_session_policy(workspace, frontend_api=live_server.url.replace("//localhost:", "//127.0.0.1:"))
    set_user_session_policy(workspace, sign_in_url=f"{address_of(workspace)}/")
    workspace.save()
    for username, first, last in (("jane_doe", "Jane", "Doe"), ("john_roe", "John", "Roe")):
        User.objects.create_user(username, password=PASSWORD, first_name=first, last_name=last)
    return workspace


@pytest.fixture
def template(backend: Any) -> str:
    response = backend.post("v1/jwt_templates", **TEMPLATE)
    assert response.status_code == 200, response.content
    name: str = response.json()["name"]
    return name


@pytest.fixture
def page(browser: Browser) -> Iterator[Any]:
    """Yield a page of a real browser. Check at the end that it sent requests only to this machine."""
    page = browser.new_page(viewport={"width": 800, "height": 1180}, locale="en-US", timezone_id="UTC")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    yield page
    page.context.close()
    web = [urlsplit(url.removeprefix("blob:")) for url in asked]
    assert web and {(url.scheme, url.hostname) for url in web} == {("http", "127.0.0.1")}


@pytest.fixture
def sdk_in(served: Workspace, page: Any) -> Callable[..., Any]:
    """Return a function that runs a script in a page with only the SDK: ``sdk_in(LOAD)``."""

    def run(script: str, argument: Any = None) -> Any:
        if not page.url.startswith(address_of(served)):
            page.goto(f"{address_of(served)}/health")
            keys = [publishable_key(served), address_of(served)]
            page.evaluate("(keys) => { [window.__clerk_publishable_key, window.__clerk_proxy_url] = keys }", keys)
            page.add_script_tag(url=f"{address_of(served)}/browser_sdk/clerk.browser.js")
        return page.evaluate(script, argument)

    return run


def cookies_of(page: Any) -> dict[str, Any]:
    return {cookie["name"]: cookie for cookie in page.context.cookies()}


def status_of(session_id: str) -> str:
    return UserSession.objects.get(pk=session_id).status


@pytest.mark.wire("C129")
def test_the_browser_sdk_signs_in_and_keeps_its_cookies(sdk_in, page, served, template):
    assert sdk_in(LOAD) is None
    session_id = sdk_in(SIGN_IN, ["jane_doe", PASSWORD])

    claims = claims_of(sdk_in(TOKEN, {"skipCache": True}))
    assert (claims["sid"], claims["iss"], claims["azp"]) == (
        session_id,
        address_of(served),
        address_of(served),
    )
    assert claims_of(sdk_in(TOKEN, {"template": template}))["who"] == "jane_doe"
    cookies = cookies_of(page)
    assert claims_of(cookies["__session"]["value"])["sid"] == session_id
    assert cookies["__client"]["httpOnly"] and int(cookies["__client_uat"]["value"]) > 0
    assert "__session=" in page.evaluate("document.cookie")
    assert "__client=" not in page.evaluate("document.cookie")


@pytest.mark.wire("C129")
def test_the_browser_sdk_touches_its_session(sdk_in):
    sdk_in(LOAD)
    session = UserSession.objects.get(pk=sdk_in(SIGN_IN, ["jane_doe", PASSWORD]))
    long_ago = session.last_active_at.replace(year=session.last_active_at.year - 1)
    UserSession.objects.filter(pk=session.pk).update(last_active_at=long_ago)

    shown = sdk_in(TOUCH)

    session.refresh_from_db()
    assert session.last_active_at > long_ago
    assert shown == int(session.last_active_at.timestamp() * 1000)


@pytest.mark.wire("C129")
def test_the_browser_sdk_signs_two_accounts_out_one_by_one(sdk_in, page):
    sdk_in(LOAD)
    jane, john = (sdk_in(SIGN_IN, [name, PASSWORD]) for name in ("jane_doe", "john_roe"))
    assert sdk_in(LISTED) == [[john, "active"], [jane, "active"]]
    for session_id in (jane, john):
        sdk_in(USE, session_id)
        assert sdk_in(IN_USE) == claims_of(sdk_in(TOKEN))["sid"] == session_id
        assert UserSession.objects.get(pk=session_id).client.last_active_session_id == session_id

    sdk_in(END, john)
    assert (status_of(john), status_of(jane)) == ("ended", "active")
    sdk_in(REMOVE, john)
    assert sdk_in(LISTED) == [[jane, "active"]]
    assert status_of(john) == "removed"
    sdk_in(SIGN_OUT)
    assert (sdk_in(LISTED), sdk_in(IN_USE), status_of(jane)) == ([], None, "removed")
    assert cookies_of(page)["__client_uat"]["value"] == "0" and "__session" not in cookies_of(page)


@pytest.mark.wire("C129")
def test_the_browser_sdk_works_in_a_native_app(served, browser_sdk, backend, template):
    jane, john = (user_id(User.objects.get(username=name).pk) for name in ("jane_doe", "john_roe"))
    elsewhere = backend.post("v1/sessions", user_id=jane).json()["id"]
    result = native_sdk().play(
        "story",
        sdk=str(browser_sdk),
        endpoint=address_of(served),
        publishable_key=publishable_key(served),
        tickets=[backend.post("v1/sign_in_tokens", user_id=user).json()["token"] for user in (jane, john)],
        template=template,
        elsewhere=elsewhere,
    )

    first, second = result["first"]["session"], result["second"]["session"]
    assert result["before"] is None
    assert (result["first"]["user"], result["second"]["user"]) == (jane, john)
    assert claims_of(result["token"])["sid"] == first and "azp" not in claims_of(result["token"])
    assert claims_of(result["template token"])["who"] == "jane_doe"
    assert (set(result["accounts"]), result["in use"]) == ({first, second}, first)
    assert result["sessions"] == {first: "127.0.0.1", elsewhere: None}, "with the address it was last used from"
    assert result["revoked"] == {"id": elsewhere, "status": "revoked"}
    assert result["after"] == {"accounts": 0, "session": None}
    assert [status_of(session) for session in (first, elsewhere, second)] == ["removed", "revoked", "removed"]


def test_an_app_with_an_invalid_token_signs_in_again_without_a_request_loop(served, browser_sdk, backend):
    jane = user_id(User.objects.get(username="jane_doe").pk)
    client = Client.objects.begin(served, at=timezone.now())
    dead = client_token(client)
    client.close(actor="test", at=timezone.now())
    result = native_sdk().play(
        "again",
        sdk=str(browser_sdk),
        endpoint=address_of(served),
        publishable_key=publishable_key(served),
        tickets=[backend.post("v1/sign_in_tokens", user_id=jane).json()["token"] for _ in range(2)],
        kept=dead,
    )
    assert result["before"] is None
    assert result["first"]["user"] == result["second"]["user"] == jane
    assert result["kept another"]
    assert result["after"] is None, "and so it shows its page for signing in"
    assert result["asked"] < 30


# The page of the reference server


def press(page: Any, button: str, then: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_role("status").get_by_text(then, exact=True).wait_for()


def sign_in_on(page: Any, username: str, password: str, then: str = "You are signed in.") -> None:
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    press(page, "Sign in", then)


def accounts_on(page: Any) -> list[str]:
    return [row.inner_text() for row in page.locator("#accounts .who").all()]


def shown_claims(page: Any, which: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(page.get_by_label(which).inner_text())
    return claims


def faults_of(page: Any, javascript: Path) -> list[tuple[str, str]]:
    """Return what axe finds in light and in dark."""
    page.evaluate((javascript / "node_modules" / "axe-core" / "axe.min.js").read_text())
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found += page.evaluate("axe.run()")["violations"]
    page.emulate_media(color_scheme="light")
    return [(each["id"], each["nodes"][0]["html"]) for each in found]


def test_the_page_signs_in_switches_and_signs_out(served, template, page, javascript):
    page.goto(address_of(served))
    sign_in_on(page, "jane_doe", "wrong", "Password is incorrect. Try again.")
    sign_in_on(page, "jane_doe", PASSWORD)
    jane = UserSession.objects.get(user__username="jane_doe")
    assert shown_claims(page, "Claims of the session token")["sid"] == page.inner_text("#session-id") == jane.pk
    sign_in_on(page, "john_roe", PASSWORD)
    john = UserSession.objects.get(user__username="john_roe")
    assert accounts_on(page) == ["John Roe, in use", "Jane Doe"]
    assert faults_of(page, javascript) == []
    picture(page)

    press(page, "Use the session of Jane Doe", "Jane Doe is in use.")
    assert accounts_on(page) == ["John Roe", "Jane Doe, in use"]
    press(page, "Touch", "The session was touched.")
    press(page, "Get a token", "Here is a token from the template.")
    assert shown_claims(page, "Claims of the template's token")["who"] == "jane_doe"
    before = shown_claims(page, "Claims of the session token")["jti"]
    press(page, "Fetch one now", "Here is a new token.")
    assert shown_claims(page, "Claims of the session token")["jti"] != before

    press(page, "End the session of John Roe", "The session of John Roe has ended.")
    assert (accounts_on(page), status_of(john.pk)) == (["John Roe, ended", "Jane Doe, in use"], "ended")
    press(page, "Remove the session of John Roe", "The session of John Roe has left this browser.")
    assert (accounts_on(page), status_of(john.pk)) == (["Jane Doe, in use"], "removed")
    press(page, "Sign out of all", "All accounts are signed out.")
    assert status_of(jane.pk) == "removed"
    assert page.get_by_role("heading", name="Sign in").is_visible()


def test_the_page_offers_only_templates_that_tokens_are_minted_from(served, template, client, settings, tmp_path):
    settings.GATEPASS_BROWSER_SDK = tmp_path
    (tmp_path / "clerk.browser.js").touch()
    JwtTemplate.objects.customise_session_tokens(served, {"nick": "{{user.username}}"}, actor="test")
    result = client.get("/", headers={"host": address_of(served).partition("//")[2]}).content.decode()
    assert f"<option>{template}</option>" in result and "__session_token" not in result


def test_the_token_on_the_page_counts_down_and_is_renewed(served, page, settings):
    settings.USER_SESSIONS = {"SESSION_TOKEN_LIFETIME": timedelta(seconds=20)}
    page.goto(address_of(served))
    sign_in_on(page, "jane_doe", PASSWORD)
    first = shown_claims(page, "Claims of the session token")
    shown = page.inner_text("#countdown")
    wait_for(lambda: page.inner_text("#countdown") != shown, at_most=5)
    wait_for(lambda: shown_claims(page, "Claims of the session token")["exp"] > first["exp"], at_most=25)


def test_a_link_with_a_ticket_signs_in_and_leaves_no_trace(served, backend, page):
    jane = user_id(User.objects.get(username="jane_doe").pk)
    page.goto(backend.post("v1/sign_in_tokens", user_id=jane).json()["url"])
    page.get_by_role("status").get_by_text("The ticket has signed you in.").wait_for()
    assert page.url == page.evaluate("location.href") == f"{address_of(served)}/"
    assert accounts_on(page) == ["Jane Doe, in use"]


def test_without_the_sdk_the_page_says_how_to_get_it(served, client, settings, tmp_path):
    settings.GATEPASS_BROWSER_SDK = tmp_path
    result = client.get("/", headers={"host": urlsplit(address_of(served)).netloc}).content.decode()
    assert "python3 dev.py browser_sdk" in result and "clerk.browser.js" not in result


def live(workspace):
    Workspace.objects.filter(pk=workspace.pk).update(is_sandbox=False)


def elsewhere(workspace):
    set_user_session_policy(workspace, frontend_api="https://elsewhere.example.com")


@pytest.mark.parametrize("change", [live, elsewhere])
def test_the_page_is_served_only_at_the_frontend_api_of_a_sandbox(served, client, change):
    host = urlsplit(address_of(served)).netloc
    change(served)
    assert "Try it in this browser" not in client.get("/", headers={"host": host}).content.decode()


def picture(page: Any) -> None:
    if folder := os.environ.get("GATEPASS_SCREENSHOTS"):
        page.evaluate("scrollTo(0, 0)")  # where the message does not hide a row
        page.screenshot(path=Path(folder) / "try-it.png", full_page=True)


# An app's own server


@contextmanager
def app_of(workspace: Workspace, api_key: str, *, host: str = "127.0.0.1", backend_api: str = "") -> Iterator[str]:
    """Start an app's server with Clerk's SDK. Yield its origin."""
    keys = {
        "api_key": api_key,
        "publishable_key": publishable_key(workspace),
        "endpoint": address_of(workspace),
    }
    keys["backend_api"] = backend_api or address_of(workspace)
    command = ["node", str(JAVASCRIPT / "app.mjs")]
    environment = os.environ | {"GIVEN": json.dumps(keys)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield f"http://{host}:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def seen_by(page: Any, app: str) -> dict[str, Any]:
    """Return the response of the app's server to the browser, after all redirects."""
    page.goto(app)
    answer: dict[str, Any] = json.loads(page.inner_text("pre"))
    return answer


@pytest.mark.wire("C128")
@pytest.mark.parametrize("is_sandbox", [True, False], ids=["pk_test", "pk_live"])
def test_an_app_server_recognises_the_browser_until_its_session_is_revoked(
    sdk_in, page, served, javascript, api_key, backend, settings, is_sandbox
):
    lifetime = 5
    settings.USER_SESSIONS = {"SESSION_TOKEN_LIFETIME": timedelta(seconds=lifetime)}
    Workspace.objects.filter(pk=served.pk).update(is_sandbox=is_sandbox)
    served.refresh_from_db()
    with app_of(served, api_key) as app:
        AllowedOrigin.objects.create(workspace=served, origin=app)
        handshakes: list[str] = []
        page.on("request", lambda request: "/v1/client/handshake?" in request.url and handshakes.append(request.url))
        assert seen_by(page, app) == {"status": "signed-out", "userId": None, "sessionId": None}
        sdk_in(LOAD)
        session_id = sdk_in(SIGN_IN, ["jane_doe", PASSWORD])
        jane = user_id(User.objects.get(username="jane_doe").pk)
        signed_in = {"status": "signed-in", "userId": jane, "sessionId": session_id}
        assert seen_by(page, app) == signed_in
        assert cookies_of(page)["__client"]["secure"] is not is_sandbox
        wait_for(lambda: token_in(page)["exp"] < time.time(), at_most=lifetime + 5)
        handshakes.clear()
        assert seen_by(page, app) == signed_in, "its token has expired, and it gets another"
        assert handshakes
        assert seen_by(page, app) == signed_in, "and again, while a cookie of the handshake could be there"

        assert backend.post(f"v1/sessions/{session_id}/revoke").status_code == 200
        wait_for(lambda: seen_by(page, app)["status"] == "signed-out", at_most=lifetime + 5)


def token_in(page: Any) -> dict[str, Any]:
    return claims_of(cookies_of(page)["__session"]["value"])


def wait_for(happened: Callable[[], bool], *, at_most: float) -> None:
    deadline = time.monotonic() + at_most
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.2)
