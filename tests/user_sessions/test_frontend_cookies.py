"""The cookies of a browser, the token of an app, and the origin in a session token."""

from http.cookies import Morsel
from typing import Any

import pytest
from django.utils import timezone

from sessions_core.models import AllowedOrigin, Workspace
from tests.policies import set_user_session_policy
from tests.user_sessions.conftest import claims_of
from tests.user_sessions.pages import APP, HOST, Page, app, listing, ticket_for, token_of
from user_sessions.models import Client

pytestmark = pytest.mark.usefixtures("hosts")


@pytest.fixture
def client(client_of_u1):
    return client_of_u1


OURS = f"https://{HOST}"


def cookie_of(workspace: Workspace, user: Any, host: str, page: str, name: str) -> "Morsel[str]":
    AllowedOrigin.objects.create(workspace=workspace, origin=page)
    answer = Page(origin=page, host=host).use(ticket_for(workspace, user))
    assert answer.status_code == 200
    for morsel in answer.cookies.values():
        assert len(morsel.OutputString()) <= 4096
    morsel: Morsel[str] = answer.cookies[name]
    return morsel


@pytest.mark.promise("P21")
@pytest.mark.parametrize("page", [APP, "https://live.example.com", "https://shop.test", "https://example.com"])
def test_the_client_cookie_is_host_only_and_not_readable_by_scripts(live_workspace, u1, page):
    cookie = cookie_of(live_workspace, u1, "live.example.com", page, "__client")
    assert (cookie["domain"], cookie["path"], cookie["samesite"]) == ("", "/", "Lax")
    assert cookie["httponly"] and cookie["secure"]


PAGES = [APP, *(f"https://{host}" for host in ("example.com", "live.example.com", "a.b.live.example.com", "shop.test"))]


@pytest.mark.parametrize("page", PAGES)
def test_the_time_of_a_sign_in_is_set_for_the_whole_site(live_workspace, u1, page):
    cookie = cookie_of(live_workspace, u1, "live.example.com", page, "__client_uat")
    assert (cookie["domain"], cookie["path"], cookie["samesite"]) == ("example.com", "/", "Lax")
    assert cookie["secure"] and not cookie["httponly"]
    assert int(cookie.value) == int(Client.objects.get().updated_at.timestamp()) <= timezone.now().timestamp()


@pytest.mark.parametrize(("scheme", "secure"), [("https", True), ("http", "")])
def test_cookies_of_a_sandbox_without_tls_are_not_secure(workspace, u1, scheme, secure):
    set_user_session_policy(workspace, frontend_api=f"{scheme}://{HOST}")
    workspace.save()
    cookie = cookie_of(workspace, u1, HOST, APP, "__client")
    assert (cookie["secure"], cookie["httponly"]) == (secure, True)


def test_an_app_gets_its_token_in_a_header_and_a_page_in_a_cookie(workspace, u1, u2):
    listing(workspace)
    native, browser = app(), Page()
    by_app = native.send(
        "POST", "client/sign_ins?_is_native=1", {"strategy": "ticket", "ticket": ticket_for(workspace, u1)}
    )
    by_page = browser.use(ticket_for(workspace, u2))
    assert by_app.headers["Authorization"] and not by_app.cookies
    assert "Authorization" not in by_page.headers and by_page.cookies["__client"]


@pytest.mark.promise("P21")
def test_no_query_exposes_the_cookie_to_scripts(page):
    """The cookie stays HttpOnly in every mode that a page requests."""
    for query in ("?_is_native=1", "?_is_native=true"):
        for method, path in (("GET", "client"), ("POST", "client"), ("GET", "environment")):
            answer = Page(cookie=page.cookie).send(method, path + query)
            assert page.cookie not in (answer.headers.get("Authorization", ""), answer.content.decode())
            assert not answer.content or (answer.json().get("response") or {}).get("sessions", []) == []


@pytest.mark.promise("P21")
@pytest.mark.parametrize("path", ["client?_method=DELETE"])
def test_closing_a_client_deletes_its_cookie(page, path):
    gone = page.send("POST", path)
    assert (gone.cookies["__client"].value, gone.cookies["__client"]["max-age"]) == ("", 0)
    assert gone.cookies["__client_uat"].value == "0"


# azp


@pytest.mark.promise("P23")
def test_a_token_names_the_origin_of_the_calling_page(page, minting, client):
    def azp(**headers: str | None) -> str | None:
        return claims_of(page.send("POST", minting, **headers).json()["jwt"]).get("azp")

    assert azp() == APP
    assert azp(origin="http://localhost:3000") == "http://localhost:3000"
    assert azp(origin=OURS) == OURS
    assert azp(origin=None, sec_fetch_site="same-origin") == OURS
    token = app().send("POST", minting, authorization=token_of(client)).json()["jwt"]
    assert "azp" not in claims_of(token)


@pytest.mark.promise("P23")
def test_a_request_without_an_origin_gets_a_token_without_azp(page):
    def azp(**headers: str) -> str | None:
        (session,) = page.get("client", origin=None, **headers).json()["response"]["sessions"]
        return claims_of(session["last_active_token"]["jwt"]).get("azp")

    assert azp() is None
    assert azp(sec_fetch_site="same-origin") == OURS
    for site in ("cross-site", "same-site", "none", "x"):
        assert azp(sec_fetch_site=site, referer=APP) is None
