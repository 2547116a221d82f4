"""A bulk revocation in a real browser, under a strict policy. Clicks count from the dashboard; typing is free.

GATEPASS_SCREENSHOTS is a folder for screenshots.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from sessions_core.models import Workspace
from tests.embedded import embedded, in_browser
from tests.strict_console import browser, server
from user_sessions.console import bulk_batches
from user_sessions.models import UserSession
from user_sessions.models.bulk_revocations import BulkRevocation

__all__ = ["browser", "server"]  # fixtures

pytestmark = [embedded, in_browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "a long password"
LIST = "/admin/user_sessions/usersession/"
DASHBOARD = "/admin/sessions_core/dashboard/"


@pytest.fixture
def attack(workspace: Workspace) -> UserSession:
    """Make 25 sign-ins within an hour, and return the one before that hour."""
    began = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    user = get_user_model().objects.create_user("maria")
    for minute in range(25):
        UserSession.objects.start(workspace, user, actor="test", at=began + timedelta(minutes=minute))
    return UserSession.objects.start(workspace, user, actor="test", at=began - timedelta(minutes=1))


def signed_in(browser: Browser, server: LiveServer, faults: list[str], **options: Any) -> Page:
    """Return the dashboard of an operator."""
    get_user_model().objects.create_superuser("root", password=PASSWORD)
    page = browser.new_context(locale="en-US", **options).new_page()
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{server.url}/admin/login/?next={DASHBOARD}")
    page.fill("#id_username", "root")
    page.fill("#id_password", PASSWORD)
    page.click("input[type=submit]")
    return page


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first request end all sessions, however busy the machine is."""
    monkeypatch.setattr(bulk_batches.work, "__kwdefaults__", {"seconds": 60, "at": None})


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("has_scripts", [True, False])
def test_sign_ins_that_doubled_are_seen_and_exactly_those_end_in_three_clicks(browser, server, attack, has_scripts):
    faults: list[str] = []
    page = signed_in(browser, server, faults, java_script_enabled=has_scripts, viewport={"width": 1280, "height": 900})
    bars = page.locator("#gatepass-sign_ins ~ .gatepass-chart svg a")
    bars.filter(has_text=": 25").first.locator(".gatepass-place").click()  # 1
    page.click("text=Revoke all that match the filter")  # 2
    page.get_by_text("Live sessions that will end: 25. Users: 1.").wait_for()
    later = UserSession.objects.start(attack.workspace, attack.user, actor="test")
    page.fill("#id_reason", "password spraying")
    page.click("input[type=submit]")  # 3
    page.wait_for_selector("progress[value='100']")  # with scripts the page goes on by itself
    live = UserSession.objects.live().filter(user=attack.user)
    assert {session.pk for session in live} == {attack.pk, later.pk}
    assert not faults


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each request end five sessions."""
    monkeypatch.setattr(bulk_batches, "BATCH", 5)
    monkeypatch.setattr(bulk_batches.work, "__kwdefaults__", {"seconds": 0, "at": None})


def begin(page: Page, server: LiveServer) -> None:
    page.goto(f"{server.url}{LIST}bulk_revoke/")
    page.fill("#id_reason", "password spraying")
    page.check("#id_everything")
    page.click("input[type=submit]")


def stop(page: Page, server: LiveServer) -> None:
    """Begin and stop. The page's clock stands still until then, so that the page does not go on before the click."""
    page.clock.install(time=0)
    page.clock.pause_at(1)
    begin(page, server)
    page.click("input[value=Stop]")
    page.wait_for_selector("text=stopped")
    page.clock.resume()


@pytest.mark.parametrize("has_scripts", [True, False])
def test_a_long_one_goes_on_by_itself_or_by_clicks(browser, server, attack, slow, has_scripts):
    faults: list[str] = []
    page = signed_in(browser, server, faults, java_script_enabled=has_scripts)
    begin(page, server)
    while not has_scripts and not page.locator("progress[value='100']").count():
        with page.expect_navigation():  # until all of the next page is there
            page.click("input[value=Continue]")
    page.wait_for_selector("progress[value='100']")
    assert BulkRevocation.objects.get().ended == 26
    assert not faults


def test_stop_ends_what_goes_on_by_itself(browser, server, attack, slow):
    faults: list[str] = []
    page = signed_in(browser, server, faults)
    stop(page, server)
    assert BulkRevocation.objects.get().stopped_at is not None
    assert not faults


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_no_fault_of_ours_and_nothing_scrolls_sideways(
    browser, server, attack, slow, javascript, width, scheme
):
    size = {"width": width, "height": 900}
    page = signed_in(browser, server, [], bypass_csp=True, color_scheme=scheme, viewport=size)
    page.goto(f"{server.url}{LIST}bulk_revoke/")
    look_at(page, ".gatepass-confirm", javascript, width)
    stop(page, server)
    look_at(page, ".gatepass-bulk", javascript, width)


def look_at(page: Page, part: str, javascript: Path, width: int) -> None:
    page.add_script_tag(path=javascript / "node_modules" / "axe-core" / "axe.min.js")
    page.add_style_tag(content="* { transition: none !important }")  # the colours of links change slowly
    found = page.evaluate(f"axe.run({part!r})")
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
    box = page.locator(part).bounding_box()
    assert box and box["x"] + box["width"] <= width


@pytest.mark.skipif("GATEPASS_SCREENSHOTS" not in os.environ, reason="GATEPASS_SCREENSHOTS is not set")
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screenshots(browser, server, attack, slow, width, scheme):
    page = signed_in(browser, server, [], color_scheme=scheme, viewport={"width": width, "height": 900})
    folder = Path(os.environ["GATEPASS_SCREENSHOTS"])
    page.goto(f"{server.url}{LIST}bulk_revoke/")
    page.screenshot(path=folder / f"console-bulk-revoke-{scheme}-{width}.png", full_page=True)
    stop(page, server)
    page.screenshot(path=folder / f"console-bulk-progress-{scheme}-{width}.png", full_page=True)
