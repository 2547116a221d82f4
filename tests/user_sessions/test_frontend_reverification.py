"""Re-authentication: the age of the first factor, and refused attempts."""

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
def session(frontend, ann):
    """Return a session whose user authenticated an hour ago."""
    session = frontend.sign_in(ann)
    UserSession.objects.update(verified_at=timezone.now() - 60 * MINUTE)
    return session


def ask(frontend, session, level="first_factor"):
    return frontend.verb(session, "verify", level=level)


def prove(frontend, session, password=SECRET):
    return frontend.verb(session, "verify/attempt_first_factor", strategy="password", password=password)


def ages(frontend, session):
    """Return the factor ages in the session object and in its token."""
    shown = frontend.get(f"v1/client/sessions/{session.pk}").json()["response"]
    return shown["factor_verification_age"], claims_of(frontend.verb(session, "tokens").json()["jwt"])["fva"]


def result_of(response):
    return response.status_code, response.error


LEVELS = ["first_factor", "second_factor", "multi_factor"]
FACTOR = "This account has a second factor, which cannot be entered here."

# Result of the second step.
ANSWERS = {"a password alone": (200, ""), "a second factor": (400, "session_reverification_missing")}


def second_factor(user, identifier, request):
    """A requirement function of a host where every user has a second factor."""
    return FACTOR


@pytest.fixture(params=["a password alone", "a second factor"])
def required(request, settings):
    if request.param == "a second factor":
        settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{__name__}.second_factor"}
    return request.param


@pytest.mark.parametrize("level", LEVELS)
def test_a_password_completes_every_level_if_the_host_requires_no_more(frontend, session, required, level):
    ask(frontend, session, level)
    answer = prove(frontend, session)
    assert result_of(answer) == ANSWERS[required]
    assert ages(frontend, session)[1] == ([0, -1] if answer.status_code == 200 else [60, -1])
    if answer.status_code == 200:
        assert answer.json()["response"]["level"] == "first_factor"


@pytest.mark.parametrize("level", LEVELS)
def test_a_second_factor_that_cannot_be_entered_here_is_refused_in_the_hosts_words(frontend, session, settings, level):
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{__name__}.second_factor"}
    refused = ask(frontend, session, level)
    assert result_of(refused) == (400, "strategy_for_user_invalid")
    assert refused.json()["errors"][0]["long_message"] == FACTOR
    assert UserSession.objects.get().reverifying_since is None


def test_a_second_factor_that_is_enrolled_in_between_refuses_the_password(frontend, session, settings):
    ask(frontend, session)
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{__name__}.second_factor"}
    assert result_of(prove(frontend, session)) == (400, "strategy_for_user_invalid")
    assert ages(frontend, session)[1] == [60, -1]


@pytest.mark.parametrize("level", LEVELS)
def test_a_session_that_cannot_reverify_says_so_whatever_the_host_requires(frontend, session, required, level):
    session.end(actor="test")
    assert result_of(ask(frontend, session, level)) == (401, "authentication_invalid")


@pytest.mark.wire("C173")
@pytest.mark.parametrize("level", LEVELS)
def test_the_correct_password_resets_the_factor_age(frontend, session, level):
    assert ages(frontend, session) == ([60, -1], [60, -1])
    asked = ask(frontend, session, level).json()["response"]
    assert (asked["object"], asked["status"]) == ("session_reverification", "needs_first_factor")
    assert asked["supported_first_factors"] == [{"strategy": "password"}]
    assert ages(frontend, session) == ([60, -1], [60, -1])
    answer = prove(frontend, session).json()
    assert answer["response"]["status"] == "complete"
    assert answer["response"]["session"]["factor_verification_age"] == [0, -1]
    assert answer["client"]["sessions"][0]["factor_verification_age"] == [0, -1]
    assert claims_of(answer["response"]["session"]["last_active_token"]["jwt"])["fva"] == [0, -1]
    assert ages(frontend, session) == ([0, -1], [0, -1])
    assert Event.objects.first().type == "user_session.reverified"


@pytest.mark.wire("C177")
def test_tokens_contain_the_id_of_a_completed_reverification(frontend, session, workspace):
    claims = {"proof": "{{session.reverification_id}}"}
    JwtTemplate.objects.customise_session_tokens(workspace, claims, actor="test")
    proof = lambda: claims_of(frontend.verb(session, "tokens").json()["jwt"])["proof"]  # noqa: E731
    assert proof() is None
    first = ask(frontend, session).json()["response"]["id"]
    assert first.startswith("sver_") and proof() is None
    assert (prove(frontend, session).json()["response"]["id"], proof()) == (first, first)
    second = ask(frontend, session).json()["response"]["id"]
    prove(frontend, session)
    assert proof() == second != first


