"""Two browsers log in on a page of a Django project; one is revoked through the API."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from sessions_core.models import Workspace
from tests.browsers import chromium
from tests.embedded import embedded, in_browser
from tests.user_sessions import django_project
from user_sessions.models import UserSession

pytestmark = [embedded, in_browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery staple"


@pytest.fixture(params=["db", "signed_cookies"])
def server(request: Any, settings: Any, workspace: Workspace) -> Iterator[LiveServer]:
    """Serve the project. ``live_server`` would serve every module with the middleware of the first."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    settings.ROOT_URLCONF = django_project.__name__
    settings.MIDDLEWARE = django_project.MIDDLEWARE
    settings.ALLOWED_HOSTS = ["localhost", "testserver"]
    server = LiveServer("localhost")
    yield server
    server.stop()


@pytest.fixture
def pages() -> Iterator[list[Any]]:
    """Yield a page in each of two browser profiles, which share no cookies."""
    with chromium() as browser:
        yield [browser.new_context(locale="en-US").new_page() for _ in range(2)]


def log_in(page: Any, server: LiveServer) -> None:
    page.goto(f"{server.url}/login/?next=/account/")
    page.get_by_label("Username").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Account of ann").wait_for()


def click_on(page: Any) -> None:
    with page.expect_navigation():
        page.get_by_role("link", name="Reload").click()


def test_the_next_click_of_a_revoked_browser_lands_on_the_login_page(server, pages, backend):
    User.objects.create_user("ann", password=PASSWORD)
    stolen, other = pages
    for page in pages:
        log_in(page, server)
    session = UserSession.objects.earliest("created_at")
    response = backend.post(f"v1/sessions/{session.pk}/revoke")
    assert (response.status_code, response.json()["status"]) == (200, "revoked")

    for page in pages:
        click_on(page)
    assert stolen.url == f"{server.url}/login/?next=/account/"
    assert stolen.get_by_label("Password").is_visible()
    assert other.get_by_role("heading", name="Account of ann").is_visible()

    log_in(stolen, server)
    assert UserSession.objects.count() == 3
