"""Every live session of a client has an attached session token, which is signed once and reused for a while."""

from datetime import timedelta

import jwt
import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from tests.policies import set_user_session_policy
from tests.user_sessions.conftest import claims_of
from user_sessions.models import Epoch, JwtTemplate, SigningKey, UserSession
from user_sessions.tokens.attached_tokens import attached_token

NOW = timezone.now()


def second(number):
    return NOW + timedelta(seconds=number)


@pytest.fixture
def read(session):
    """Return a function that reads the session as the API does and returns its attached token."""

    def read(at, page=None):
        (row,) = UserSession.on_client(session.client, at=at)
        return attached_token(row, at=at, authorized_party=page)

    return read


@pytest.mark.wire("C181")
def test_every_live_session_of_a_client_has_a_token(browser):
    users = [get_user_model().objects.create_user(name) for name in ("ann", "bob", "cat")]
    ann, *others = [browser.sign_in(user) for user in users]
    ann.end(actor="test")
    tokens = {shown["id"]: shown["last_active_token"] for shown in browser.client_json()["sessions"]}
    assert tokens.pop(ann.pk) is None
    assert {id: claims_of(token["jwt"])["sid"] for id, token in tokens.items()} == {s.pk: s.pk for s in others}


def test_a_token_is_reused_for_half_its_lifetime(read):
    first = read(second(0))
    assert read(second(20)) == first
    later = read(second(35))
    assert claims_of(later)["iat"] > claims_of(first)["iat"]


def test_each_origin_gets_its_own_token(read):
    pages = ["https://a.example.com", "https://b.example.com"]
    assert [claims_of(read(second(0), page))["azp"] for page in pages] == pages


def test_a_changed_fact_is_in_the_next_token(read, workspace, u1):
    JwtTemplate.objects.customise_session_tokens(workspace, {"nick": "{{user.username}}"}, actor="test")
    assert claims_of(read(second(0)))["nick"] == "u1"
    type(u1).objects.update(username="maria")
    assert claims_of(read(second(1)))["nick"] == "maria"


def test_a_session_that_is_over_has_no_token(read, session):
    assert read(second(0))
    session.revoke(actor="test", at=second(1))
    assert read(second(2)) is None


def test_a_token_that_is_too_large_is_left_out(read, workspace):
    JwtTemplate.objects.customise_session_tokens(workspace, {"n": "{{user.first_name}}" * 200}, actor="test")
    get_user_model().objects.update(first_name="x" * 100)
    assert read(second(0)) is None


def test_a_token_never_outlives_a_session_that_was_shortened(read, session):
    read(second(0))
    UserSession.objects.filter(pk=session.pk).update(expire_at=second(10))
    assert claims_of(read(second(1)))["exp"] <= second(10).timestamp()


def deactivate(session, settings):
    get_user_model().objects.update(is_active=False)


def change_the_password(session, settings):
    get_user_model().objects.update(password="another")


def begin_an_epoch(session, settings):
    Epoch.objects.begin(session.workspace, actor="test", at=second(1))


def end(session, settings):
    session.end(actor="test", at=second(1))


@pytest.mark.parametrize("over", [deactivate, change_the_password, begin_an_epoch, end])
def test_a_cached_token_is_not_handed_out_once_the_session_is_over(read, session, settings, over):
    assert read(second(0))
    over(session, settings)
    assert read(second(2)) is None


def revoke_the_key(session, settings):
    SigningKey.objects.get().revoke(actor="test", at=second(1))


def require_a_task(session, settings):
    session.require("setup-mfa", actor="test", at=second(1))


def impersonate(session, settings):
    UserSession.objects.update(impersonator={"sub": "ann"})


def move_the_workspace(session, settings):
    set_user_session_policy(session.workspace, frontend_api="https://elsewhere.example.com")


def shorten_tokens(session, settings):
    settings.USER_SESSIONS = {"SESSION_TOKEN_LIFETIME": timedelta(seconds=50)}


def use_version_1(session, settings):
    settings.USER_SESSIONS = {"SESSION_TOKEN_VERSION": 1}


def customise(session, settings):
    JwtTemplate.objects.customise_session_tokens(session.workspace, {"shop": "berlin"}, actor="test")


CHANGES = {
    revoke_the_key: lambda header, claims: header["kid"],
    require_a_task: lambda header, claims: claims["sts"],
    impersonate: lambda header, claims: claims.get("act"),
    move_the_workspace: lambda header, claims: claims["iss"],
    shorten_tokens: lambda header, claims: claims["exp"] - claims["iat"],
    use_version_1: lambda header, claims: claims.get("v"),
    customise: lambda header, claims: claims.get("shop"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_makes_a_new_token(read, session, settings, change):
    first = read(second(0))
    assert read(second(1)) == first
    change(session, settings)
    tokens = first, read(second(2))
    before, after = (CHANGES[change](jwt.get_unverified_header(token), claims_of(token)) for token in tokens)
    assert before != after


def test_the_age_of_the_factors_is_that_of_the_answer(read, session):
    UserSession.objects.update(verified_at=second(-50))
    assert claims_of(read(second(0)))["fva"] == [0, -1]
    assert claims_of(read(second(11)))["fva"] == [1, -1]
