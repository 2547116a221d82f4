"""Credentials of browsers are neither stored nor in error reports."""

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from django.contrib.auth.signals import user_logged_in
from django.test import Client as Handler

from tests.dump import dump
from tests.user_sessions.forgeries import parts_of
from tests.user_sessions.pages import APP, FORM, HOST, HOSTS, Page, app, handshake, listing, ticket_for
from user_sessions.clerk.handshakes import Handshake
from user_sessions.models import Client, Ticket, UserSession
from user_sessions.tokens.client_tokens import read_client_token
from user_sessions.tokens.handshake_tokens import read_handshake_nonce
from user_sessions.tokens.refresh_tokens import is_refresh_token_of
from user_sessions.tokens.ticket_tokens import read_ticket_token

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def hosts(settings):
    settings.ALLOWED_HOSTS = HOSTS


def query_of(response: Any, name: str) -> str:
    (value,) = parse_qs(urlsplit(response.headers["Location"]).query)[name]
    return value


def used(workspace: Any, u1: Any, u2: Any, backend: Any) -> dict[str, str]:
    """Return every credential that the sign-in flows issue, by kind."""
    listing(workspace)
    u1.set_password(PASSWORD)
    u1.save()
    page, native, ticket = Page(), app(), ticket_for(workspace, u2)
    page.post("client")
    secrets = {"password": PASSWORD, "ticket": ticket, "visitor": str(page.cookie)}
    answer = page.post("client/sign_ins", strategy="password", identifier="u1", password=PASSWORD)
    session = answer.json()["response"]["created_session_id"]
    secrets |= {"client": str(page.cookie)}
    page.use(ticket)
    secrets |= {"switched": str(page.cookie)}
    unused = ticket_for(workspace, u1)
    signed_in = native.send("POST", "client/sign_ins?_is_native=1", {"strategy": "ticket", "ticket": unused})
    secrets |= {"second ticket": unused, "app": signed_in.headers["Authorization"]}
    page.post(f"client/sessions/{session}/verify", level="first_factor")
    done = page.post(f"client/sessions/{session}/verify/attempt_first_factor", strategy="password", password=PASSWORD)
    assert done.json()["response"]["status"] == "complete"
    secrets |= {"reverified": str(page.cookie)}
    secrets |= {"session token": page.post(f"client/sessions/{session}/tokens").json()["jwt"]}
    browser = Page(cookie=page.cookie, origin=None)
    secrets |= {"handshake": query_of(handshake(browser), "__clerk_handshake")}
    secrets |= {"nonce": query_of(handshake(browser, format="nonce"), "__clerk_handshake_nonce")}
    redeemed = handshake(browser, format="nonce")
    secrets |= {"spent nonce": query_of(redeemed, "__clerk_handshake_nonce")}
    directives = backend.get("v1/clients/handshake_payload", f"?nonce={secrets['spent nonce']}").json()["directives"]
    (refresh,) = (each.partition("=")[2].partition(";")[0] for each in directives if each.startswith("__refresh"))
    secrets |= {"refresh token": refresh, "never used": ticket_for(workspace, u1)}
    assert len(set(secrets.values())) == len(secrets) and all(secrets.values())
    return secrets


@pytest.mark.promise("P1")
def test_no_browser_credential_is_stored(workspace, u1, u2, backend):
    secrets, everything = used(workspace, u1, u2, backend), "\n".join(dump())
    assert Client.objects.first().pk in everything and Ticket.objects.first().pk in everything
    for kind, text in secrets.items():
        signature = text.split(".")[2] if text.count(".") == 2 else text
        for form in (text, signature, text.encode().hex(), base64.b64encode(text.encode()).decode()):
            assert form not in everything, kind


@pytest.mark.promise("P1")
def test_no_string_of_a_dump_is_a_credential_of_a_browser(workspace, u1, u2, backend):
    used(workspace, u1, u2, backend)
    candidates = [text for text in dump() if len(text) >= 10 and text.isascii() and text.isprintable()]
    assert {Client.objects.first().rotation, UserSession.objects.first().pk} <= set(candidates)
    sessions = list(UserSession.objects.select_related("client"))
    for text in candidates:
        assert read_client_token(text) is read_handshake_nonce(text) is read_ticket_token(text, workspace) is None, text
        assert not any(is_refresh_token_of(session, text) for session in sessions)
    rotation = Client.objects.first().rotation
    assert app().get("me", authorization=rotation).status_code == 401
    assert Page(cookie=rotation).get("me").status_code == 401
    assert Page().use(Ticket.objects.first().pk).error == "ticket_invalid_code"


@pytest.mark.promise("P4")
def test_repr_and_str_show_only_ids(workspace, u1):
    listing(workspace)
    page = Page()
    page.use(ticket_for(workspace, u1))
    client, session = Client.objects.get(), UserSession.objects.get()
    handshake = Handshake(session_id=session.pk, origin=APP, dev_browser="", suffixed=False)
    shown = "".join(f"{each!r} {each}" for each in (client, session, Ticket.objects.get(), handshake))
    assert parts_of(str(page.cookie))[1]["rotating_token"] not in shown


@pytest.mark.promise("P5")
def test_a_client_token_is_only_in_its_cookie_or_header(workspace, u1):
    """No response body contains it; tokens in bodies are for other services."""
    listing(workspace)
    page = Page()
    answers = [page.post("client"), page.use(ticket_for(workspace, u1)), page.get("client"), page.get("me")]
    for answer in answers:
        assert "rotating" not in answer.content.decode() and str(page.cookie) not in answer.content.decode()
    session = answers[1].json()["client"]["sessions"][0]
    assert "cat" in jwt.get_unverified_header(session["last_active_token"]["jwt"])


@pytest.fixture
def broken():
    """Connect a receiver of the host that fails."""

    def fail(**_: Any) -> None:
        raise RuntimeError("the host's receiver is broken")

    user_logged_in.connect(fail)
    yield
    user_logged_in.disconnect(fail)


@pytest.mark.promise("P7")
@pytest.mark.parametrize("strategy", ["password", "ticket"])
def test_no_error_report_quotes_sign_in_credentials(workspace, u1, broken, reports, strategy):
    u1.set_password(PASSWORD)
    u1.save()
    listing(workspace)
    ticket, secret = ticket_for(workspace, u1), Page()
    secret.post("client")
    form = {"strategy": "password", "identifier": "u1", "password": PASSWORD}
    body = form if strategy == "password" else {"strategy": "ticket", "ticket": ticket}
    headers = {"host": HOST, "origin": APP, "cookie": f"__client={secret.cookie}"}
    handler = Handler(raise_request_exception=False, headers=headers)
    answer = handler.post("/v1/client/sign_ins", "&".join(f"{n}={v}" for n, v in body.items()), content_type=FORM)
    assert answer.status_code == 500
    (report,) = reports
    assert "RuntimeError" in report
    for text in (PASSWORD, ticket.rpartition(".")[2], str(secret.cookie)):
        assert text not in report
        assert text not in answer.content.decode()
