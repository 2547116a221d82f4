"""The page "Your devices" in a real browser: two profiles, without JavaScript, in German, on a small screen, and axe.

GATEPASS_SCREENSHOTS is a folder for screenshots; ``python -m tests.screenshots`` sets it to docs/images.
"""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from client_sessions.models import PersonalAccessToken
from sessions_core.models import Workspace
from tests.browsers import chromium
from tests.embedded import embedded, in_browser
from tests.user_sessions import device_pages, django_project
from user_sessions.models import Activity, UserSession
from user_sessions.user_agents import device_of

pytestmark = [embedded, in_browser, pytest.mark.django_db(transaction=True)]

POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Mobile/15E148 Safari/604.1"
)
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")


def strict(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware of a host with a strict policy for the page."""

    def middleware(request: Any) -> Any:
        response = get_response(request)
        if request.path.startswith("/devices/"):
            response.headers["Content-Security-Policy"] = POLICY
        return response

    return middleware


@pytest.fixture
def server(settings: Any, workspace: Workspace) -> Iterator[LiveServer]:
    middleware = list(django_project.MIDDLEWARE)
    middleware.insert(1, "django.middleware.locale.LocaleMiddleware")
    settings.MIDDLEWARE = [f"{__name__}.strict", *middleware]
    settings.ROOT_URLCONF, settings.LOGIN_URL = device_pages.__name__, "/login/"
    settings.LANGUAGES = [("en", "English"), ("de", "Deutsch")]
    settings.ALLOWED_HOSTS = ["localhost"]
    server = LiveServer("localhost")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def profile(server: LiveServer, browser: Browser, ann: User) -> Callable[..., Any]:
    """Return a function that opens the page in a new profile, signed in. Messages of the console are collected."""

    def profile(**options: Any) -> Any:
        context = browser.new_context(**{"locale": "en-US", "java_script_enabled": False, **options})
        page: Any = context.new_page()
        page.heard = []
        page.on("console", lambda message: page.heard.append(message.text))
        page.goto(f"{server.url}/login/?next=/devices/")
        page.locator("[name=username]").fill("ann")
        page.locator("[name=password]").fill(device_pages.PASSWORD)
        page.locator("[type=submit]").click()
        page.locator(".devices").wait_for()
        page.heard.clear()
        return page

    return profile


@pytest.fixture
def ann(transactional_db: None) -> User:
    return User.objects.create_user("ann", password=device_pages.PASSWORD)


def furnish(user: User) -> None:
    """Give the user a phone with a name, an ended session and an access token."""
    now, workspace = timezone.now(), Workspace.objects.get()
    phone = UserSession.objects.start(
        workspace,
        user,
        actor="test",
        at=now - timedelta(days=3),
        device=device_of(PHONE, "192.0.2.7"),
        amr=["pwd", "otp"],
    )
    phone.client.rename("Ann's phone", actor="test")
    Activity.objects.filter(session=phone).update(city="Linköping", country="SE")
    UserSession.objects.filter(pk=phone.pk).update(last_active_at=now - timedelta(hours=20))
    lost = UserSession.objects.start(
        workspace,
        user,
        actor="test",
        at=now - timedelta(days=9),
        device=device_of(device_pages.FIREFOX, "198.51.100.4"),
    )
    lost.revoke(actor="test")
    PersonalAccessToken.objects.issue(user, [workspace], name="Nightly backup", actor="test")


@pytest.mark.parametrize(
    ("locale", "rename", "name", "save", "sign_out", "language"),
    [
        ("en-US", "Rename", "Name of the device", "Save", "Sign out", "en"),
        ("de-DE", "Umbenennen", "Name des Geräts", "Speichern", "Abmelden", "de"),
    ],
)
@pytest.mark.parametrize("scripts", [False, True])
def test_a_user_names_a_device_and_signs_it_out(
    profile, server, scripts, locale, rename, name, save, sign_out, language
):
    options = {"locale": locale, "java_script_enabled": scripts, "viewport": {"width": 320, "height": 700}}
    here, there = profile(**options), profile(**options)
    here.reload()
    assert here.locator("html").get_attribute("lang") == language
    there_is = here.locator(".device").nth(1)
    there_is.locator("summary", has_text=rename).click()
    there_is.get_by_label(name).fill("The stolen laptop")
    there_is.get_by_role("button", name=save).click()
    here.get_by_role("heading", name="The stolen laptop").wait_for()

    with here.expect_navigation():  # the page before has a status too
        here.get_by_role("button", name=f"{sign_out} The stolen laptop").click()
    here.get_by_role("status").wait_for()
    there.reload()
    assert there.url == f"{server.url}/login/?next=/devices/"
    assert here.heard == []


def test_all_other_devices_are_signed_out_with_one_button(profile, server):
    here, others = profile(), [profile() for _ in range(2)]
    here.reload()
    here.get_by_role("button", name="Sign out all other devices").click()
    here.get_by_text("You are not signed in on any other device.").wait_for()
    for other in others:
        other.reload()
        assert other.url.startswith(f"{server.url}/login/")


def test_nothing_scrolls_sideways_on_the_smallest_screen(profile, ann):
    furnish(ann)
    page = profile(java_script_enabled=True, viewport={"width": 320, "height": 700})
    UserSession.objects.latest("created_at").client.rename("W" * 60, actor="test")
    page.reload()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.heard == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_no_fault(profile, ann, javascript, scheme, width):
    furnish(ann)
    page = profile(
        java_script_enabled=True, bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 900}
    )
    for summary in page.locator("summary").all():
        summary.click()
    page.add_script_tag(path=javascript / "node_modules" / "axe-core" / "axe.min.js")
    found = page.evaluate("axe.run()")
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
    assert len(found["passes"]) > 20
    back = page.evaluate("getComputedStyle(document.querySelector('.devices')).backgroundColor")
    assert back == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 18, 18)"}[scheme]


@pytest.mark.skipif("GATEPASS_SCREENSHOTS" not in os.environ, reason="GATEPASS_SCREENSHOTS is not set")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_screenshots(profile, ann, scheme, width):
    furnish(ann)
    page = profile(color_scheme=scheme, viewport={"width": width, "height": 900}, user_agent=device_pages.CHROME)
    folder = Path(os.environ["GATEPASS_SCREENSHOTS"])
    page.screenshot(path=folder / f"your-devices-{scheme}-{width}.png", full_page=True)
