"""Which origins can call the Frontend API, and the cache headers of responses."""

import re
from typing import Any

import pytest

from tests.dump import dump
from tests.user_sessions.pages import APP, FORM, HOST, Page, app, listing, signed_in_client, ticket_for, token_of
from user_sessions.clerk.frontend.frontend_routes import ROUTES
from user_sessions.models import UserSession

pytestmark = pytest.mark.usefixtures("hosts")


@pytest.fixture
def client(client_of_u1):
    return client_of_u1


OURS = f"https://{HOST}"

HOSTILE = [
    *(
        "null",
        "NULL",
        "undefined",
        "*",
        "https://*",
        "https://*.example.com",
        "file://",
        "about:blank",
        "chrome-extension://x",
    ),
    *("https://evil.example.com", "https://app.example.com.evil.example.com", "https://evil-app.example.com"),
    *("https://example.com", "https://sub.app.example.com", "https://app.example.co", "https://app.example.comm"),
    *(
        "http://app.example.com",
        "ws://app.example.com",
        "ftp://app.example.com",
        "//app.example.com",
        "app.example.com",
    ),
    *(
        "https://app.example.com:443",
        "https://app.example.com:8443",
        "https://app.example.com:80",
        "https://app.example.com:",
    ),
    *("https://APP.example.com", "HTTPS://app.example.com", "https://app.example.com.", "https://app.example.com/"),
    *(
        "https://app.example.com/x",
        "https://app.example.com?x",
        "https://app.example.com#x",
        "https://app.example.com\\",
    ),
    *("https://user@app.example.com", "https://app.example.com@evil.example.com", "https://:@app.example.com"),
    *(
        "https://app.example.com%00",
        "https://app.example.com%0d%0a",
        "https://app%2eexample.com",
        "https://ａpp.example.com",
    ),
    *(
        "https://аpp.example.com",
        "https://app.example.com\xa0",
        "https://app.example.com é",
        "https://app.example.com\x00",
    ),
    *(
        "https://app.example.com\x7f",
        "https://app.example.com\t",
        "https://app.example.com;",
        "https://app.example.com'--",
    ),
    *(
        "http://localhost.evil.example.com",
        "http://localhost:1@evil.example.com",
        "http://localhost:123456",
        "http://localhost/",
    ),
    *(
        "http://127.0.0.1.evil.example.com",
        "http://127.1",
        "http://[::1",
        "http://0.0.0.0",
        "http://[::ffff:127.0.0.1]",
    ),
    *(
        "http://here.example.com",
        "https://here.example.com:443",
        "https://here.example.com.",
        "https://elsewhere.example.com",
    ),
    *("https://" + "a" * 300 + ".example.com", "x" * 10_000, "https://app.example.com https://app.example.com"),
]
LISTS = [f"{APP}, {APP}", f"{APP},https://evil.example.com", f"https://evil.example.com, {APP}", ",", f"{APP},"]


def latin(text: str) -> str:
    """Decode as a WSGI server does with bytes beyond ASCII."""
    return text.encode().decode("latin-1")


def allowed(response: Any) -> str | None:
    assert "Origin" in response.headers["Vary"]
    return response.headers.get("Access-Control-Allow-Origin")


# Origins


@pytest.mark.promise("P22")
@pytest.mark.parametrize("origin", [*HOSTILE, *LISTS])
def test_an_unlisted_origin_reads_and_changes_nothing(page, origin):
    before, code = dump(), "multiple_origin_header_values_forbidden" if "," in origin else "origin_invalid"
    for method, path in (
        ("GET", "client"),
        ("GET", "me"),
        ("POST", "client/sessions?_method=DELETE"),
        ("POST", "client"),
    ):
        response = page.send(method, path, origin=latin(origin))
        assert (response.status_code, response.error) == (400, code)
        assert allowed(response) is None and "set-cookie" not in response.headers
    asked = page.send("OPTIONS", "client", origin=latin(origin), access_control_request_method="POST")
    assert (asked.status_code, asked.content, allowed(asked)) == (204, b"", None)
    assert dump() == before


@pytest.mark.promise("P22")
@pytest.mark.parametrize("origin", ["null", "https://evil.example.com", "https://APP.example.com", f"{APP},{APP}"])
def test_no_query_and_no_header_admits_an_unlisted_origin(page, client, origin):
    """The browser sends the cookie with every request; neither a query nor a header makes it a native app."""
    before = dump()
    for headers in ({}, {"authorization": "Bearer"}, {"authorization": "x"}, {"authorization": token_of(client)}):
        for query in ("&_is_native=1", "&_is_native=true", "&_clerk_js_version=5"):
            site = {"sec_fetch_site": "same-origin", "x_forwarded_host": "app.example.com", "referer": APP}
            refused = page.send("POST", f"client/sessions?_method=DELETE{query}", origin=origin, **headers, **site)
            assert 400 <= refused.status_code < 500 and allowed(refused) is None
    assert dump() == before


