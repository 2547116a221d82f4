"""Sign-ins that doubled are seen, found by hour, and exactly those are ended: in a real browser, under a strict policy.

Counted by the rules of operators' consoles: each click and each Enter, from the page that the chart links to.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from sessions_core.models import Workspace
from tests.browsers import chromium
from tests.embedded import embedded, in_browser
from user_sessions.console import bulk_batches
from user_sessions.models import UserSession
from user_sessions.models.bulk_revocations import BulkRevocation

pytestmark = [embedded, in_browser, pytest.mark.django_db(transaction=True)]

POLICY = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'"
PASSWORD = "a long password"
LIST = "/admin/user_sessions/usersession/"


def strict(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware with a strict policy for every page."""

    def middleware(request: Any) -> Any:
        response = get_response(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return middleware


@pytest.fixture
def server(settings: Any, workspace: Workspace) -> Iterator[LiveServer]:
    settings.MIDDLEWARE = [f"{__name__}.strict", *settings.MIDDLEWARE]
    settings.ALLOWED_HOSTS, settings.WHITENOISE_USE_FINDERS = ["localhost"], True
    server = LiveServer("localhost")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def hour(workspace: Workspace) -> str:
    """Return the parameters of an hour with 25 sign-ins, beside an hour with one."""
    began = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    user = get_user_model().objects.create_user("maria")
    for minute in (-1, *range(25)):
        UserSession.objects.start(workspace, user, actor="test", at=began + timedelta(minutes=minute))
    return f"?created__from={began:%Y-%m-%dT%H:%M}&created__until={began:%Y-%m-%dT%H}:59"


def signed_in(browser: Browser, server: LiveServer, faults: list[str], *, has_scripts: bool, width: int) -> Page:
    get_user_model().objects.create_superuser("root", password=PASSWORD)
    context = browser.new_context(java_script_enabled=has_scripts, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{server.url}/admin/login/?next={LIST}")
    page.fill("#id_username", "root")
    page.fill("#id_password", PASSWORD)
    page.click("input[type=submit]")
    return page


@pytest.mark.parametrize(("has_scripts", "width"), [(True, 1280), (True, 390), (False, 1280)])
def test_exactly_the_sign_ins_of_an_hour_are_ended(browser, server, hour, monkeypatch, has_scripts, width):
    monkeypatch.setattr(bulk_batches, "BATCH", 5)
    monkeypatch.setattr(bulk_batches.work, "__kwdefaults__", {"seconds": 0, "at": None})
    faults: list[str] = []
    page = signed_in(browser, server, faults, has_scripts=has_scripts, width=width)
    page.goto(f"{server.url}{LIST}{hour}")  # what a bar of the chart links to
    page.click("text=Revoke all that match the filter")
    assert "Live sessions that will end: 25. Users: 1." in page.content()
    page.fill("#id_reason", "password spraying")
    page.click("input[type=submit]")
    if not has_scripts:
        while page.locator("text=Continue").count() or page.locator("input[value=Continue]").count():
            page.click("input[value=Continue]")
    page.wait_for_selector("progress[value='100']", timeout=20_000)
    row = BulkRevocation.objects.get()
    assert (row.ended, UserSession.objects.live().filter(user__username="maria").count()) == (25, 1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width if has_scripts else True
    assert not faults


def test_stop_holds_a_bulk_revocation_that_goes_on_by_itself(browser, server, hour, monkeypatch):
    monkeypatch.setattr(bulk_batches, "BATCH", 1)
    monkeypatch.setattr(bulk_batches.work, "__kwdefaults__", {"seconds": 0, "at": None})
    faults: list[str] = []
    page = signed_in(browser, server, faults, has_scripts=True, width=1280)
    page.goto(f"{server.url}{LIST}{hour}")
    page.click("text=Revoke all that match the filter")
    page.fill("#id_reason", "password spraying")
    page.click("input[type=submit]")
    page.click("input[value=Stop]")
    page.wait_for_selector("text=stopped")
    assert BulkRevocation.objects.get().stopped_at is not None
    assert not faults
