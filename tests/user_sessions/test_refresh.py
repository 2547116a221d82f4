"""Refreshing an expired session token for an app's server."""

from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.db import connections
from django.utils import timezone

from sessions_core.models import Event, WebhookEndpoint, WebhookMessage
from tests.policies import set_user_session_policy
from tests.user_sessions.conftest import claims_of, minted
from tests.user_sessions.test_signals import ARGUMENTS
from user_sessions.clerk.cookies import publishable_key
from user_sessions.clerk.errors import CATALOGUE
from user_sessions.models import SigningKey, UserSession
from user_sessions.models.refreshing import REUSE_GRACE
from user_sessions.models.signing_keys import private_key
from user_sessions.signals import token_reused
from user_sessions.tokens.cookie_names import cookie_suffix
from user_sessions.tokens.refresh_tokens import refresh_token
from user_sessions.tokens.session_tokens import session_token

ORIGIN = "http://localhost:3000"


@pytest.fixture
def expired(workspace, session):
    """Return a token of the session that expired a minute ago."""
    return token_of(session, at=timezone.now() - timedelta(minutes=2), authorized_party=ORIGIN)


def token_of(session: UserSession, **how: Any) -> str:
    row = UserSession.objects.in_workspace(session.workspace).for_minting(at=timezone.now()).get(pk=session.pk)
    return session_token(row, **how)


@pytest.fixture
def refresh(backend, session, expired):
    """Return a function that requests a refresh like an SDK, with the given changes."""

    id, good_refresh_token = session.pk, refresh_token(session)

    def refresh(id: str = id, query: str = "", caller: Any = backend, **body: Any) -> Any:
        good = {
            "expired_token": expired,
            "refresh_token": good_refresh_token,
            "request_origin": ORIGIN,
            "request_headers": {"accept": ["text/html"]},
            "request_originating_ip": "127.0.0.1",
        }
        return caller.request("POST", f"v1/sessions/{id}/refresh", good | body, query=query)

    return refresh


@pytest.mark.wire("C130")
def test_refresh_returns_a_new_token_for_the_same_session_and_origin(refresh, expired, session):
    response = refresh(format="token")
    assert response.status_code == 200
    claims = claims_of(response.json()["jwt"])
    assert (claims["sid"], claims["azp"]) == (session.pk, ORIGIN)
    assert claims["exp"] > timezone.now().timestamp() > claims_of(expired)["exp"]


@pytest.mark.wire("C131")
def test_refresh_returns_the_token_as_cookies(refresh, workspace, session):
    answer = refresh(format="cookie", query="?suffixed_cookies=true").json()
    suffix = cookie_suffix(publishable_key(workspace))
    plain, suffixed = answer["cookies"]
    assert answer["object"] == "cookies"
    assert plain.startswith("__session=ey") and suffixed.startswith(f"__session_{suffix}=ey")
    assert plain.endswith("; Path=/; Max-Age=31536000; SameSite=Lax; Secure")
    assert len(suffix) == 8
    assert plain.partition("=")[2] == suffixed.partition("=")[2]


@pytest.mark.wire("C131")
def test_without_a_suffix_there_is_one_cookie(refresh):
    assert len(refresh(format="cookie").json()["cookies"]) == 1


def without(claim: str, session: UserSession) -> str:
    """Return a signed token without a claim."""
    kid = SigningKey.objects.get().kid
    key, algorithm = private_key(kid)
    claims = claims_of(token_of(session, at=timezone.now(), authorized_party=ORIGIN))
    del claims[claim]
    return jwt.encode(claims, key, algorithm, {"kid": kid, "cat": "cl_B7d4PD111AAA"})


def is_refused(response: Any, code: str) -> bool:
    assert CATALOGUE[code][0] == 401
    return (response.status_code, response.error) == (401, code)


@pytest.mark.parametrize("origin", ["localhost", "http://localhost:3000/", "null", "ftp://x", "http://a@b", "a" * 255])
def test_an_invalid_origin_is_refused(refresh, origin):
    assert is_refused(refresh(request_origin=origin), "refresh_request_origin_invalid")


