"""Redirects go only to listed origins and to the sign-in page."""

from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import jwt
import pytest

from tests.dump import dump
from tests.policies import set_user_session_policy
from tests.user_sessions.pages import APP, Page, handshake, ticket_for
from user_sessions.models import Ticket

pytestmark = pytest.mark.usefixtures("hosts")


HOSTILE = [
    *(
        "",
        "//evil.example.com",
        "///evil.example.com",
        "/\\evil.example.com",
        "\\\\evil.example.com",
        "https:evil.example.com",
    ),
    *(
        "/",
        "/dashboard",
        "dashboard",
        "?x",
        "#x",
        ".",
        "app.example.com",
        "//app.example.com/",
        "https:///app.example.com",
    ),
    *(
        "javascript:alert(1)",
        "JavaScript://app.example.com/%0Aalert(1)",
        "data:text/html,x",
        "blob:https://app.example.com/x",
    ),
    *(
        "ftp://app.example.com",
        "file:///etc/passwd",
        "about:blank",
        "https",
        "https:",
        "https://",
        "http://app.example.com/",
    ),
    *(
        "https://evil.example.com",
        "https://app.example.com.evil.example.com",
        "https://evil-app.example.com",
        "https://example.com",
    ),
    *("https://app.example.com@evil.example.com", "https://user@app.example.com", "https://user:pw@app.example.com/"),
    *(
        "https://app.example.com:443/",
        "https://app.example.com:8443",
        "https://app.example.com:",
        "https://app.example.com:@x",
    ),
    *(
        "https://app.example.com:0x1bb/",
        "https://app.example.com:443@evil.example.com",
        "https://app.example.com:999999",
    ),
    *(
        "https://app.example.com\\@evil.example.com",
        "https://app.example.com\\.evil.example.com",
        "https:\\\\app.example.com",
    ),
    *(
        "https://evil.example.com/https://app.example.com",
        "https://evil.example.com?https://app.example.com/",
        "https://evil#@app.example.com",
    ),
    *(
        "https://app.example.com./",
        "https://app%2Eexample.com",
        "https://app.example.com%2F@evil.example.com",
        "https://app.example.com%00",
    ),
    *(
        "https://app.example.com/\r\nSet-Cookie: x=y",
        "https://app.example.com/\nx",
        "https://app.example.com/\x00",
        "https://app.example.com/\t",
    ),
    *(
        " https://app.example.com/",
        "https://app.example.com/ ",
        "https://app.example.com /",
        "\thttps://app.example.com",
        "\x01https://app.example.com",
    ),
    *(
        "https://app。example.com",
        "https://аpp.example.com",
        "https://app.example.com/\u2028",
        "https://ａpp.example.com",
        "https://app.example.com/é",
    ),
    *(
        "https://[::1]",
        "https://127.1",
        "https://0x7f000001",
        "http://localhost.evil.example.com",
        "http://localhost@evil.example.com",
    ),
    *(
        "http://[::ffff:127.0.0.1]/",
        "http://localhost:123456",
        "http://127.0.0.1.evil.example.com/",
        "https://*",
        "null",
    ),
    *("https://app.example.com/\x85", "https://app.example.com/\ufeff", "x" * 10_000),
]


@pytest.mark.parametrize("url", HOSTILE)
def test_a_browser_is_redirected_to_listed_origins_only(redirected, url):
    for path in ("handshake", "touch"):
        for sent in (quote(url, safe=""), quote(url, safe="/:?=&@\\")):
            response = redirected.get(f"client/{path}?redirect_url={sent}")
            if url == "https://[::1]" and response.status_code == 307:
                continue  # a sandbox allows loopback origins
            assert (response.status_code, response.error) == (400, "invalid_handshake")
            assert "Location" not in response.headers and "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "query",
    ["", "redirect_url=", f"redirect_url={APP}&redirect_url={APP}", "Redirect_Url=" + APP, "redirect_url[]=" + APP],
)
def test_the_redirect_url_must_be_given_once(redirected, query):
    for path in ("handshake", "touch"):
        assert redirected.get(f"client/{path}?{query}").error == "invalid_handshake"