@pytest.mark.wire("C174")
def test_a_wrong_password_does_not_reverify_and_can_be_retried(frontend, session):
    ask(frontend, session)
    before = frontend.credential
    assert result_of(prove(frontend, session, "battery staple")) == (422, "form_password_incorrect")
    assert ages(frontend, session) == ([60, -1], [60, -1])
    assert frontend.credential == before
    assert result_of(prove(frontend, session)) == (200, "")


@pytest.mark.wire("C175")
def test_a_password_without_a_pending_reverification_is_refused(frontend, session):
    assert result_of(prove(frontend, session)) == (400, "session_reverification_missing")
    ask(frontend, session)
    assert result_of(prove(frontend, session)) == (200, "")
    assert result_of(prove(frontend, session)) == (400, "session_reverification_missing")


@pytest.mark.wire("C175")
@pytest.mark.parametrize(("minutes", "answer"), [(9, (200, "")), (11, (400, "session_reverification_missing"))])
def test_a_reverification_expires_after_ten_minutes(frontend, session, minutes, answer):
    ask(frontend, session)
    UserSession.objects.update(reverifying_since=timezone.now() - minutes * MINUTE)
    assert result_of(prove(frontend, session)) == answer


@pytest.mark.wire("C176")
@pytest.mark.parametrize("level", LEVELS)
def test_an_impersonator_cannot_reverify_at_any_level(frontend, ann, required, level):
    session = frontend.sign_in(ann, impersonator={"sub": "user_9"})
    assert result_of(ask(frontend, session, level)) == (400, "invalid_action_for_session_reverification")
    assert result_of(prove(frontend, session)) == (400, "session_reverification_missing")


@pytest.mark.parametrize("step", ["prepare_first_factor", "prepare_second_factor"])
def test_other_factors_are_refused(frontend, session, step):
    ask(frontend, session)
    response = frontend.verb(session, f"verify/{step}", strategy="phone_code", code="1")
    assert result_of(response) == (400, "strategy_for_user_invalid")
    assert ages(frontend, session) == ([60, -1], [60, -1])


def test_a_user_without_a_password_cannot_reverify(frontend, u1):
    session = frontend.sign_in(u1)
    ask(frontend, session)
    assert result_of(prove(frontend, session)) == (400, "strategy_for_user_invalid")


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
def test_an_invalid_reverification_is_refused(frontend, session, verb, form, code):
    assert result_of(frontend.verb(session, verb, **form)) == (422, code)


def test_a_backend_that_verifies_a_token_leaves_the_factors_as_they_are(frontend, session, backend):
    token = frontend.verb(session, "tokens").json()["jwt"]
    assert backend.post(f"v1/sessions/{session.pk}/verify", token=token).status_code == 200
    assert ages(frontend, session) == ([60, -1], [60, -1])


def test_a_service_sees_no_age_of_a_second_factor_after_a_password(frontend, session, workspace):
    ask(frontend, session, "multi_factor")
    prove(frontend, session)
    token = frontend.verb(session, "tokens").json()["jwt"]
    claims = verifier_of(workspace, at=timezone.now()).authentic(token)
    assert (claims.first_factor_age, claims.second_factor_age) == (timedelta(0), None)


def test_a_reverification_applies_to_one_session(frontend, session, u1):
    other = frontend.sign_in(u1)
    UserSession.objects.update(verified_at=timezone.now() - 60 * MINUTE)
    ask(frontend, session)
    prove(frontend, session)
    assert (ages(frontend, session)[0], ages(frontend, other)[0]) == ([0, -1], [60, -1])


def test_the_password_rate_applies_to_reverification(frontend, session, settings):
    settings.USER_SESSIONS = {"RATES": {"password": "2/day"}}
    ask(frontend, session)
    answers = [result_of(prove(frontend, session, "battery staple")) for _ in "abc"]
    assert answers == [(422, "form_password_incorrect")] * 2 + [(429, "too_many_requests")]


def test_a_stolen_token_is_invalid_after_a_reverification(frontend, session):
    thief = type(frontend)()
    thief.credential = frontend.credential
    ask(frontend, session)
    prove(frontend, session)
    assert thief.verb(session, "tokens").status_code == 401
    assert frontend.verb(session, "tokens").status_code == 200