@pytest.mark.wire("C132")
def test_refresh_refuses_another_session_in_the_path(refresh, workspace, u1):
    other = UserSession.objects.start(workspace, u1, actor="test")
    assert is_refused(refresh(other.pk), "refresh_sid_mismatch")


@pytest.mark.wire("C132")
def test_refresh_refuses_another_origin(refresh):
    assert is_refused(refresh(request_origin="http://localhost:3001"), "refresh_request_origin_azp_mismatch")


@pytest.mark.wire("C132")
def test_refresh_refuses_another_refresh_token(refresh, workspace, u1, expired):
    other = refresh_token(UserSession.objects.start(workspace, u1, actor="test"))
    for token in (other, "rt_x", "x", f"{other}x"):
        assert is_refused(refresh(refresh_token=token), "refresh_token_not_found")
    assert refresh().status_code == 200


@pytest.mark.wire("C132")
@pytest.mark.parametrize("verb", ["revoke", "end", "remove", "replace"])
def test_refresh_refuses_a_session_that_is_over(refresh, session, verb):
    getattr(session, verb)(actor="test")
    assert is_refused(refresh(), "session_refresh_inactive_session")


@pytest.mark.wire("C132")
def test_refresh_accepts_the_same_token_only_once(refresh):
    assert refresh().status_code == 200
    assert is_refused(refresh(), "session_refresh_expired_session_token_consumed")


@pytest.mark.wire("C187")
def test_an_inactive_user_is_refused(refresh, u1):
    type(u1).objects.update(is_active=False)
    assert is_refused(refresh(), "session_refresh_user_not_found")


def test_a_deleted_session_is_refused(refresh, session):
    session.delete()
    assert is_refused(refresh(), "session_refresh_session_not_found")


@pytest.mark.wire("C187")
def test_a_token_without_an_origin_cannot_be_refreshed(refresh, backend, session):
    assert is_refused(refresh(expired_token=minted(backend, session.pk)), "expired_session_token_missing_azp")


@pytest.mark.wire("C187")
def test_a_token_of_last_week_cannot_be_refreshed(refresh, session):
    old = token_of(session, at=timezone.now() - timedelta(days=1, seconds=5), authorized_party=ORIGIN)
    assert is_refused(refresh(expired_token=old), "session_refresh_expired_session_token_too_old")


@pytest.mark.parametrize(
    ("claim", "code"),
    [
        ("sid", "expired_session_token_missing_sid"),
        ("iat", "session_refresh_expired_session_token_missing_iat"),
        ("sub", "expired_session_token_invalid"),
    ],
)
def test_a_token_that_lacks_a_claim_is_refused(refresh, session, claim, code):
    assert is_refused(refresh(expired_token=without(claim, session)), code)


@pytest.mark.wire("C187")
def test_a_token_of_another_kind_is_refused(refresh, backend, session):
    backend.post("v1/jwt_templates", name="t1", claims={})
    token = minted(backend, session.pk, template="t1")
    assert is_refused(refresh(expired_token=token), "session_refresh_session_token_ineligible")


@pytest.mark.wire("C187")
def test_a_token_of_another_workspace_is_refused(refresh, expired, foreign_backend):
    for token in (expired[:-8] + "AAAAAAAA", "x", f"{expired}="):
        assert is_refused(refresh(expired_token=token), "expired_session_token_invalid")
    assert is_refused(refresh(caller=foreign_backend), "expired_session_token_invalid")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"expired_token": None}, "form_param_nil"),
        ({"expired_token": 5}, "form_param_type_invalid"),
        ({"refresh_token": None}, "form_param_nil"),
        ({"request_origin": None}, "form_param_nil"),
        ({"format": "xml"}, "form_param_value_invalid"),
        ({"expired_token": "x" * 20_000}, "form_param_value_invalid"),
    ],
)
def test_an_invalid_refresh_request_is_refused(refresh, body, code):
    response = refresh(**body)
    assert (response.status_code, response.error) == (422, code)


