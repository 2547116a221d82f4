"""Two stories of an operator in a real browser, with each click counted: a leaked API key, and a signing key to rotate.

They work without JavaScript too, and on a phone. The policy of the pages allows nothing inline.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from sessions_core.models import ApiKey
from tests.embedded import embedded, in_browser
from tests.strict_console import browser, server
from user_sessions.models import SigningKey, Stage

__all__ = ["browser", "server"]  # fixtures

pytestmark = [embedded, in_browser, pytest.mark.django_db(transaction=True)]

KEYS, SIGNING_KEYS = "/admin/sessions_core/apikey/", "/admin/user_sessions/signingkey/"


class Operator:
    """An operator at the home page of the console, who counts clicks."""

    def __init__(self, page: Any) -> None:
        self.page, self.clicks = page, 0

    def click(self, selector: str) -> None:
        with self.page.expect_navigation():  # until all of the next page is there
            self.page.locator(selector).first.click()
        self.clicks += 1

    def reads(self) -> str:
        return str(self.page.locator("#content").inner_text()).replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture(params=[{"java_script_enabled": False}, {"viewport": {"width": 390, "height": 800}}], ids=str)
def options(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def operator(server: LiveServer, browser: Browser, options: dict[str, Any]) -> Iterator[Operator]:
    signed_in = Client()
    signed_in.force_login(get_user_model().objects.create_superuser("root"))
    context = browser.new_context(locale="en-US", **options)
    context.add_cookies([{"name": "sessionid", "value": signed_in.cookies["sessionid"].value, "url": server.url}])
    page, heard = context.new_page(), []
    page.on("console", lambda message: heard.append(message.text))
    page.goto(f"{server.url}/admin/")
    yield Operator(page)
    assert heard == []
    context.close()


def test_a_leaked_api_key_is_rolled_and_its_last_use_seen_in_four_clicks(operator, workspace):
    key, leaked = ApiKey.objects.issue(workspace, name="Shop backend", actor="test")
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=timezone.now() - timedelta(hours=3))
    operator.click(f"#content-main a[href='{KEYS}']")
    operator.click(f"a[href^='{KEYS}{key.pk}/change/']")
    assert "3 hours ago" in operator.reads()
    operator.click(".gatepass-buttons >> text=Roll")
    assert "The last use of the old key: 3 hours ago." in operator.reads()
    operator.click("input[type=submit]")
    new = operator.page.get_by_label("Copy the key now.").input_value()
    assert re.search(r"The old key .* works until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", operator.reads())
    assert ApiKey.authenticate(new) and ApiKey.authenticate(leaked)
    assert operator.clicks == 4


def test_a_signing_key_is_rotated_with_a_countdown_in_three_clicks(operator, workspace):
    key = SigningKey.objects.current(workspace)
    operator.click(f"#content-main a[href='{SIGNING_KEYS}']")
    operator.click("#result_list >> text=Rotate")
    assert "It stays published until" in operator.reads()
    operator.click("input[type=submit]")
    line = operator.reads()
    assert re.search(r"Next .*\n+.*Signs in (10|9) minutes", line) and "Then it stays published until" in line
    assert {each.stage_at(timezone.now()) for each in SigningKey.objects.all()} == {Stage.NEXT, Stage.ACTIVE}
    assert (operator.clicks, key.stage_at(timezone.now())) == (3, Stage.ACTIVE)
