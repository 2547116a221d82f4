"""The console on a live server under a strict policy, and a browser to ask it. Import the fixtures by name."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from tests.browsers import chromium

__all__ = ["STRICT", "browser", "server"]

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'"

# The name of the middleware below.
STRICT = f"{__name__}.strict"


def strict(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware of a host with a policy that allows nothing inline."""

    def middleware(request: Any) -> Any:
        response = get_response(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return middleware


@pytest.fixture
def server(settings: Any, workspace: object) -> Iterator[LiveServer]:
    settings.MIDDLEWARE = [STRICT, *settings.MIDDLEWARE]
    settings.ALLOWED_HOSTS, settings.WHITENOISE_USE_FINDERS = ["localhost"], True
    server = LiveServer("localhost")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser
