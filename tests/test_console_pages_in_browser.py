"""Every page of the console in a real browser under a strict policy, and axe: two widths, light and dark.

GATEPASS_SCREENSHOTS is a folder for screenshots; ``python -m tests.screenshots`` sets it to docs/images.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.test import Client as Handler
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from sessions_core.models import ApiKey, Workspace
from tests.console_walk import addresses, console_pages, everything
from tests.embedded import embedded, in_browser
from tests.strict_console import browser, server
from user_sessions.models import Definition, JwtTemplate, SigningKey, UserSession
from user_sessions.user_agents import device_of

__all__ = ["browser", "server"]  # fixtures

pytestmark = [embedded, in_browser, pytest.mark.django_db(transaction=True)]

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Mobile/15E148 Safari/604.1"
)
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")

# Views that Django draws, and those that are not pages.
STOCK = {"delete", "history", "export", "restore", "run", "stop", "download"}

# What Django draws inside these pages: the search box, the head of an inline's first column, autocomplete, and all of
# the page of a user except our section.
OF_DJANGO = ["#changelist-search", "th.original", ".select2-container"]
OURS = {"include": ["#content"], "exclude": OF_DJANGO}
OURS_OF_USER = {"include": [".field-gatepass_section"]}
WHOLE = {"include": ["html"]}

# Without the requests of axe for style sheets and media, which the policy blocks. They are for a rule about audio and
# video, and for one that is experimental and does not run.
AXE = {"preload": False, "resultTypes": ["violations"]}


@pytest.fixture
def console(server: LiveServer, browser: Browser) -> Callable[..., Any]:
    """Return a function that opens a page as a superuser. Its ``visit`` loads a path, ``heard`` has messages."""

    def console(**options: Any) -> Any:
        signed_in = Handler()
        signed_in.force_login(get_user_model().objects.create_superuser("root"))
        context = browser.new_context(locale="en-US", **options)
        context.add_cookies([{"name": "sessionid", "value": signed_in.cookies["sessionid"].value, "url": server.url}])
        page: Any = context.new_page()
        page.heard, page.visit = [], lambda path: page.goto(server.url + path)
        page.on("console", lambda message: page.heard.append((page.url, message.text)))
        page.on("pageerror", lambda error: page.heard.append((page.url, str(error))))
        return page

    return console


def own_pages(workspace: Workspace) -> list[str]:
    """Return the paths of the pages that we draw, and of those that have sections of ours. The first is the landing
    page, which has nothing of Django."""
    user = get_user_model().objects.get(username="maria")
    found = [each for page in console_pages() for each in addresses(page, workspace)]
    own = [each.path for each in found if each.view not in STOCK and "sessions_devices" not in each.name]
    operator = Handler(SERVER_NAME="localhost")
    operator.force_login(get_user_model().objects.get(username="root"))
    return ["/", "/admin/", f"/admin/auth/user/{user.pk}/change/", *(path for path in own if _is_page(operator, path))]


def _is_page(operator: Handler, path: str) -> bool:
    """Return False for a form that no operator has, such as one that would add an event."""
    return operator.get(path).status_code == 200


@pytest.mark.parametrize(("scheme", "width"), list(zip(SCHEMES, WIDTHS, strict=True)))
def test_no_page_violates_the_policy_and_axe_finds_no_fault_of_ours(console, workspace, javascript, scheme, width):
    everything(workspace)
    page = console(color_scheme=scheme, viewport={"width": width, "height": 900})
    axe = (javascript / "node_modules" / "axe-core" / "axe.min.js").read_text()
    faults = {}
    paths = own_pages(workspace)
    for path in paths:
        page.visit(path)
        page.evaluate(axe)
        ours = WHOLE if path == "/" else OURS_OF_USER if "/auth/user/" in path else OURS
        found = page.evaluate("([context, options]) => axe.run(context, options)", [ours, AXE])
        faults[path] = [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]]
    assert page.heard == []
    assert {path: found for path, found in faults.items() if found} == {}
    assert len(paths) > 50


def furnish(workspace: Workspace) -> UserSession:
    """Make a shop with a stolen phone. Return its session."""
    now, users = timezone.now(), get_user_model().objects
    names = ("anna", "ben", "chloe", "david", "emma", "felix", "grace", "henry", "maria")
    for n, name in enumerate(names):
        user = users.create_user(name, email=f"{name}@shop.example")
        for m in range(2):
            at = now - timedelta(minutes=7 * n + 3, hours=26 * m)
            device = device_of(PHONE if m else DESKTOP, f"192.0.2.{17 + 5 * n + m}")
            session = UserSession.objects.start(workspace, user, actor="server", at=at, device=device)
            if n % 3 == 1:
                session.revoke(actor="operator:1", at=now - timedelta(minutes=2), reason="lost laptop")
    claims = {"customer": "{{user.id}}", "mail": "{{user.primary_email_address}}", "tier": "{{user.tier}}"}
    JwtTemplate.objects.define(workspace, Definition(name="billing", claims=claims), actor="server")
    SigningKey.objects.current(workspace, at=now - timedelta(days=80))
    SigningKey.objects.rotate(workspace, actor="operator:1", at=now - timedelta(minutes=4))
    session.revoke(actor="operator:1", at=now, reason="stolen phone")
    for name in ("shop", "import"):
        key, _text = ApiKey.objects.issue(workspace, name=name, actor="operator:1")
    key.roll(overlap=timedelta(days=7), actor="operator:1", reason="found in a log")
    return session


@pytest.mark.skipif("GATEPASS_SCREENSHOTS" not in os.environ, reason="GATEPASS_SCREENSHOTS is not set")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_screenshots(console, workspace, scheme, width):
    page = console(color_scheme=scheme, viewport={"width": width, "height": 900})
    phone, template = furnish(workspace), JwtTemplate.objects.get
    pictures = {
        "sessions": "/admin/user_sessions/usersession/",
        "session": f"/admin/user_sessions/usersession/{quote(phone.pk)}/change/",
        "template": f"/admin/user_sessions/jwttemplate/{quote(template().pk)}/change/",
        "bulk-revoke": "/admin/user_sessions/usersession/bulk_revoke/?status_now=live&created=24h",
        "api-keys": "/admin/sessions_core/apikey/",
        "signing-keys": f"/admin/user_sessions/signingkey/time_line/{workspace.pk}/",
    }
    for name, path in pictures.items():
        page.visit(path)
        if name == "template":
            page.locator("[name=_preview]").click()
            page.locator("[name=claims]").scroll_into_view_if_needed()
        page.screenshot(path=Path(os.environ["GATEPASS_SCREENSHOTS"]) / f"console-{name}-{scheme}-{width}.png")
