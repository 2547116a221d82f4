"""Clerk's JavaScript SDK, unmodified, verifies our tokens and authenticates requests."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone

from tests.embedded import sdk
from user_sessions.clerk.cookies import publishable_key
from user_sessions.models import Definition, JwtTemplate, SigningKey, UserSession
from user_sessions.tokens.cookie_names import cookie_suffix
from user_sessions.tokens.refresh_tokens import refresh_token
from user_sessions.tokens.session_tokens import session_token, template_token
from user_sessions.users import user_id

# What an SDK sends and reads is the same on every database, so once is enough.
pytestmark = [sdk, pytest.mark.django_db(transaction=True)]

ORIGIN = "http://localhost:3000"
APP = "https://app.example.com/"
CONSUMED = "session_refresh_expired_session_token_consumed"


def minted(session, *, ago=timedelta(), **options):
    at = timezone.now() - ago
    return session_token(UserSession.objects.for_minting(at=at).get(pk=session.pk), at=at, **options)


@pytest.fixture
def verify(javascript_sdk):
    """Return a function that calls ``verifyToken``: the claims, or the reason of a refusal."""
    return lambda token, **options: javascript_sdk("verify", tries=[{"token": token, "options": options}])[0]


@pytest.fixture
def authenticate(javascript_sdk):
    """Return a function that calls ``authenticateRequest`` with these headers."""

    def authenticate(headers, *, keys=None, **options):
        tries = [{"headers": headers, "options": options}]
        return javascript_sdk("authenticate", url=APP, tries=tries, **keys or {})[0]

    return authenticate


def bearing(token):
    """Return the headers of a request by a script."""
    return {"authorization": f"Bearer {token}", "accept": "application/json"}


def showing(**cookies):
    """Return the headers of a browser that opens a page."""
    return {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()), "accept": "text/html"}


def issued_at(token):
    return jwt.decode(token, options={"verify_signature": False})["iat"]


@pytest.mark.wire("C85")
def test_the_javascript_sdk_verifies_a_token_by_key_set_and_by_pem(verify, session, api_key):
    token = minted(session)
    public = jwt.PyJWK(SigningKey.objects.get().public_jwk).key
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    claims = verify(token, secretKey=api_key)
    assert claims == verify(token, jwtKey=pem)
    assert (claims["sub"], claims["sid"], claims["v"]) == (user_id(session.user_id), session.pk, 2)


def test_another_workspace_cannot_verify_it(verify, session, elsewhere, foreign_api_key):
    SigningKey.objects.current(elsewhere)
    assert verify(minted(session), secretKey=foreign_api_key) == "jwk-kid-mismatch"


@pytest.mark.wire("C87")
def test_a_session_token_signs_a_request_in(authenticate, session):
    answer = authenticate(bearing(minted(session)))
    assert (answer["status"], answer["reason"]) == ("signed-in", None)
    assert (answer["userId"], answer["sessionId"]) == (user_id(session.user_id), session.pk)
    assert (answer["sessionStatus"], answer["actor"]) == ("active", None)


@pytest.mark.wire("C87")
def test_a_template_token_does_not_sign_a_request_in(authenticate, workspace, session):
    template = JwtTemplate.objects.define(workspace, Definition(name="t1", claims={"a": 1}), actor="test")
    now = timezone.now()
    token = template_token(UserSession.objects.for_minting(at=now).get(), template, at=now)
    answer = authenticate(bearing(token))
    assert (answer["status"], answer["reason"], answer["userId"]) == ("signed-out", "token-type-mismatch", None)


@pytest.mark.wire("C46")
def test_the_javascript_sdk_reads_the_actor_of_an_impersonation(authenticate, workspace, u1):
    actor = {"sub": "user_0", "note": {"deep": [1]}}
    impersonation = UserSession.objects.start(workspace, u1, actor="test", impersonator=actor)
    assert authenticate(bearing(minted(impersonation)))["actor"] == actor


@pytest.mark.wire("C88")
def test_a_token_without_an_origin_has_no_authorized_party(javascript_sdk, verify, api_key, session):
    token = javascript_sdk("mint", session=session.pk)["session"]
    reason = verify(token, secretKey=api_key, authorizedParties=[ORIGIN])
    assert reason == "token-invalid-authorized-parties"


@pytest.mark.wire("C88")
def test_an_authorized_party_accepts_tokens_of_its_own_origin(authenticate, session):
    def answer(**options):
        answer = authenticate(bearing(minted(session, **options)), authorizedParties=[ORIGIN])
        return answer["status"], answer["reason"]

    assert answer() == ("signed-out", "token-invalid-authorized-parties")
    assert answer(authorized_party=ORIGIN) == ("signed-in", None)
    assert answer(authorized_party="https://evil.example.com") == ("signed-out", "token-invalid-authorized-parties")


@pytest.mark.wire("C89")
def test_a_token_has_expired_66_seconds_after_minting(verify, authenticate, api_key, session):
    token = minted(session, ago=timedelta(seconds=66))
    assert verify(token, secretKey=api_key) == "token-expired"
    answer = authenticate(bearing(token))
    assert answer["status"] == "signed-out" and answer["reason"].startswith("session-token-expired")


@pytest.mark.wire("C90")
def test_the_javascript_sdk_treats_a_pending_session_as_signed_out(verify, authenticate, api_key, session):
    session.require("setup-mfa", actor="test")
    token = minted(session)
    assert verify(token, secretKey=api_key)["sts"] == "pending"
    answer = authenticate(bearing(token))
    assert (answer["userId"], answer["sessionStatus"]) == (None, "pending")


@pytest.fixture
def live(live_workspace, key_of, u1):
    """Return a session of a live workspace, and the keys of its app's server."""
    session = UserSession.objects.start(live_workspace, u1, actor="test")
    return session, {"api_key": key_of(live_workspace), "publishable_key": publishable_key(live_workspace)}


