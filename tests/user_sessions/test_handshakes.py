"""The handshake redirects to listed origins only, once, with the current state of the session."""

from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import jwt
import pytest
from django.utils import timezone

from sessions_core.models import AllowedOrigin
from tests.callers import Caller
from tests.dump import dump
from tests.user_sessions.pages import APP, Page, handshake, signed_in_client, token_of
from user_sessions.clerk.handshakes import NONCE_LIFETIME, Handshake
from user_sessions.models import JwtTemplate, SigningKey, UserSession, UserSessionPolicy
from user_sessions.models.nonces import SpentNonce
from user_sessions.tokens.client_tokens import client_token
from user_sessions.tokens.handshake_tokens import handshake_nonce
from user_sessions.tokens.refresh_tokens import is_refresh_token_of
from user_sessions.verify import KeySet, TokenRejected, Verifier

pytestmark = pytest.mark.usefixtures("hosts")


@pytest.fixture
def client(client_of_u1):
    return client_of_u1


def query_value(response: Any, name: str) -> str:
    """Return a value that the browser brings to the app's server."""
    assert response.status_code == 307
    (value,) = parse_qs(urlsplit(response.headers["Location"]).query)[name]
    return value


def cookies_of(directives: list[str]) -> dict[str, str]:
    return {name: morsel.value for each in directives for name, morsel in SimpleCookie(each).items()}


def cookies_in(token: str) -> dict[str, str]:
    return cookies_of(jwt.decode(token, options={"verify_signature": False})["handshake"])


def redeem(backend: Caller, nonce: str) -> Any:
    return backend.get("v1/clients/handshake_payload", f"?nonce={quote(nonce)}")


# Content


def test_handshake_parameters_in_the_url_are_replaced(redirected):
    url = f"{APP}/?__clerk_handshake=theirs&__clerk_handshake_nonce=theirs"
    assert cookies_in(query_value(handshake(redirected, url), "__clerk_handshake"))["__session"]
    assert query_value(handshake(redirected, url, format="nonce"), "__clerk_handshake_nonce") != "theirs"


def test_a_handshake_contains_the_signed_in_user(redirected, client, workspace):
    cookies = cookies_in(query_value(handshake(redirected), "__clerk_handshake"))
    claims = jwt.decode(cookies["__session"], options={"verify_signature": False})
    (refresh,) = (value for name, value in cookies.items() if name.startswith("__refresh_"))
    session = UserSession.objects.select_related("client").get()
    assert (claims["sid"], claims["azp"], claims["iss"]) == (session.pk, APP, UserSessionPolicy.of(workspace).issuer)
    assert int(cookies["__client_uat"]) <= claims["iat"]
    assert is_refresh_token_of(session, refresh)
    assert cookies["__clerk_db_jwt"].startswith("dvb_")


def test_a_handshake_with_a_stale_token_is_retried_once(redirected, client):
    client.renew(at=timezone.now())
    page, newer = Page(cookie=redirected.cookie, origin=None), Page(cookie=token_of(client), origin=None)
    first = handshake(page, f"{APP}/a?b=c&d=%C3%A9")
    assert first.status_code == 307 and not first.cookies
    again = first.headers["Location"].removeprefix("/v1/")
    assert cookies_in(query_value(newer.get(again), "__clerk_handshake"))["__session"]
    lost = page.get(again)
    assert lost.headers["Location"].startswith(f"{APP}/a?b=c&d=%C3%A9")
    assert cookies_in(query_value(lost, "__clerk_handshake"))["__session"] == ""


@pytest.mark.parametrize("cookie", [None, "", "x"])
def test_a_handshake_of_a_visitor_deletes_every_cookie(client, cookie):
    cookies = cookies_in(query_value(handshake(Page(cookie=cookie, origin=None)), "__clerk_handshake"))
    assert cookies.pop("__clerk_db_jwt")
    assert cookies.pop("__client_uat") == "0"
    assert set(cookies.values()) == {""} and "__session" in cookies


