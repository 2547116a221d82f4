"""Every state of a session and every verb of its client: the response and the new state."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from sessions_core.models import Event
from tests.policies import set_user_session_policy
from tests.user_sessions.frontend import Browser
from user_sessions.models import Definition, Epoch, JwtTemplate, Status, UserSession
from user_sessions.tokens.client_tokens import client_token

LIVE = ("pending", "active")
OVER = ("ended", "revoked", "replaced", "expired")
GONE = ("removed", "abandoned")

FINE = (200, "")
SIGNED_OUT = (401, "authentication_invalid")
NO_ACTION = (400, "invalid_action_for_session")
NOT_FOUND = (404, "resource_not_found")
NOT_ASKED = (400, "session_reverification_missing")
NO_FACTOR = (400, "strategy_for_user_invalid")

# Verb -> the response for a live session, for one that is over, and for one that has left its client.
ANSWERS = {
    "": (FINE, FINE, NOT_FOUND),
    "touch": (FINE, SIGNED_OUT, NOT_FOUND),
    "end": (FINE, NO_ACTION, NOT_FOUND),
    "remove": (FINE, FINE, NOT_FOUND),
    "tokens": (FINE, SIGNED_OUT, NOT_FOUND),
    "tokens/t1": (FINE, SIGNED_OUT, NOT_FOUND),
    "verify": (FINE, SIGNED_OUT, NOT_FOUND),
    "verify/attempt_first_factor": (NOT_ASKED, SIGNED_OUT, NOT_FOUND),
    "verify/prepare_first_factor": (NO_FACTOR, NO_FACTOR, NOT_FOUND),
    "verify/prepare_second_factor": (NO_FACTOR, NO_FACTOR, NOT_FOUND),
    "verify/attempt_second_factor": (NOT_ASKED, SIGNED_OUT, NOT_FOUND),
}
FORMS = {
    "verify": {"level": "first_factor"},
    "verify/attempt_first_factor": {"strategy": "password", "password": "x"},
    "verify/attempt_second_factor": {"strategy": "totp", "code": "123456"},
}

# The new state after each verb that changes the session.
LEAVES = {
    "end": dict.fromkeys(LIVE, "ended"),
    "remove": dict.fromkeys((*LIVE, *OVER), "removed"),
}


@pytest.fixture
def template(at_home):
    JwtTemplate.objects.define(at_home, Definition(name="t1", claims={}), actor="test")


def put_into_state(session, state):
    """Put the session into a state, by a verb or by changing its times."""
    if verb_name := {"ended": "end", "revoked": "revoke", "removed": "remove", "replaced": "replace"}.get(state):
        assert getattr(session, verb_name)(actor="test")
    if state == "pending":
        assert session.require("setup-mfa", actor="test")
    if days := {"expired": 8, "abandoned": 31}.get(state):
        times = ("created_at", "updated_at", "last_active_at", "expire_at", "latest_expire_at", "abandon_at")
        passed = {name: F(name) - timedelta(days=days) for name in times}
        UserSession.objects.filter(pk=session.pk).update(**passed)
    assert status_of(session) == state


def status_of(session):
    return UserSession.objects.get(pk=session.pk).status_at(timezone.now())


def call(frontend, session, verb):
    if not verb:
        return frontend.get(f"v1/client/sessions/{session.pk}")
    return frontend.verb(session, verb, **FORMS.get(verb, {}))


def expected(verb, state):
    return ANSWERS[verb][0 if state in LIVE else 1 if state in OVER else 2]


@pytest.mark.parametrize("state", Status.values)
@pytest.mark.parametrize("verb", ANSWERS, ids=lambda verb: verb or "get")
def test_a_verb_in_a_state(browser, template, u1, verb, state):
    session = browser.start_session(u1)
    put_into_state(session, state)
    events = Event.objects.filter(subject=session.pk)
    before = events.count()
    response = call(browser, session, verb)
    assert (response.status_code, response.error) == expected(verb, state)
    left = LEAVES.get(verb, {}).get(state)
    assert status_of(session) == (left or state)
    assert events.count() - before == bool(left)


@pytest.mark.parametrize("state", GONE)
@pytest.mark.parametrize("verb", ANSWERS, ids=lambda verb: verb or "get")
def test_a_removed_session_is_answered_like_an_unknown_one(browser, template, u1, u2, verb, state):
    session = browser.start_session(u1)
    UserSession.objects.start(session.workspace, u2, actor="test", client=session.client)
    browser.credential = client_token(session.client)
    put_into_state(session, state)
    gone = call(browser, session, verb)
    session_id, session.pk = session.pk, "sess_" + "0" * 27
    never = call(browser, session, verb)
    assert result_of(gone, session_id) == result_of(never, session.pk)


def result_of(response, id):
    body = response.json()
    body.pop("clerk_trace_id")
    return response.status_code, str(body).replace(id, "ID"), "Set-Cookie" in response.headers


@pytest.mark.wire("C180")
def test_a_revoked_session_stays_listed_except_in_single_session_mode(browser, at_home, u1):
    session = browser.sign_in(u1)
    session.revoke(actor="test")
    assert [each["status"] for each in browser.client_json()["sessions"]] == ["revoked"]
    set_user_session_policy(at_home, single_session_mode=True)
    at_home.save()
    assert browser.client_json()["sessions"] == []


@pytest.mark.parametrize("verb", ["touch", "tokens", "tokens/t1", "verify"])
def test_in_single_session_mode_a_revoked_session_is_401(browser, at_home, template, u1, verb):
    """An SDK signs its user out after 401, but not after 404."""
    set_user_session_policy(at_home, single_session_mode=True)
    at_home.save()
    session = browser.sign_in(u1)
    session.revoke(actor="test")
    response = call(browser, session, verb)
    assert (response.status_code, response.error) == SIGNED_OUT


@pytest.mark.parametrize("verb", ["touch", "tokens", "verify"])
def test_a_session_revoked_by_an_epoch_is_over(browser, at_home, u1, verb):
    session = browser.sign_in(u1)
    Epoch.objects.begin(at_home, actor="test")
    response = call(browser, session, verb)
    assert (response.status_code, response.error) == SIGNED_OUT
    assert [each["status"] for each in browser.client_json()["sessions"]] == ["revoked"]


@pytest.mark.wire("C179")
@pytest.mark.parametrize("verb", ["tokens", "tokens/t1", "touch"])
def test_an_inactive_user_has_no_session(browser, template, u1, verb):
    session = browser.sign_in(u1)
    u1.is_active = False
    u1.save()
    response = call(browser, session, verb)
    assert (response.status_code, response.error) == SIGNED_OUT
    assert browser.get("v1/me").error == "signed_out"


@pytest.mark.wire("C178")
def test_a_pending_session_is_shown_with_its_tasks_and_its_token_says_so(browser, u1):
    session = browser.sign_in(u1)
    put_into_state(session, "pending")
    shown = browser.client_json()["sessions"][0]
    assert (shown["status"], shown["tasks"]) == ("pending", [{"key": "setup-mfa"}])
    assert browser.client_json()["last_active_session_id"] == session.pk


def test_a_session_of_another_workspace_is_not_found(browser, elsewhere, u1):
    theirs = Browser(host="elsewhere.example.com").sign_in(u1)
    browser.sign_in(u1)
    for verb in ANSWERS:
        assert call(browser, theirs, verb).error == "resource_not_found"