# Reuse


@pytest.fixture
def strict(workspace):
    """Let the workspace revoke a session whose token is refreshed twice."""
    set_user_session_policy(workspace, reuse_policy="revoke")


def refreshed(session: UserSession, *, before: timedelta = timedelta(0), origin: str = ORIGIN) -> None:
    """Refresh a token of the session that was issued just now, some time ago."""
    now = timezone.now()
    assert session.consume(now, origin=origin, at=now - before)


def ends(session: UserSession) -> list[str]:
    happened = Event.objects.filter(subject=session.pk, actor="system:token_reused").order_by("id")
    return [event.type for event in happened]


@pytest.mark.usefixtures("strict")
def test_a_token_refreshed_twice_can_revoke_the_session(refresh, session, workspace):
    WebhookEndpoint.objects.add(workspace, "https://example.com/hooks", actor="test")
    refreshed(session, before=REUSE_GRACE)
    assert is_refused(refresh(), "session_refresh_expired_session_token_consumed")
    row = UserSession.objects.get(pk=session.pk)
    assert (row.status, row.close_reason) == ("revoked", "token_reused")
    assert ends(session) == ["user_session.revoked", "user_session.token_reused"]
    sent = WebhookMessage.objects.order_by("event_id").values_list("type", flat=True)
    assert list(sent) == ["session.revoked", "session.token_reused"]


@pytest.mark.usefixtures("strict")
def test_after_the_revocation_a_refresh_is_refused_as_for_any_session(refresh, session):
    refreshed(session, before=REUSE_GRACE)
    refresh()
    assert is_refused(refresh(), "session_refresh_inactive_session")
    assert len(ends(session)) == 2


@pytest.mark.usefixtures("strict")
def test_requests_that_a_browser_sends_together_revoke_nothing(refresh, session):
    assert refresh().status_code == 200
    assert is_refused(refresh(), "session_refresh_expired_session_token_consumed")
    assert session.status == "active"
    assert UserSession.objects.get(pk=session.pk).status == "active"


@pytest.mark.usefixtures("strict")
def test_a_refresh_for_another_origin_does_not_count_as_a_copy(refresh, session):
    refreshed(session, before=REUSE_GRACE, origin="https://shop.example.com")
    assert is_refused(refresh(), "session_refresh_expired_session_token_consumed")
    assert UserSession.objects.get(pk=session.pk).status == "active"


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("wrong", [{"refresh_token": "x"}, {"expired_token": "x"}, {"request_origin": "http://x"}])
def test_a_refresh_without_both_tokens_revokes_nothing(refresh, session, wrong):
    refreshed(session, before=REUSE_GRACE)
    assert refresh(**wrong).status_code == 401
    assert UserSession.objects.get(pk=session.pk).status == "active"


def test_by_default_a_token_refreshed_twice_is_only_refused(refresh, session):
    refreshed(session, before=REUSE_GRACE)
    assert is_refused(refresh(), "session_refresh_expired_session_token_consumed")
    assert UserSession.objects.get(pk=session.pk).status == "active"
    assert ends(session) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("strict")
def test_the_revocation_stays_with_atomic_requests_and_is_announced(refresh, session, monkeypatch):
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    heard: list[dict[str, Any]] = []

    def receiver(**arguments: Any) -> None:
        heard.append(arguments)

    refreshed(session, before=REUSE_GRACE)
    token_reused.connect(receiver)
    try:
        assert is_refused(refresh(), "session_refresh_expired_session_token_consumed")
    finally:
        token_reused.disconnect(receiver)
    assert UserSession.objects.get(pk=session.pk).status == "revoked"
    (got,) = heard
    assert (got["session_id"], got["origin"]) == (session.pk, ORIGIN)
    assert set(got) - {"signal", "sender"} == ARGUMENTS["token_reused"]
