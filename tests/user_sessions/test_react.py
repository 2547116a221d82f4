"""Clerk's React SDK in a real browser: several accounts on one client, and the prebuilt components.

GATEPASS_SCREENSHOTS is a folder for screenshots of each step.
"""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User

from sessions_core.models import AllowedOrigin, Workspace
from tests.browsers import chromium
from tests.embedded import embedded, in_browser
from tests.policies import address_of, set_user_session_policy
from tests.user_sessions import factors
from user_sessions.clerk.cookies import publishable_key
from user_sessions.models import JwtTemplate, UserSession

pytestmark = [embedded, in_browser, pytest.mark.django_db(transaction=True)]

PROFILES = "tests.user_sessions.profiles"
PASSWORD = "correct horse battery staple"
PAGE = '<!doctype html><meta charset="utf-8"><title>{0}</title><div id="root"></div><script src="{0}.js"></script>'
APPS = ("accounts", "components")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(live_server: Any, workspace: Workspace, browser_sdk: Path) -> Workspace:
    """A workspace whose frontend API is the server that runs, with two users who have passwords."""
    set_user_session_policy(workspace, frontend_api=live_server.url.replace("//localhost:", "//127.0.0.1:"))
    workspace.save()
    for username in ("jane_doe", "john_roe"):
        User.objects.create_user(username, password=PASSWORD)
    return workspace


@pytest.fixture
def site(
    served: Workspace, tmp_path: Path, javascript: Path, browser_sdk: Path, components: Path
) -> Iterator[Callable[[str], str]]:
    """Serve the pages of an app at a listed origin. Return a function that gives the URL of each."""
    bundle = ["node_modules/.bin/esbuild", "--bundle", "--jsx=automatic", "--log-level=error"]
    bundle += ['--define:process.env.NODE_ENV="production"', f"--outdir={tmp_path}", *(f"{app}.jsx" for app in APPS)]
    subprocess.run(bundle, cwd=javascript, check=True)
    for app in APPS:
        (tmp_path / f"{app}.html").write_text(PAGE.format(app))
    (tmp_path / "sdk").symlink_to(browser_sdk)
    (tmp_path / "ui").symlink_to(components)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever).start()
    origin = f"http://127.0.0.1:{server.server_port}"
    AllowedOrigin.objects.create(workspace=served, origin=origin)
    query = urlencode({"key": publishable_key(served), "api": address_of(served)})
    try:
        yield lambda app: f"{origin}/{app}.html?{query}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def page(site: Callable[[str], str]) -> Iterator[Any]:
    """Open the page of ``accounts.jsx``. Check at the end that it raised no error."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 700, "height": 600}, locale="en-US")
        thrown: list[str] = []
        page.on("pageerror", lambda error: thrown.append(str(error)))
        page.goto(site("accounts"))
        yield page
        assert thrown == []


@pytest.fixture
def picture(page: Any) -> Callable[[], None]:
    """Return a function that takes a screenshot, if enabled."""
    numbers = count(1)

    def picture() -> None:
        if folder := os.environ.get("GATEPASS_SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"react-{next(numbers)}.png")

    return picture


@pytest.fixture
def shows(page: Any, picture: Callable[[], None]) -> Callable[[str], None]:
    """Return a function that waits until the page shows the active user."""

    def shows(heading: str) -> None:
        page.get_by_role("heading", name=heading, exact=True).wait_for(timeout=15_000)
        picture()

    return shows


def sign_in(page: Any, username: str) -> None:
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def press(page: Any, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()


def test_an_account_whose_token_is_too_large_looks_signed_out_and_breaks_no_page(page, shows, served, settings):
    claims = {"x": "{{user.public_metadata}}"}
    JwtTemplate.objects.customise_session_tokens(served, claims, actor="test")
    shows("Signed out")
    sign_in(page, "john_roe")
    shows("In use: john_roe")
    settings.USER_SESSIONS = settings.USER_SESSIONS | {"USER_PROFILE": f"{PROFILES}.talkative_jane"}
    sign_in(page, "jane_doe")
    shows("Signed out")
    press(page, "Switch to john_roe")
    shows("In use: john_roe")
    settings.USER_SESSIONS = settings.USER_SESSIONS | {"USER_PROFILE": f"{PROFILES}.talkative_profile"}
    page.reload()
    shows("Signed out")


def test_two_accounts_switch_both_ways_and_sign_out_one_by_one(page, shows):
    shows("Signed out")
    sign_in(page, "jane_doe")
    shows("In use: jane_doe")
    sign_in(page, "john_roe")
    shows("In use: john_roe")
    for username in ("jane_doe", "john_roe", "jane_doe"):
        press(page, f"Switch to {username}")
        shows(f"In use: {username}")
    press(page, "Sign out jane_doe")
    shows("Signed out")
    press(page, "Switch to john_roe")
    shows("In use: john_roe")
    press(page, "Sign out john_roe")
    shows("Signed out")
    assert set(UserSession.objects.values_list("stored_status", flat=True)) == {"removed"}


def sign_in_by_component(page: Any, username: str) -> None:
    page.get_by_label("Email address or username").fill(username)
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Continue", exact=True).click()


def test_the_prebuilt_sign_in_asks_for_the_code_of_an_authenticator_app(page, site, shows, picture, settings):
    settings.USER_SESSIONS = settings.USER_SESSIONS | {"SIGN_IN_REQUIREMENT": factors.BOTH}
    factors.forget_used_codes()
    page.goto(f"{site('components')}&page=sign-in")
    sign_in_by_component(page, "jane_doe")
    code = page.get_by_label("Enter verification code")
    code.fill("999999")  # sent with the last digit
    page.get_by_text("Code is incorrect. Try again.").first.wait_for(timeout=15_000)
    picture()
    assert not UserSession.objects.exists()
    code.fill(factors.APP_CODES[0])
    shows("jane_doe")
    assert UserSession.objects.get().second_factor_at is not None


def test_the_prebuilt_sign_in_takes_a_recovery_code_instead(page, site, shows, picture, settings):
    settings.USER_SESSIONS = settings.USER_SESSIONS | {"SIGN_IN_REQUIREMENT": factors.BOTH}
    factors.forget_used_codes()
    page.goto(f"{site('components')}&page=sign-in")
    sign_in_by_component(page, "jane_doe")
    page.get_by_text("Use another method").click()
    picture()
    page.get_by_role("button", name="Use a backup code").click()
    page.get_by_label("Backup code").fill(factors.RECOVERY_CODES[0])
    press(page, "Continue")
    shows("jane_doe")
    assert UserSession.objects.get().second_factor_at is not None


def test_prebuilt_components_sign_in_switch_accounts_and_sign_out(page, site, shows, picture):
    User.objects.filter(username="jane_doe").update(first_name="Jane", last_name="Doe")

    def menu(button: str) -> None:
        press(page, "Open user menu")
        picture()
        page.get_by_role("button", name=button).first.click()

    page.goto(f"{site('components')}&page=sign-in")
    sign_in_by_component(page, "jane_doe")
    shows("Jane Doe")
    menu("Add account")
    sign_in_by_component(page, "john_roe")
    shows("john_roe")
    menu("Jane Doe")
    shows("Jane Doe")
    menu("Sign out")  # shows the remaining accounts
    page.get_by_role("button", name="john_roe").click()
    shows("john_roe")
    menu("Sign out")
    shows("Signed out")
    assert set(UserSession.objects.values_list("stored_status", flat=True)) == {"removed"}