def test_the_url_does_not_decide_who_is_signed_in(redirected, client, workspace, u2, elsewhere):
    """The cookies of the app's server in the URL are not credentials."""
    other = signed_in_client(workspace, u2)
    visitor = Page(origin=None)
    for name in ("__session", "__client", "__client_uat", "Authorization", "session_id", "client_id"):
        response = handshake(visitor, **{name: token_of(other)})
        assert cookies_in(query_value(response, "__clerk_handshake"))["__session"] == ""


def test_an_invalid_dev_browser_id_is_replaced(redirected):
    for given in ("x", "dvb_x;Domain=evil", "dvb_" + "1" * 28, "dvb_%0D%0A" + "1" * 25):
        cookies = cookies_in(query_value(handshake(redirected, __clerk_db_jwt=given), "__clerk_handshake"))
        assert cookies["__clerk_db_jwt"] != given and len(cookies["__clerk_db_jwt"]) == 31
    known = "dvb_" + "1" * 27
    assert (
        cookies_in(query_value(handshake(redirected, __clerk_db_jwt=known), "__clerk_handshake"))["__clerk_db_jwt"]
        == known
    )


def test_a_handshake_changes_nothing(redirected, client, workspace):
    SigningKey.objects.current(workspace)
    before = dump()
    handshake(redirected), handshake(redirected, format="nonce"), redirected.get(f"client/touch?redirect_url={APP}")
    assert dump() == before


# The token


def test_a_handshake_is_no_credential(redirected, client, workspace, backend):
    token = query_value(handshake(redirected), "__clerk_handshake")
    nonce = query_value(handshake(redirected, format="nonce"), "__clerk_handshake_nonce")
    keys = KeySet.from_jwks({"keys": [SigningKey.objects.get().public_jwk]})
    for text in (token, nonce):
        with pytest.raises(TokenRejected):
            Verifier(issuer=UserSessionPolicy.of(workspace).issuer, keys=keys).verify(text)
        assert Page(cookie=text).signed_in() == []
        assert Page(origin=None, authorization=text).get("me").status_code == 401
        assert Page(origin=None).use(text).status_code == 400
        assert Page().use(text).error == "ticket_invalid_code"
        verified = backend.post(f"v1/sessions/{UserSession.objects.get().pk}/verify", token=text)
        assert verified.error == "invalid_session_token"
    assert redeem(backend, token).error == "invalid_handshake"
    assert redeem(backend, client_token(client)).error == "invalid_handshake"


# The nonce


@pytest.fixture
def nonce(redirected) -> str:
    return query_value(handshake(redirected, format="nonce"), "__clerk_handshake_nonce")


def test_a_nonce_works_once(backend, nonce):
    assert cookies_of(redeem(backend, nonce).json()["directives"])["__session"]
    again = redeem(backend, nonce)
    assert (again.status_code, again.error) == (400, "invalid_handshake")


def test_a_nonce_of_another_workspace_is_invalid_and_not_used(backend, foreign_backend, nonce):
    assert redeem(foreign_backend, nonce).error == "invalid_handshake"
    assert redeem(backend, nonce).status_code == 200


def test_an_expired_or_forged_nonce_is_invalid(backend, workspace, client, nonce):
    now = timezone.now()
    facts = Handshake(session_id=str(client.last_active_session_id), origin=APP, dev_browser="", suffixed=False)
    head, body, signature = nonce.split(".")
    texts = [
        facts.nonce(workspace, at=now - NONCE_LIFETIME),
        handshake_nonce({"workspace": str(workspace.pk)}, expire_at=now - timedelta(days=1)),
        f"{head}.{body}.{signature[:-2]}AA",
        f"{head}.{body}.",
        f"{nonce}=",
        nonce.upper(),
        "x",
        "%00",
        "x" * 20_000,
    ]
    for text in texts:
        refused = redeem(backend, text)
        assert refused.status_code in (400, 422) and refused.error in ("invalid_handshake", "form_param_value_invalid")
    assert not SpentNonce.objects.exists()
    assert backend.get("v1/clients/handshake_payload").error == "missing_query_parameter"
    assert redeem(backend, nonce).status_code == 200