@pytest.mark.promise("P20")
def test_a_change_by_cookie_needs_an_origin(page, client):
    before = dump()
    for route in ROUTES:
        path = re.sub("<str:session_id>", str(client.last_active_session_id), route.path)
        for method in {"POST", "PUT", "PATCH", "DELETE"} & set(route.actions):
            refused = page.send(method, path.replace("<anything:rest>", "x"), origin=None)
            assert (refused.status_code, refused.error) == (400, "origin_missing")
    for site in ("cross-site", "same-site", "none", "", "same-origin, cross-site", "Same-Origin"):
        assert page.send("POST", "client", origin=None, sec_fetch_site=site).error == "origin_missing"
    for headers in ({"referer": f"{APP}/"}, {"host": HOST, "x_requested_with": "XMLHttpRequest"}, {"x_origin": APP}):
        assert page.send("POST", "client", origin=None, **headers).error == "origin_missing"
    assert dump() == before


@pytest.mark.promise("P20")
def test_an_unlisted_origin_cannot_sign_a_user_in(workspace, u1):
    """Login CSRF: a form on another site posts an attacker's ticket."""
    listing(workspace)
    ticket = ticket_for(workspace, u1)
    for query in ("", "?_is_native=1"):
        for origin in ("https://evil.example.com", "null", None):
            answer = Page().send(
                "POST", f"client/sign_ins{query}", {"strategy": "ticket", "ticket": ticket}, origin=origin
            )
            assert "__client" not in answer.cookies
            if origin:
                assert answer.error == "origin_invalid" and not UserSession.objects.exists()


@pytest.mark.parametrize(
    ("type", "body", "status"),
    [
        (FORM, b"organization_id=", 200),
        (f"{FORM}; charset=utf-8", b"organization_id=", 200),
        ("application/json", b"{}", 200),
        (FORM, b"", 200),
        ("text/plain", b"organization_id=", 415),
        ("text/plain;application/json", b"{}", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("text/html", b"x", 415),
    ],
)
def test_content_types_by_origins(page, minting, type, body, status):
    """The content type does not protect against CSRF; the origin does."""
    for origin, expected in ((APP, status), ("https://evil.example.com", 400), ("null", 400), (None, 400)):
        response = page.send("POST", minting, body, type=type, origin=origin)
        assert response.status_code == expected
        assert allowed(response) == (APP if origin == APP else None)


def test_a_listed_origin_can_read_errors_too(page, minting):
    for path, status in ((minting, 200), ("client/sessions/x/touch", 404), ("client/sessions/x", 405)):
        response = page.send("POST", path)
        assert (response.status_code, allowed(response)) == (status, APP)
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
    for signed_out in (Page().get("me"), Page(cookie="x").get("me")):
        assert (signed_out.status_code, allowed(signed_out)) == (401, APP)


def test_a_preflight_lets_the_methods_and_headers_through_that_sdks_use(page):
    asked = page.send("OPTIONS", "client/sessions/x/tokens", access_control_request_method="POST")
    assert (asked.status_code, allowed(asked)) == (204, APP)
    assert {"GET", "POST", "DELETE"} <= set(asked.headers["Access-Control-Allow-Methods"].split(", "))
    assert "Authorization" in asked.headers["Access-Control-Expose-Headers"]
    assert "set-cookie" not in asked.headers


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "http://127.0.0.1:8080", "https://localhost", "http://[::1]:1"]
)
def test_loopback_origins_are_allowed_in_a_sandbox_only(workspace, live_workspace, origin):
    assert Page(origin=origin).get("client").status_code == 200
    for method in ("GET", "POST"):
        refused = Page(origin=origin, host="live.example.com").send(method, "client")
        assert (refused.status_code, refused.error) == (400, "origin_invalid")


@pytest.mark.promise("P22")
def test_the_origins_are_those_of_the_workspace_at_the_host(workspace, elsewhere, u1):
    listing(workspace)
    assert Page().get("client").status_code == 200
    assert Page(host="elsewhere.example.com").get("client").error == "origin_invalid"
    theirs = token_of(signed_in_client(elsewhere, u1))
    assert Page(cookie=theirs, host="elsewhere.example.com").post("client").error == "origin_invalid"


@pytest.mark.parametrize(
    "host", ["here.example.com:444", "here.example.com.", "evil.example.com", "a@here.example.com", ""]
)
def test_an_unknown_host_is_refused(page, host):
    refused = page.get("client", host=host, x_forwarded_host=HOST)
    assert refused.status_code == 400
    forwarded = page.get("client", x_forwarded_host="elsewhere.example.com", forwarded="host=elsewhere.example.com")
    assert forwarded.json()["response"]["object"] == "client"


# Headers of every response


@pytest.mark.promise("P24")
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_no_response_is_cached_or_sniffed(page, client, route):
    path = re.sub(r"<str:session_id>", str(client.last_active_session_id), route.path).replace("<anything:rest>", "x")
    callers = [page, Page(), Page(cookie="x"), app(), Page(origin="null"), Page(host="testserver")]
    for caller in callers:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"):
            answer = caller.send(method, f"{path}?redirect_url={APP}")
            assert answer.headers["Cache-Control"] == "private, no-store"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "Origin" in answer.headers["Vary"]
            is_json = not answer.content or answer.headers["Content-Type"] == "application/json"
            assert is_json or answer.status_code in (303, 307)
