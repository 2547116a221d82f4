"""Re-authentication at each level, for users with a second factor and for users without one."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from sessions_core.models import Event
from tests.user_sessions import factors
from tests.user_sessions.conftest import claims_of
from tests.user_sessions.factors import APP_CODES, RECOVERY_CODES
from user_sessions.models import JwtTemplate, UserSession

SECRET = "correct horse"
CODE, OTHER_CODE, THIRD_CODE = APP_CODES
HOUR = timedelta(hours=1)

FINE = (200, "")
WRONG_CODE = (422, "form_code_incorrect")
NO_ACTION = (400, "invalid_action_for_session_reverification")
NOT_ASKED = (400, "session_reverification_missing")


@pytest.fixture(autouse=True)
def host(settings, at_home):
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": factors.BOTH}
    factors.forget_used_codes()


@pytest.fixture
def ann(at_home):
    return get_user_model().objects.create_user("ann", password=SECRET)


@pytest.fixture
def session(frontend, ann):
    """Return a session that began with both factors an hour ago."""
    session = frontend.sign_in(ann)
    long_ago = timezone.now() - HOUR
    UserSession.objects.update(verified_at=long_ago, second_factor_at=long_ago)
    return session


@pytest.fixture
def without_code(session):
    """Return a session that began an hour ago without a second factor, as by a ticket."""
    UserSession.objects.update(second_factor_at=None)
    return session


def ask(frontend, session, level):
    return frontend.verb(session, "verify", level=level)


def enter_password(frontend, session):
    return frontend.verb(session, "verify/attempt_first_factor", strategy="password", password=SECRET)


def enter_code(frontend, session, code=CODE, strategy="totp"):
    return frontend.verb(session, "verify/attempt_second_factor", strategy=strategy, code=code)


STEPS = {"needs_first_factor": enter_password, "needs_second_factor": enter_code}


def result_of(response):
    return response.status_code, response.error


def ages(frontend, session):
    return claims_of(frontend.verb(session, "tokens").json()["jwt"])["fva"]


def walk(frontend, session, level):
    """Do what each answer asks for. Return the answers."""
    answers = [ask(frontend, session, level).json()["response"]]
    while step := STEPS.get(answers[-1]["status"]):
        answers.append(step(frontend, session).json()["response"])
    return answers


WALKS = [
    ("first_factor", "first_factor", ["needs_first_factor"], [0, 60]),
    ("second_factor", "second_factor", ["needs_second_factor"], [60, 0]),
    ("multi_factor", "multi_factor", ["needs_first_factor", "needs_second_factor"], [0, 0]),
]


@pytest.mark.wire("C200")
@pytest.mark.parametrize(("level", "shown_level", "statuses", "after"), WALKS)
def test_each_level_asks_for_its_factors(frontend, session, level, shown_level, statuses, after):
    assert ages(frontend, session) == [60, 60]
    answers = walk(frontend, session, level)
    assert [answer["status"] for answer in answers] == [*statuses, "complete"]
    assert {answer["level"] for answer in answers} == {shown_level}
    assert answers[-1]["session"]["factor_verification_age"] == ages(frontend, session) == after
    assert Event.objects.filter(type="user_session.reverified").count() == 1


@pytest.mark.wire("C200")
def test_an_answer_shows_what_can_be_entered_and_what_was(frontend, session):
    asked, halfway, complete = walk(frontend, session, "multi_factor")
    strategies = [{"strategy": "totp"}, {"strategy": "backup_code"}]
    assert (asked["supported_first_factors"], asked["supported_second_factors"]) == (
        [{"strategy": "password"}],
        strategies,
    )
    assert (halfway["supported_first_factors"], halfway["supported_second_factors"]) == (None, strategies)
    assert halfway["first_factor_verification"]["strategy"] == "password"
    assert halfway["second_factor_verification"] is None
    assert complete["supported_second_factors"] is None
    assert complete["second_factor_verification"]["strategy"] == "totp"


@pytest.mark.wire("C201")
@pytest.mark.parametrize(
    ("level", "shown_level", "statuses", "after"),
    [("first_factor", "multi_factor", ["needs_first_factor", "needs_second_factor"], [0, 0]), *WALKS[1:]],
)
def test_a_session_without_a_second_factor_yet_is_never_proven_by_a_password_alone(
    frontend, without_code, level, shown_level, statuses, after
):
    assert ages(frontend, without_code) == [60, -1]
    answers = walk(frontend, without_code, level)
    assert [answer["status"] for answer in answers] == [*statuses, "complete"]
    assert {answer["level"] for answer in answers} == {shown_level}
    assert ages(frontend, without_code) == after


@pytest.mark.wire("C201")
def test_half_of_a_reverification_changes_no_age(frontend, without_code):
    ask(frontend, without_code, "first_factor")
    assert enter_password(frontend, without_code).json()["response"]["status"] == "needs_second_factor"
    assert ages(frontend, without_code) == [60, -1]
    assert not Event.objects.filter(type="user_session.reverified").exists()


@pytest.mark.wire("C200")
def test_a_recovery_code_is_a_second_factor(frontend, session):
    ask(frontend, session, "second_factor")
    answer = enter_code(frontend, session, RECOVERY_CODES[0], "backup_code").json()["response"]
    assert answer["second_factor_verification"]["strategy"] == "backup_code"
    assert ages(frontend, session) == [60, 0]


@pytest.mark.wire("C202")
def test_a_wrong_code_changes_nothing_and_can_be_corrected(frontend, session):
    ask(frontend, session, "second_factor")
    before = frontend.credential
    assert result_of(enter_code(frontend, session, "999999")) == WRONG_CODE
    assert (frontend.credential, ages(frontend, session)) == (before, [60, 60])
    assert result_of(enter_code(frontend, session)) == FINE
    assert frontend.credential != before


@pytest.mark.wire("C202")
@pytest.mark.parametrize(
    ("level", "enter"),
    [("multi_factor", enter_code), ("first_factor", enter_code), ("second_factor", enter_password)],
)
def test_the_other_factor_is_refused(frontend, session, level, enter):
    ask(frontend, session, level)
    assert result_of(enter(frontend, session)) == NO_ACTION
    assert ages(frontend, session) == [60, 60]


@pytest.mark.wire("C202")
def test_a_code_without_a_pending_reverification_is_refused(frontend, session):
    assert result_of(enter_code(frontend, session)) == NOT_ASKED
    walk(frontend, session, "second_factor")
    assert result_of(enter_code(frontend, session, OTHER_CODE)) == NOT_ASKED


@pytest.mark.wire("C202")
@pytest.mark.parametrize(("minutes", "answer"), [(9, FINE), (11, NOT_ASKED)])
def test_both_factors_must_be_entered_within_ten_minutes(frontend, session, minutes, answer):
    ask(frontend, session, "multi_factor")
    enter_password(frontend, session)
    UserSession.objects.update(reverifying_since=timezone.now() - timedelta(minutes=minutes))
    assert result_of(enter_code(frontend, session)) == answer


def test_asking_again_forgets_the_password(frontend, session):
    ask(frontend, session, "multi_factor")
    enter_password(frontend, session)
    ask(frontend, session, "multi_factor")
    assert result_of(enter_code(frontend, session)) == NO_ACTION


def test_a_factor_that_was_enrolled_meanwhile_is_asked_for(frontend, without_code, settings):
    settings.USER_SESSIONS = {}
    ask(frontend, without_code, "first_factor")
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": factors.BOTH}
    assert result_of(enter_password(frontend, without_code)) == NO_ACTION
    assert ages(frontend, without_code) == [60, -1]


def test_a_refusal_of_the_host_refuses_the_code(frontend, session, settings):
    ask(frontend, session, "second_factor")
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{factors.__name__}.refusing"}
    assert result_of(enter_code(frontend, session)) == (400, "strategy_for_user_invalid")


@pytest.mark.wire("C203")
def test_the_id_of_a_reverification_is_in_tokens_after_its_last_step(frontend, session, workspace):
    claims = {"proof": "{{session.reverification_id}}"}
    JwtTemplate.objects.customise_session_tokens(workspace, claims, actor="test")
    proof = lambda: claims_of(frontend.verb(session, "tokens").json()["jwt"])["proof"]  # noqa: E731
    id = ask(frontend, session, "multi_factor").json()["response"]["id"]
    enter_password(frontend, session)
    assert proof() is None
    assert enter_code(frontend, session).json()["response"]["id"] == id == proof()


@pytest.mark.wire("C202")
def test_codes_count_towards_the_limits_of_passwords(frontend, session, settings):
    settings.USER_SESSIONS = settings.USER_SESSIONS | {"RATES": {"account": "2/day"}}
    ask(frontend, session, "second_factor")
    tried = [result_of(enter_code(frontend, session, code)) for code in ("999999", "999998", CODE)]
    assert tried == [WRONG_CODE, WRONG_CODE, (429, "too_many_requests")]


def test_an_inactive_user_cannot_reverify(frontend, session):
    ask(frontend, session, "second_factor")
    get_user_model().objects.update(is_active=False)
    assert result_of(enter_code(frontend, session)) == (401, "authentication_invalid")


def test_a_reverification_applies_to_one_session(frontend, session, u1):
    frontend.sign_in(u1)
    walk(frontend, session, "second_factor")
    assert UserSession.objects.get(user=u1).second_factor_at is None


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, "form_param_missing"),
        ({"strategy": "totp"}, "form_param_missing"),
        ({"strategy": "password", "password": SECRET}, "form_param_value_invalid"),
        ({"strategy": "totp", "code": "\x07"}, "form_param_value_invalid"),
    ],
)
def test_an_invalid_code_is_refused(browser, ann, form, code):
    session = browser.sign_in(ann)
    ask(browser, session, "second_factor")
    assert result_of(browser.verb(session, "verify/attempt_second_factor", **form)) == (422, code)
