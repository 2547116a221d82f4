"""The page "This was not me" in a real browser, without a script and under a strict policy, and axe."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser

from tests.embedded import embedded, in_browser
from tests.user_sessions import device_pages, test_devices_in_browser
from tests.user_sessions.test_devices_in_browser import browser, server
from user_sessions.models import UserSession
from user_sessions.tokens.device_tokens import not_me_token
from user_sessions.user_agents import device_of

__all__ = ["browser", "server"]  # fixtures

pytestmark = [embedded, in_browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def session(server: Any, workspace: Any) -> UserSession:
    user = User.objects.create_user("ann", password=device_pages.PASSWORD)
    device = device_of(test_devices_in_browser.PHONE, "192.0.2.7")
    return UserSession.objects.start(workspace, user, actor="test", device=device)


@pytest.fixture
def opened(server: Any, browser: Browser, session: UserSession) -> Callable[..., Any]:
    """Return a function that follows the link in a new profile. Messages of the console are collected."""

    def opened(**options: Any) -> Any:
        page: Any = browser.new_context(**{"locale": "en-US", **options}).new_page()
        page.heard = []
        page.on("console", lambda message: page.heard.append(message.text))
        page.goto(f"{server.url}/devices/not-me/{not_me_token(session)}/")
        return page

    return opened


@pytest.mark.parametrize(("locale", "button"), [("en-US", "Sign this device out"), ("de-DE", "Dieses Gerät abmelden")])
def test_the_button_works_without_a_script_in_two_languages(opened, session, locale, button):
    page = opened(locale=locale, java_script_enabled=False, viewport={"width": 320, "height": 700})
    page.get_by_role("button", name=button).click()
    page.get_by_role("status").wait_for()
    session.refresh_from_db()
    assert session.closed_by == f"new_device_mail:{session.pk}"
    assert page.heard == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_before_and_after(opened, javascript, scheme):
    page = opened(color_scheme=scheme, bypass_csp=True)
    assert faults(page, javascript) == []
    page.get_by_role("button").click()
    page.get_by_role("status").wait_for()
    assert faults(page, javascript) == []


def faults(page: Any, javascript: Path) -> list[str]:
    page.add_script_tag(path=javascript / "node_modules" / "axe-core" / "axe.min.js")
    return [each["id"] for each in page.evaluate("axe.run()")["violations"]]