@pytest.mark.wire("C91")
def test_cookies_sign_a_page_in(authenticate, live):
    session, keys = live
    token = minted(session)
    answer = authenticate(showing(__session=token, __client_uat=issued_at(token)), keys=keys)
    assert keys["publishable_key"].startswith("pk_live_")
    assert (answer["status"], answer["userId"], answer["sessionId"]) == (
        "signed-in",
        user_id(session.user_id),
        session.pk,
    )


@pytest.mark.wire("C91")
def test_a_page_without_client_uat_is_sent_to_the_handshake(authenticate, live):
    session, keys = live
    answer = authenticate(showing(__session=minted(session)), keys=keys)
    assert (answer["status"], answer["reason"]) == ("handshake", "session-token-but-no-client-uat")
    url = urlsplit(answer["location"])
    assert (url.scheme, url.netloc, url.path) == ("https", "live.example.com", "/v1/client/handshake")
    assert parse_qs(url.query)["redirect_url"] == [APP]


def test_cookies_of_another_issuer_sign_no_one_in(authenticate, live, session):
    """The host of ``iss`` must be the one in the publishable key."""
    _, keys = live
    token = minted(session)
    answer = authenticate(showing(__session=token, __client_uat=issued_at(token)), keys=keys)
    assert answer["userId"] is None and answer["status"] != "signed-in"


def test_an_expired_cookie_is_refreshed_without_a_redirect(authenticate, live):
    session, keys = live
    token = minted(session, ago=timedelta(seconds=66), authorized_party=APP.rstrip("/"))
    suffix = cookie_suffix(keys["publishable_key"])
    cookies = {"__session": token, "__client_uat": issued_at(token), f"__refresh_{suffix}": refresh_token(session)}
    answer = authenticate(showing(**cookies), keys=keys)
    assert (answer["status"], answer["sessionId"]) == ("signed-in", session.pk)
    fresh = dict(cookie.partition(";")[0].split("=", 1) for cookie in answer["cookies"])
    assert issued_at(fresh["__session"]) > issued_at(token)
    again = authenticate(showing(**cookies), keys=keys)
    assert (again["status"], again["reason"]) == ("handshake", f"session-token-expired-refresh-{CONSUMED}")
