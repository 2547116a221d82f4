"""Two stories of an operator in a real browser, counted: each click and each Enter is one. Typing is free."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from sessions_core.models import Event
from tests.embedded import embedded, in_browser
from tests.strict_console import STRICT, browser
from tests.user_sessions.test_console_actions import LIST, address, is_live, page_of
from tests.user_sessions.test_console_sessions_list import IPHONE, start
from user_sessions.models import UserSession

__all__ = ["browser"]  # a fixture

pytestmark = [embedded, in_browser, pytest.mark.django_db(transaction=True)]


class Operator:
    """An operator who starts on the console's home page."""

    def __init__(self, page: Page) -> None:
        self.page, self.steps = page, 0

    def click(self, selector: str) -> None:
        with self.page.expect_navigation():  # until all of the next page is there
            self.page.click(selector)
        self.steps += 1

    def enter(self, selector: str, text: str) -> None:
        self.page.fill(selector, text)
        with self.page.expect_navigation():
            self.page.press(selector, "Enter")
        self.steps += 1


@pytest.fixture
def server(settings: Any) -> Iterator[LiveServer]:
    settings.MIDDLEWARE = [STRICT, *settings.MIDDLEWARE]
    settings.ALLOWED_HOSTS, settings.CSRF_TRUSTED_ORIGINS = ["localhost"], []
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = settings.SECURE_SSL_REDIRECT = False
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "s", "c"  # a __Host- cookie needs HTTPS
    server = LiveServer("localhost")
    yield server
    server.stop()


@pytest.fixture
def operator(server: LiveServer, browser: Browser) -> Iterator[Operator]:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": "s", "value": client.cookies["s"].value, "url": server.url}])
    page = context.new_page()
    violations: list[str] = []
    page.on("console", lambda message: violations.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: violations.append(str(error)))
    page.goto(f"{server.url}/admin/")
    yield Operator(page)
    assert violations == []
    context.close()


@pytest.fixture
def maria(workspace: Any) -> tuple[UserSession, UserSession]:
    user = get_user_model().objects.create_user("maria", email="maria.wolf@mail.example")
    return start(workspace, user), start(workspace, user, agent=IPHONE, ip="198.51.100.9")


def test_a_stolen_phone_is_signed_out_with_reason_and_proof_in_four_steps(operator, maria):
    computer, phone = maria
    operator.click(f"a[href='{LIST}'] >> nth=0")
    operator.enter("#searchbar", "wolf@mail")
    operator.click(f"tr:has-text('iPhone') a[href='{address(phone)}']")
    assert "Mobile Safari 18.0 on iPhone" in operator.page.inner_text("#content")
    operator.enter("[name=reason]", "stolen phone")
    assert operator.page.url.endswith(page_of(phone))
    proof = operator.page.inner_text(".gatepass-timeline")
    root = get_user_model().objects.get(username="root")
    assert f"user_session.revoked by operator:{root.pk} (root): stolen phone" in proof
    assert is_live(computer) and not is_live(phone)
    assert operator.steps == 4


def test_a_user_is_signed_out_everywhere_in_four_steps(operator, maria):
    operator.click(f"a[href='{LIST}'] >> nth=0")
    operator.enter("#searchbar", "maria")
    operator.click("tr:has-text('iPhone') >> text=Sign out everywhere")
    assert "Live sessions that will end: 2. Users: 1." in operator.page.inner_text("#content")
    operator.enter("[name=reason]", "account taken over")
    assert not any(map(is_live, maria))
    assert Event.objects.filter(type="user_session.revoked", data__reason="account taken over").count() == 2
    assert operator.steps == 4


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_not_wider_than_the_screen(operator, maria, width):
    operator.page.set_viewport_size({"width": width, "height": 900})
    for path in (LIST, page_of(maria[0]), address(maria[0]), "/admin/sessions_core/event/"):
        operator.page.goto(operator.page.url.partition("/admin/")[0] + path)
        assert operator.page.evaluate("document.documentElement.scrollWidth") <= width, path
    if width == 1280:
        operator.page.goto(operator.page.url.partition("/admin/")[0] + LIST)
        wide, seen = operator.page.evaluate("(e => [e.scrollWidth, e.clientWidth])(document.querySelector('.results'))")
        assert wide <= seen