def test_used_nonces_are_deleted_after_their_expiry(backend, nonce):
    SpentNonce.objects.create(id="old", expire_at=timezone.now() - timedelta(seconds=1))
    redeem(backend, nonce)
    assert [spent.pk == "old" for spent in SpentNonce.objects.all()] == [False]


@pytest.mark.parametrize("verb", ["revoke", "end", "remove"])
def test_a_session_that_ended_during_the_handshake_is_signed_out(backend, client, nonce, verb):
    getattr(UserSession.objects.get(), verb)(actor="test")
    cookies = cookies_of(redeem(backend, nonce).json()["directives"])
    assert (cookies["__session"], cookies["__client_uat"]) == ("", "0")


def test_a_user_deactivated_during_the_handshake_is_signed_out(backend, client, nonce, u1):
    u1.is_active = False
    u1.save()
    assert cookies_of(redeem(backend, nonce).json()["directives"])["__session"] == ""


def test_a_handshake_with_a_token_too_large_reports_signed_out(
    redirected, client, workspace, backend, nonce, caplog, settings
):
    settings.USER_SESSIONS = {"USER_PROFILE": "tests.user_sessions.profiles.talkative_profile"}
    JwtTemplate.objects.customise_session_tokens(workspace, {"x": "{{user.public_metadata}}"}, actor="test")
    at_once = cookies_in(query_value(handshake(redirected), "__clerk_handshake"))
    by_nonce = cookies_of(redeem(backend, nonce).json()["directives"])
    for cookies in (at_once, by_nonce):
        assert (cookies["__session"], cookies["__client_uat"]) == ("", "0"), "or the server would ask again"
    logged = [record.getMessage() for record in caplog.records if record.name == "user_sessions.clerk.handshakes"]
    assert len(logged) == 2
    for line in logged:
        assert str(client.last_active_session_id) in line
        assert "yyyyyyyyyyyy" not in line and "\n" not in line


# In a live workspace


@pytest.mark.parametrize(
    ("page", "domain"),
    [
        ("https://app.example.com", "example.com"),
        ("https://live.example.com", ""),
        ("https://example.com", "example.com"),
    ],
)
@pytest.mark.parametrize(("format", "name"), [("nonce", "__clerk_handshake_nonce"), ("token", "__clerk_handshake")])
def test_a_live_workspace_sends_the_handshake_in_a_cookie(live_workspace, u1, page, domain, format, name):
    AllowedOrigin.objects.create(workspace=live_workspace, origin=page)
    client = signed_in_client(live_workspace, u1)
    response = handshake(
        Page(cookie=token_of(client), origin=None, host="live.example.com"), f"{page}/x", format=format
    )
    assert (response.status_code, response.headers["Location"]) == (307, f"{page}/x")
    cookie = response.cookies[name]
    assert (cookie["domain"], cookie["path"], cookie["samesite"]) == (domain, "/", "Lax")
    assert cookie["secure"] and cookie["httponly"] and cookie["max-age"] <= 60
    assert len(cookie.OutputString()) <= 4096


def test_on_another_site_the_handshake_is_a_nonce_in_the_url(live_workspace, u1):
    AllowedOrigin.objects.create(workspace=live_workspace, origin="https://shop.test")
    client = signed_in_client(live_workspace, u1)
    redirected = Page(cookie=token_of(client), origin=None, host="live.example.com")
    response = handshake(redirected, "https://shop.test/", format="nonce")
    assert query_value(response, "__clerk_handshake_nonce") and not response.cookies
