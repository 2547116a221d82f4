"""An app and the frontend API on hosts of one domain: the cookies that the app's server receives."""

from datetime import timedelta
from email.message import Message
from http.cookiejar import CookieJar
from http.cookies import SimpleCookie
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import Request

import jwt
import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from sessions_core.models import AllowedOrigin
from tests.browsers import chromium
from tests.embedded import embedded, in_browser
from tests.policies import address_of, set_user_session_policy
from tests.user_sessions.frontend import Frontend
from tests.user_sessions.test_browser import LOAD, PASSWORD, SIGN_IN, SIGN_OUT, app_of
from user_sessions.clerk.cookies import publishable_key
from user_sessions.clerk.handshakes import Handshake
from user_sessions.models import Client
from user_sessions.tokens.cookie_names import cookie_suffix

pytestmark = pytest.mark.usefixtures("hosts")

HOST = "live.example.com"

PAGES = pytest.mark.parametrize("page", ["https://app.example.com", "https://example.com", f"https://{HOST}"])


class Visitor(Frontend):
    """A browser at a page of an app, with a real cookie jar."""

    def __init__(self, page: str) -> None:
        super().__init__(host=HOST, origin=page)
        self.page = page
        self.jar = CookieJar()

    def request(self, method: str, path: str, query: str = "", **form: str) -> Any:
        self.client.cookies.clear()
        response = self._send(method, path, query, form, cookie="; ".join(self.cookies_for(f"https://{HOST}")))
        self._keep(f"https://{HOST}", [morsel.OutputString() for morsel in response.cookies.values()])
        return response

    def goes_through_a_handshake(self, *, suffixed: bool) -> None:
        """Go through a handshake, and set the cookies that it returns."""
        response = self.get(
            "v1/client/handshake", f"?redirect_url={quote(self.page)}/&suffixed_cookies={str(suffixed).lower()}"
        )
        assert (response.status_code, response.headers["Location"]) == (307, f"{self.page}/")
        (token,) = self._values("__clerk_handshake")
        self._keep(self.page, jwt.decode(token, options={"verify_signature": False})["handshake"])
        assert self._values("__clerk_handshake") == []

    def received(self, *names: str) -> list[str]:
        """Return every ``__client_uat`` that the app's server receives under each of its names."""
        return [value for name in names for value in self._values(name)]

    def cookies_for(self, url: str) -> list[str]:
        request = Request(f"{url}/")
        self.jar.add_cookie_header(request)
        return [each for each in (request.get_header("Cookie") or "").split("; ") if each]

    def _values(self, name: str) -> list[str]:
        pairs = (each.partition("=") for each in self.cookies_for(self.page))
        return [value for given, _, value in pairs if given == name]

    def _keep(self, url: str, directives: list[str]) -> None:
        headers = Message()
        for directive in directives:
            headers["Set-Cookie"] = directive
        self.jar.extract_cookies(SimpleNamespace(info=lambda: headers), Request(f"{url}/"))  # type: ignore[arg-type]


@pytest.fixture
def names(live_workspace) -> tuple[str, str]:
    return "__client_uat", f"__client_uat_{cookie_suffix(publishable_key(live_workspace))}"


@pytest.fixture
def visitor(live_workspace, page) -> Visitor:
    AllowedOrigin.objects.create(workspace=live_workspace, origin=page)
    return Visitor(page)


@PAGES
@pytest.mark.parametrize("suffixed", [True, False])
def test_an_app_server_never_gets_two_client_uat_values(visitor, names, u1, u2, suffixed):
    for user in (u1, u2):
        since = str(int(visitor.sign_in(user).created_at.timestamp()))
        assert visitor.received(*names) == [since, since]
        visitor.goes_through_a_handshake(suffixed=suffixed)
        assert visitor.received(*names) == [since, since]
        visitor.post("v1/client/sessions", "?_method=DELETE")
        assert visitor.received(*names) == ["0", "0"]
        visitor.goes_through_a_handshake(suffixed=suffixed)
        assert visitor.received(*names) == ["0", "0"]


