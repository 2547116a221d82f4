"""The dashboard in a real browser, under a strict policy: two widths, light and dark, without JavaScript, and axe.

GATEPASS_SCREENSHOTS is a folder for screenshots.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from client_sessions.models import ClientSession
from sessions_core.models import Workspace
from sessions_core.models.refusal_counts import RefusalCount, RefusalKind, step_of
from tests.embedded import embedded, in_browser
from tests.strict_console import browser, server
from user_sessions.models import SigningKey, UserSession
from user_sessions.user_agents import device_of

__all__ = ["browser", "server"]  # fixtures

pytestmark = [embedded, in_browser, pytest.mark.django_db(transaction=True)]

PAGE = "/admin/sessions_core/dashboard/"
PASSWORD = "a long password"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148"
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")
BY = "test"


@pytest.fixture
def console(server: LiveServer, browser: Browser, workspace: Workspace) -> Callable[..., Any]:
    """Return a function that signs an operator in and opens a page. Messages of the browser are collected."""
    get_user_model().objects.create_superuser("root", password=PASSWORD)
    furnish(workspace)

    def console(path: str = PAGE, **options: Any) -> Any:
        page: Any = browser.new_context(**{"locale": "en-US", **options}).new_page()
        page.heard = []
        page.on("console", lambda message: page.heard.append(message.text))
        page.goto(f"{server.url}/admin/login/?next={path}")
        page.locator("[name=username]").fill("root")
        page.locator("[name=password]").fill(PASSWORD)
        with page.expect_navigation():
            page.locator("[type=submit]").click()
        page.locator(".gatepass-dashboard").wait_for()
        return page

    return console


def furnish(workspace: Workspace) -> None:
    """Make sign-ins of a few days, twice as many since two hours ago, and something to warn about."""
    now, users = timezone.now(), get_user_model().objects
    for hours in (*range(24), *range(24, 48, 2), *range(168, 192, 3)):
        for n in range((6 if hours < 3 else 3) - hours % 3):
            user, _ = users.get_or_create(username=f"user {n}")
            at = now - timedelta(hours=hours, minutes=n + 1)
            device = device_of(PHONE, "192.0.2.7") if n % 2 else None
            session = UserSession.objects.start(workspace, user, actor=BY, at=at, device=device)
            if n == 0:
                session.revoke(actor=BY, at=at, reason="lost laptop" if hours % 3 else "stolen phone")
    ClientSession.objects.start(workspace, actor=BY, expires_at=now + timedelta(hours=2))
    SigningKey.objects.current(workspace, at=now - timedelta(days=100))
    for hours in range(30):
        for place, kind in enumerate(RefusalKind):
            number = (3 + place) * (8 if hours < 2 and place != 1 else 1 + hours % 3)
            RefusalCount.objects.create(kind=kind, number=number, step=step_of(now - timedelta(hours=hours)))


@pytest.mark.parametrize("scripts", [True, False])
def test_a_bar_leads_to_the_sign_ins_of_its_hour(console, scripts):
    page = console(java_script_enabled=scripts, viewport={"width": 1280, "height": 900})
    bar = page.locator("#gatepass-sign_ins ~ .gatepass-chart svg a").nth(-2)
    count = bar.locator("title").text_content().rpartition(": ")[2]
    with page.expect_navigation():  # until all rows are there
        bar.locator(".gatepass-place").click()
    assert page.locator("#result_list tbody tr").count() == int(count) > 0
    assert page.heard == []


def test_the_keyboard_reaches_the_same_list_through_the_table(console):
    page = console()
    summary = page.locator("summary").first
    summary.focus()
    page.keyboard.press("Enter")
    link = page.locator("details[open] tbody a").first
    link.focus()
    page.keyboard.press("Enter")
    page.locator("#changelist").wait_for()


def test_a_range_is_chosen_with_one_click(console, server):
    page = console()
    page.get_by_role("link", name="7 days").click()
    assert page.url == f"{server.url}{PAGE}?range=7d"
    assert page.locator("[aria-current=true]").text_content() == "7 days"
    page.goto(f"{server.url}/admin/")
    page.get_by_role("link", name="1 hour").click()
    assert page.url == f"{server.url}/admin/?range=1h" and page.heard == []


def test_nothing_scrolls_sideways_on_a_phone(console, server):
    page = console(viewport={"width": 390, "height": 800})
    UserSession.objects.exclude(user__username="root").latest("created_at").revoke(actor=BY, reason="W" * 150)
    for path in (PAGE, "/admin/"):
        page.goto(server.url + path)
        for summary in page.locator("summary").all():
            summary.click()
        widths = page.evaluate(
            "[...document.querySelectorAll('.gatepass-panel')].map(e => [e.scrollWidth, e.clientWidth])"
        )
        assert all(scroll <= client for scroll, client in widths)
        assert page.locator(".gatepass-dashboard").bounding_box()["width"] <= 390


@pytest.mark.parametrize(("scheme", "width"), list(zip(SCHEMES, WIDTHS, strict=True)))
def test_axe_finds_no_fault_of_ours(console, javascript, scheme, width):
    page = console(bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 900})
    for summary in page.locator("summary").all():
        summary.click()
    page.add_script_tag(path=javascript / "node_modules" / "axe-core" / "axe.min.js")
    page.add_style_tag(content="* { transition: none !important }")  # the colours of links change slowly
    found = page.evaluate("axe.run('.gatepass-dashboard')")
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
    assert len(found["passes"]) > 10


@pytest.mark.skipif("GATEPASS_SCREENSHOTS" not in os.environ, reason="GATEPASS_SCREENSHOTS is not set")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_screenshots(console, scheme, width):
    page = console(color_scheme=scheme, viewport={"width": width, "height": 900})
    folder = Path(os.environ["GATEPASS_SCREENSHOTS"])
    page.screenshot(path=folder / f"console-dashboard-{scheme}-{width}.png", full_page=True)
