"""A user proves once more who they are: how old that proof is, and what is no proof."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from sessions_core.models import Event
from tests.user_sessions.conftest import claims_of
from user_sessions.keys.key_sets import verifier_of
from user_sessions.models import JwtTemplate, UserSession

SECRET = "correct horse"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def ann(at_home):
    return get_user_model().objects.create_user("ann", password=SECRET)


@pytest.fixture
def session(somebody, ann):
    """A session of somebody who proved who they are an hour ago."""
    session = somebody.sign_in(ann)
    UserSession.objects.update(verified_at=timezone.now() - 60 * MINUTE)
    return session


def ask(somebody, session, level="first_factor"):
    return somebody.verb(session, "verify", level=level)


def prove(somebody, session, password=SECRET):
    return somebody.verb(session, "verify/attempt_first_factor", strategy="password", password=password)


def ages(somebody, session):
    """As the session says it, and as its token does."""
    shown = somebody.get(f"v1/client/sessions/{session.pk}").json()["response"]
    return shown["factor_verification_age"], claims_of(somebody.verb(session, "tokens").json()["jwt"])["fva"]


def told(response):
    return response.status_code, response.error


LEVELS = ["first_factor", "second_factor", "multi_factor"]
FACTOR = "This account has a second factor, which cannot be entered here."

# What the last of two steps answers.
ANSWERS = {"a password alone": (200, ""), "a second factor": (400, "session_reverification_missing")}


def second_factor(user, identifier, request):
    """A hook of a host where every user has one."""
    return FACTOR


@pytest.fixture(params=["a password alone", "a second factor"])
def required(request, settings):
    if request.param == "a second factor":
        settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{__name__}.second_factor"}
    return request.param


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_is_complete_by_a_password_if_the_host_requires_no_more_for_it(somebody, session, required, level):
    ask(somebody, session, level)
    answer = prove(somebody, session)
    assert told(answer) == ANSWERS[required]
    assert ages(somebody, session)[1] == ([0, -1] if answer.status_code == 200 else [60, -1])
    if answer.status_code == 200:
        assert answer.json()["response"]["level"] == "first_factor"


@pytest.mark.parametrize("level", LEVELS)
def test_a_second_factor_that_cannot_be_entered_here_is_refused_in_the_hosts_words(somebody, session, settings, level):
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{__name__}.second_factor"}
    refused = ask(somebody, session, level)
    assert told(refused) == (400, "strategy_for_user_invalid")
    assert refused.json()["errors"][0]["long_message"] == FACTOR
    assert UserSession.objects.get().reverifying_since is None


@pytest.mark.parametrize("level", LEVELS)
def test_a_session_that_cannot_reverify_says_so_whatever_the_host_requires(somebody, session, required, level):
    session.end(actor="test")
    assert told(ask(somebody, session, level)) == (401, "authentication_invalid")


@pytest.mark.wire("C173")
@pytest.mark.parametrize("level", LEVELS)
def test_the_right_password_makes_the_proof_new(somebody, session, level):
    assert ages(somebody, session) == ([60, -1], [60, -1])
    asked = ask(somebody, session, level).json()["response"]
    assert (asked["object"], asked["status"]) == ("session_reverification", "needs_first_factor")
    assert asked["supported_first_factors"] == [{"strategy": "password"}]
    assert ages(somebody, session) == ([60, -1], [60, -1])
    answer = prove(somebody, session).json()
    assert answer["response"]["status"] == "complete"
    assert answer["response"]["session"]["factor_verification_age"] == [0, -1]
    assert answer["client"]["sessions"][0]["factor_verification_age"] == [0, -1]
    assert claims_of(answer["response"]["session"]["last_active_token"]["jwt"])["fva"] == [0, -1]
    assert ages(somebody, session) == ([0, -1], [0, -1])
    assert Event.objects.first().type == "user_session.reverified"


@pytest.mark.wire("C177")
def test_each_reverification_has_an_id_that_tokens_carry_once_it_is_complete(somebody, session, workspace):
    claims = {"proof": "{{session.reverification_id}}"}
    JwtTemplate.objects.customise_session_tokens(workspace, claims, actor="test")
    proof = lambda: claims_of(somebody.verb(session, "tokens").json()["jwt"])["proof"]  # noqa: E731
    assert proof() is None
    first = ask(somebody, session).json()["response"]["id"]
    assert first.startswith("sver_") and proof() is None
    assert (prove(somebody, session).json()["response"]["id"], proof()) == (first, first)
    second = ask(somebody, session).json()["response"]["id"]
    prove(somebody, session)
    assert proof() == second != first


@pytest.mark.wire("C174")
def test_a_wrong_password_proves_nothing_and_may_be_put_right(somebody, session):
    ask(somebody, session)
    before = somebody.credential
    assert told(prove(somebody, session, "battery staple")) == (422, "form_password_incorrect")
    assert ages(somebody, session) == ([60, -1], [60, -1])
    assert somebody.credential == before
    assert told(prove(somebody, session)) == (200, "")


@pytest.mark.wire("C175")
def test_who_was_not_asked_proves_nothing(somebody, session):
    assert told(prove(somebody, session)) == (400, "session_reverification_missing")
    ask(somebody, session)
    assert told(prove(somebody, session)) == (200, "")
    assert told(prove(somebody, session)) == (400, "session_reverification_missing")


@pytest.mark.wire("C175")
@pytest.mark.parametrize(("minutes", "answer"), [(9, (200, "")), (11, (400, "session_reverification_missing"))])
def test_there_are_ten_minutes_to_answer(somebody, session, minutes, answer):
    ask(somebody, session)
    UserSession.objects.update(reverifying_since=timezone.now() - minutes * MINUTE)
    assert told(prove(somebody, session)) == answer


@pytest.mark.wire("C176")
@pytest.mark.parametrize("level", LEVELS)
def test_an_impersonator_cannot_reverify_at_any_level(somebody, ann, required, level):
    session = somebody.sign_in(ann, impersonator={"sub": "user_9"})
    assert told(ask(somebody, session, level)) == (400, "invalid_action_for_session_reverification")
    assert told(prove(somebody, session)) == (400, "session_reverification_missing")


@pytest.mark.parametrize("step", ["prepare_first_factor", "prepare_second_factor", "attempt_second_factor"])
def test_there_is_no_other_factor(somebody, session, step):
    ask(somebody, session)
    response = somebody.verb(session, f"verify/{step}", strategy="phone_code", code="1")
    assert told(response) == (400, "strategy_for_user_invalid")
    assert ages(somebody, session) == ([60, -1], [60, -1])


def test_a_user_without_a_password_cannot_prove_it(somebody, u1):
    session = somebody.sign_in(u1)
    ask(somebody, session)
    assert told(prove(somebody, session)) == (400, "strategy_for_user_invalid")


@pytest.mark.parametrize(
    ("verb", "form", "code"),
    [
        ("verify", {}, "form_param_missing"),
        ("verify", {"level": "none"}, "form_param_value_invalid"),
        ("verify/attempt_first_factor", {"password": "x"}, "form_param_missing"),
        ("verify/attempt_first_factor", {"strategy": "totp", "password": "x"}, "form_param_value_invalid"),
        ("verify/attempt_first_factor", {"strategy": "password"}, "form_param_missing"),
    ],
)
def test_what_is_no_reverification_is_refused(somebody, session, verb, form, code):
    assert told(somebody.verb(session, verb, **form)) == (422, code)


def test_a_backend_that_verifies_a_token_leaves_the_factors_as_they_are(somebody, session, backend):
    token = somebody.verb(session, "tokens").json()["jwt"]
    assert backend.post(f"v1/sessions/{session.pk}/verify", token=token).status_code == 200
    assert ages(somebody, session) == ([60, -1], [60, -1])


def test_a_service_sees_no_age_of_a_second_factor_after_a_password(somebody, session, workspace):
    ask(somebody, session, "multi_factor")
    prove(somebody, session)
    token = somebody.verb(session, "tokens").json()["jwt"]
    claims = verifier_of(workspace, at=timezone.now()).authentic(token)
    assert (claims.first_factor_age, claims.second_factor_age) == (timedelta(0), None)


def test_a_proof_is_of_one_session(somebody, session, u1):
    other = somebody.sign_in(u1)
    UserSession.objects.update(verified_at=timezone.now() - 60 * MINUTE)
    ask(somebody, session)
    prove(somebody, session)
    assert (ages(somebody, session)[0], ages(somebody, other)[0]) == ([0, -1], [60, -1])


def test_passwords_are_tried_here_as_often_as_anywhere(somebody, session, settings):
    settings.USER_SESSIONS = {"RATES": {"password": "2/day"}}
    ask(somebody, session)
    answers = [told(prove(somebody, session, "battery staple")) for _ in "abc"]
    assert answers == [(422, "form_password_incorrect")] * 2 + [(429, "too_many_requests")]


def test_who_stole_the_credential_before_does_not_become_whoever_proved_it(somebody, session):
    thief = type(somebody)()
    thief.credential = somebody.credential
    ask(somebody, session)
    prove(somebody, session)
    assert thief.verb(session, "tokens").status_code == 401
    assert somebody.verb(session, "tokens").status_code == 200