@PAGES
@pytest.mark.parametrize("suffixed", [True, False])
@pytest.mark.parametrize("is_signed_in", [True, False])
def test_a_handshake_and_the_frontend_api_set_client_uat_for_one_domain(
    visitor, live_workspace, u1, page, suffixed, is_signed_in
):
    session = visitor.sign_in(u1)
    received = visitor.get("v1/client").cookies
    handshake = Handshake(session_id=session.pk if is_signed_in else "", origin=page, dev_browser="", suffixed=suffixed)
    directives = handshake.directives(live_workspace, at=timezone.now())
    brought = SimpleCookie()
    for directive in directives:
        brought.load(directive)
    domains = {name: cookie["domain"] for name, cookie in brought.items() if name.startswith("__client_uat")}
    assert len(domains) == 1 + suffixed
    assert domains == {name: received[name]["domain"] for name in domains}
    alone = [cookie["domain"] for name, cookie in brought.items() if name.startswith(("__session", "__refresh"))]
    assert set(alone) == {""}, "what opens something is for the app's host alone"


@PAGES
def test_a_browser_with_an_invalid_client_gets_client_uat_0(visitor, names, u1):
    visitor.sign_in(u1)
    Client.objects.get().renew(at=timezone.now() - timedelta(minutes=1))  # this browser did not receive the new token
    assert "0" not in visitor.received(*names)
    assert not visitor.get("v1/client", "?_is_native=1").cookies
    assert visitor.client_json() is None
    assert visitor.received(*names) == ["0", "0"]
    assert not visitor.get("v1/client").cookies, "once is enough"


@PAGES
def test_a_browser_that_never_signed_in_gets_no_cookie(visitor):
    assert visitor.client_json() is None
    assert list(visitor.jar) == []


@embedded
@in_browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_sandbox", [True, False], ids=["pk_test", "pk_live"])
def test_an_app_server_sees_sign_out_and_sign_in_in_a_real_browser(
    live_server, workspace, browser_sdk, javascript, api_key, settings, is_sandbox
):
    settings.ALLOWED_HOSTS = [".localhost", "127.0.0.1", "localhost"]
    # Browsers look for hosts below ``localhost`` on this machine, and trust them as if they had TLS.
    set_user_session_policy(workspace, frontend_api=f"http://clerk.gatepass.localhost:{urlsplit(live_server.url).port}")
    workspace.is_sandbox = is_sandbox
    workspace.save()
    for username in ("jane_doe", "john_roe"):
        get_user_model().objects.create_user(username, password=PASSWORD)
    there = {"host": "app.gatepass.localhost", "backend_api": live_server.url}
    with app_of(workspace, api_key, **there) as app, chromium() as browser:
        AllowedOrigin.objects.create(workspace=workspace, origin=app)
        page = browser.new_page()

        def in_sdk(script: str, argument: Any = None) -> Any:
            keys = [publishable_key(workspace), address_of(workspace)]
            page.evaluate("(keys) => { [window.__clerk_publishable_key, window.__clerk_proxy_url] = keys }", keys)
            page.add_script_tag(url=f"{address_of(workspace)}/browser_sdk/clerk.browser.js")
            page.evaluate(LOAD)
            return page.evaluate(script, argument)

        def seen_after_a_handshake() -> str:
            query = f"redirect_url={quote(app)}/&suffixed_cookies=true"
            page.goto(f"{address_of(workspace)}/v1/client/handshake?{query}")
            received = [each["name"] for each in page.context.cookies(app) if each["name"].startswith("__client_uat")]
            assert len(received) == len(set(received)) == 2
            return seen()

        def seen() -> str:
            """Return the user that the app's API sees, without a redirect."""
            status: str = page.evaluate("() => fetch('/').then((answer) => answer.json())")["status"]
            return status

        page.goto(app)
        for username in ("jane_doe", "john_roe"):
            in_sdk(SIGN_IN, [username, PASSWORD])
            assert (seen(), seen_after_a_handshake()) == ("signed-in", "signed-in")
            in_sdk(SIGN_OUT)
            assert (seen(), seen_after_a_handshake()) == ("signed-out", "signed-out")