@pytest.mark.parametrize(
    "url",
    [
        *(
            f"{APP}",
            f"{APP}/",
            f"{APP}/a/b?x=1&x=2&y#z",
            f"{APP}?next=https://evil.example.com",
            f"{APP}//evil.example.com",
        ),
        *(
            f"{APP}/%0D%0ASet-Cookie:x=y",
            f"{APP}#//evil.example.com",
            f"{APP}/@evil.example.com",
            "HTTPS://APP.example.com/",
        ),
        *("https://here.example.com/", "http://localhost:3000/x", "http://127.0.0.1/"),
    ],
)
def test_the_redirect_url_is_kept_unchanged(redirected, url):
    touched = redirected.get(f"client/touch?redirect_url={quote(url, safe='')}")
    assert (touched.status_code, touched.headers["Location"]) == (307, url)
    response = handshake(redirected, url)
    there, asked = urlsplit(response.headers["Location"]), urlsplit(url)
    assert (there.scheme, there.netloc, there.path, there.fragment) == (
        asked.scheme,
        asked.netloc,
        asked.path,
        asked.fragment,
    )
    added = [
        (name, value) for name, value in parse_qsl(there.query, keep_blank_values=True) if name != "__clerk_handshake"
    ]
    assert added == parse_qsl(asked.query, keep_blank_values=True)
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "private, no-store"


@pytest.mark.wire("C182")
def test_a_ticket_is_passed_to_the_sign_in_page_and_not_used(workspace, u1):
    set_user_session_policy(workspace, sign_in_url="https://app.example.com/sign-in?__clerk_ticket=theirs&a=b")
    workspace.save()
    ticket = ticket_for(workspace, u1)
    before = dump()
    query = f"ticket={ticket}&redirect_url=https://evil.example.com&sign_in_url=https://evil.example.com"
    for _ in range(2):
        response = Page(origin=None).get(f"tickets/accept?{query}")
        there = urlsplit(response.headers["Location"])
        assert (response.status_code, there.netloc, there.path) == (303, "app.example.com", "/sign-in")
        assert parse_qs(there.query) == {"a": ["b"], "__clerk_ticket": [ticket], "__clerk_status": ["sign_in"]}
        assert not response.cookies
    assert dump() == before


@pytest.mark.parametrize(
    ("sign_in_url", "sent_to"),
    [
        ("https://app.example.com/日本?x=é#ü", "https://app.example.com/%E6%97%A5%E6%9C%AC?x=%C3%A9&{}#%C3%BC"),
        (
            "https://app.example.com/se%20connecter?a=%C3%A9&b=%26",
            "https://app.example.com/se%20connecter?a=%C3%A9&b=%26&{}",
        ),
        ("https://app.example.com/#/sign-in?x=1", "https://app.example.com/?{}#/sign-in?x=1"),
        ("https://app.example.com", "https://app.example.com?{}"),
    ],
)
def test_the_sign_in_url_may_contain_any_letters(workspace, u1, sign_in_url, sent_to):
    set_user_session_policy(workspace, sign_in_url=sign_in_url)
    workspace.save()
    ticket = ticket_for(workspace, u1)
    response = Page(origin=None).get(f"tickets/accept?ticket={ticket}")
    assert response.headers["Location"] == sent_to.format(f"__clerk_ticket={ticket}&__clerk_status=sign_in")


@pytest.mark.wire("C183")
def test_an_invalid_ticket_is_not_redirected(workspace, elsewhere, u1):
    set_user_session_policy(workspace, sign_in_url="https://app.example.com/sign-in")
    workspace.save()
    good, used, foreign = ticket_for(workspace, u1), ticket_for(workspace, u1), ticket_for(elsewhere, u1)
    assert Page(origin="https://here.example.com").use(used).status_code == 200
    revoked = ticket_for(workspace, u1)
    Ticket.objects.in_bulk()[jwt.decode(revoked, options={"verify_signature": False})["sid"]].revoke(actor="test")
    codes = {
        used: "sign_in_token_already_used_code",
        revoked: "sign_in_token_revoked_code",
        foreign: "ticket_invalid_code",
        good[:-1]: "ticket_invalid_code",
        "": "ticket_invalid_code",
        f"{good}&ticket={good}": "ticket_invalid_code",
    }
    for text, code in codes.items():
        response = Page(origin=None).get(f"tickets/accept?ticket={text}")
        assert (response.status_code, response.error) == (400, code)
        assert "Location" not in response.headers


def test_a_live_workspace_does_not_redirect_to_loopback_hosts(live_workspace):
    visitor = Page(origin=None, host="live.example.com")
    for url in ("http://localhost:3000/", "http://127.0.0.1/", APP, "https://here.example.com"):
        assert handshake(visitor, url).error == "invalid_handshake"
