"""Every page of the console in a real browser under a strict policy, and axe: two widths, light and dark.

GATEPASS_SCREENSHOTS is a folder for screenshots; ``python -m tests.screenshots`` sets it to docs/images.
"""

import os
from collections.abc import Callable, Iterator
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

from sessions_core.models import Workspace
from tests.browsers import chromium
from tests.console_walk import IPHONE, addresses, console_pages, everything
from tests.embedded import embedded, in_browser
from user_sessions.models import Definition, JwtTemplate, SigningKey, UserSession
from user_sessions.user_agents import device_of

pytestmark = [embedded, in_browser, pytest.mark.django_db(transaction=True)]

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'"
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")

# Views that Django draws, and those that are not pages.
STOCK = {"delete", "history", "export", "restore"}

# What Django draws inside these pages: the search box, the head of an inline's first column, autocomplete, and all of
# the page of a user except our section.
OF_DJANGO = ["#changelist-search", "th.original", ".select2-container"]
OURS = {"include": ["#content"], "exclude": OF_DJANGO}
OURS_OF_USER = {"include": [".field-gatepass_section"]}


def strict(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware with a policy that allows nothing inline."""

    def middleware(request: Any) -> Any:
        response = get_response(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return middleware


@pytest.fixture
def server(settings: Any) -> Iterator[LiveServer]:
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
    """Return the paths of the pages that we draw, and of those that have sections of ours."""
    user = get_user_model().objects.get(username="maria")
    found = [each for page in console_pages() for each in addresses(page, workspace)]
    own = [each.path for each in found if each.view not in STOCK and "sessions_devices" not in each.name]
    operator = Handler(SERVER_NAME="localhost")
    operator.force_login(get_user_model().objects.get(username="root"))
    return ["/admin/", f"/admin/auth/user/{user.pk}/change/", *(path for path in own if _is_page(operator, path))]


def _is_page(operator: Handler, path: str) -> bool:
    """Return False for a form that no operator has, such as one that would add an event."""
    return operator.get(path).status_code == 200


def test_no_page_violates_the_policy(console, workspace):
    everything(workspace)
    page = console()
    paths = own_pages(workspace)
    for path in paths:
        page.visit(path)
    assert page.heard == []
    assert len(paths) > 50


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_no_fault_of_ours(console, workspace, javascript, scheme, width):
    everything(workspace)
    page = console(bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 900})
    axe = (javascript / "node_modules" / "axe-core" / "axe.min.js").read_text()
    faults = {}
    for path in own_pages(workspace):
        page.visit(path)
        page.evaluate(axe)
        found = page.evaluate("context => axe.run(context)", OURS_OF_USER if "/auth/user/" in path else OURS)
        faults[path] = [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]]
    assert {path: found for path, found in faults.items() if found} == {}
