"""Sign-in with a password and then a second factor, which the host checks."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in
from django.utils import timezone

from sessions_core.models import Event
from sessions_core.models.refusal_counts import NO_WORKSPACE, RefusalCount, refusals
from tests.user_sessions import factors
from tests.user_sessions.conftest import claims_of, first_error
from tests.user_sessions.factors import APP_CODES, RECOVERY_CODES
from tests.user_sessions.frontend import Browser
from user_sessions.models import Client, SignIn, UserSession

SECRET = "correct horse"
CODE, OTHER_CODE, _ = APP_CODES

FINE = (200, "")
WRONG_CODE = (422, "form_code_incorrect")
NO_ACTION = (400, "invalid_action_for_sign_in")
NO_FACTOR = (400, "strategy_for_user_invalid")
NOT_FOUND = (404, "resource_not_found")
TOO_MANY = (429, "too_many_requests")


@pytest.fixture(autouse=True)
def host(settings, at_home):
    """Require a second factor of every user."""
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": factors.BOTH}
    factors.forget_used_codes()


@pytest.fixture
def ann(at_home):
    return get_user_model().objects.create_user("ann", "ann@example.com", SECRET)


@pytest.fixture
def logins():
    """Collect the user names in Django's signal of a login."""
    names = []

    def logged_in(user, **_):
        names.append(user.username)

    user_logged_in.connect(logged_in)
    yield names
    user_logged_in.disconnect(logged_in)


def by_password(frontend, password=SECRET):
    return frontend.post("v1/client/sign_ins", strategy="password", identifier="ann", password=password)


def in_two_steps(frontend, password=SECRET):
    begun = frontend.post("v1/client/sign_ins", identifier="ann").json()["response"]
    path = f"v1/client/sign_ins/{begun['id']}/attempt_first_factor"
    return frontend.post(path, strategy="password", password=password)


def begun(frontend):
    """Enter the password. Return the id of the sign-in."""
    response = by_password(frontend)
    assert response.status_code == 200, response.content
    return response.json()["response"]["id"]


def enter(frontend, sign_in_id, code=CODE, strategy="totp"):
    path = f"v1/client/sign_ins/{sign_in_id}/attempt_second_factor"
    return frontend.post(path, strategy=strategy, code=code)


def result_of(response):
    return response.status_code, response.error


def nothing_is_let_in(frontend):
    shown = frontend.client_json()
    no_cookie = not isinstance(frontend, Browser) or not frontend.sets_signed_in_cookie
    return no_cookie and not (shown and shown["sessions"]) and not UserSession.objects.exists()


# The password


@pytest.mark.wire("C192")
@pytest.mark.parametrize("password_step", [by_password, in_two_steps])
def test_after_the_correct_password_the_second_factor_is_missing(frontend, ann, logins, password_step):
    answer = password_step(frontend).json()
    attempt = answer["response"]
    assert (attempt["status"], attempt["created_session_id"]) == ("needs_second_factor", None)
    assert attempt["supported_second_factors"] == [{"strategy": "totp"}, {"strategy": "backup_code"}]
    assert attempt["first_factor_verification"]["status"] == "verified"
    assert answer["client"]["sign_in"] == attempt
    assert nothing_is_let_in(frontend) and logins == []
    assert not Event.objects.filter(type__startswith="user_session.").exists()


@pytest.mark.parametrize("password_step", [by_password, in_two_steps])
def test_a_wrong_password_does_not_lead_to_the_second_factor(frontend, ann, password_step):
    assert password_step(frontend, "battery staple").error == "form_password_incorrect"
    assert not SignIn.objects.exclude(first_factor_verified_at=None).exists()


def test_the_password_renews_the_token_of_the_client(frontend, ann):
    frontend.post("v1/client")
    thief = type(frontend)()
    thief.credential = frontend.credential
    sign_in = begun(frontend)
    assert thief.credential != frontend.credential
    assert enter(thief, sign_in).error == "signed_out"
    assert result_of(enter(frontend, sign_in)) == FINE


def test_the_hosts_refusal_comes_before_the_second_factor(frontend, ann, settings):
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{factors.__name__}.refusing"}
    response = by_password(frontend)
    assert result_of(response) == NO_FACTOR
    assert first_error(response)["long_message"] == "Sign in at the front desk."
    assert not SignIn.objects.exists()


def test_only_the_factors_of_the_user_are_offered(frontend, ann, settings):
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{factors.__name__}.app_alone"}
    shown = by_password(frontend).json()["response"]
    assert shown["supported_second_factors"] == [{"strategy": "totp"}]
    assert result_of(enter(frontend, shown["id"], RECOVERY_CODES[0], "backup_code")) == NO_FACTOR


# The code


@pytest.mark.wire("C193")
@pytest.mark.parametrize(("strategy", "code"), [("totp", CODE), ("backup_code", RECOVERY_CODES[0])])
@pytest.mark.parametrize("password_step", [by_password, in_two_steps])
def test_the_code_completes_the_sign_in(frontend, ann, logins, password_step, strategy, code):
    sign_in = password_step(frontend).json()["response"]["id"]
    answer = enter(frontend, sign_in, code, strategy).json()
    session = UserSession.objects.get()
    assert (answer["response"]["id"], answer["response"]["status"]) == (sign_in, "complete")
    assert answer["response"]["created_session_id"] == session.pk == answer["client"]["last_active_session_id"]
    assert answer["client"]["sign_in"] is None
    assert (session.user, session.amr, logins) == (ann, ["pwd", "otp", "mfa"], ["ann"])
    assert frontend.get("v1/me").json()["response"]["username"] == "ann"


@pytest.mark.wire("C195")
def test_the_ages_of_both_factors_are_in_the_session_and_its_token(frontend, ann):
    shown = enter(frontend, begun(frontend)).json()["client"]["sessions"][0]
    assert shown["factor_verification_age"] == [0, 0]
    assert claims_of(shown["last_active_token"]["jwt"])["fva"] == [0, 0]
    UserSession.objects.update(second_factor_at=timezone.now() - timedelta(minutes=7))
    token = frontend.verb(shown["id"], "tokens").json()["jwt"]
    assert claims_of(token)["fva"] == [0, 7]


@pytest.mark.parametrize("code", ["111 111", " 111111 ", "1 1 1 1 1 1", "111\t111"])
def test_blanks_in_a_code_do_not_matter(browser, ann, code):
    assert result_of(enter(browser, begun(browser), code)) == FINE


@pytest.mark.wire("C194")
@pytest.mark.parametrize("strategy", ["totp", "backup_code"])
def test_a_wrong_code_lets_nothing_in_and_can_be_corrected(frontend, ann, logins, strategy):
    sign_in = begun(frontend)
    before = frontend.credential
    response = enter(frontend, sign_in, "999999", strategy)
    assert result_of(response) == WRONG_CODE
    assert first_error(response)["meta"] == {"param_name": "code"}
    assert (frontend.credential, logins) == (before, [])
    assert nothing_is_let_in(frontend)
    assert result_of(enter(frontend, sign_in)) == FINE


@pytest.mark.wire("C194")
@pytest.mark.parametrize(("strategy", "code"), [("totp", RECOVERY_CODES[0]), ("backup_code", CODE)])
def test_a_code_of_another_factor_is_wrong(browser, ann, strategy, code):
    assert result_of(enter(browser, begun(browser), code, strategy)) == WRONG_CODE


@pytest.mark.wire("C194")
def test_a_used_code_is_wrong(frontend, ann):
    assert result_of(enter(frontend, begun(frontend))) == FINE
    other = type(frontend)()
    assert result_of(enter(other, begun(other))) == WRONG_CODE


@pytest.mark.wire("C194")
@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, "form_param_missing"),
        ({"strategy": "totp"}, "form_param_missing"),
        ({"code": CODE}, "form_param_missing"),
        ({"strategy": "totp", "code": ""}, "form_param_nil"),
        ({"strategy": "totp", "code": " \t"}, "form_param_nil"),
        ({"strategy": "totp", "code": "1" * 65}, "form_param_value_invalid"),
        ({"strategy": "totp", "code": "1\x001"}, "form_param_value_invalid"),
        ({"strategy": "totp", "code": "1\x071"}, "form_param_value_invalid"),
        ({"strategy": "phone_code", "code": CODE}, "form_param_value_invalid"),
        ({"strategy": "recovery_code", "code": CODE}, "form_param_value_invalid"),
        ({"strategy": "password", "password": SECRET}, "form_param_value_invalid"),
    ],
)
def test_an_invalid_code_is_refused(browser, ann, form, code):
    sign_in = begun(browser)
    response = browser.post(f"v1/client/sign_ins/{sign_in}/attempt_second_factor", **form)
    assert result_of(response) == (422, code)
    assert nothing_is_let_in(browser)


@pytest.mark.parametrize("code", ["0x1B207", "1e5", "-1", "²²²²²²", "١٢٣٤٥٦", "💩", "%00", "' OR 1=1", "null", "True"])
def test_any_other_code_is_wrong(browser, ann, code):
    assert result_of(enter(browser, begun(browser), code)) == WRONG_CODE


def test_a_second_factor_needs_no_preparation(frontend, ann):
    path = f"v1/client/sign_ins/{begun(frontend)}/prepare_second_factor"
    assert result_of(frontend.post(path, strategy="totp")) == NO_FACTOR


def test_a_session_that_began_with_a_password_alone_says_so(frontend, ann, settings):
    settings.USER_SESSIONS = {}
    by_password(frontend)
    assert (UserSession.objects.get().amr, UserSession.objects.get().second_factor_at) == (["pwd"], None)


# The limits


@pytest.mark.wire("C196")
@pytest.mark.parametrize("kind", ["password", "account"])
def test_codes_count_towards_the_limits_of_passwords(frontend, ann, settings, kind):
    limits = {"password": None, "account": None, kind: "3/day"}
    settings.USER_SESSIONS = settings.USER_SESSIONS | {"RATES": limits}
    sign_in = begun(frontend)  # the first attempt
    tried = [result_of(enter(frontend, sign_in, code)) for code in ("999999", "999998", CODE)]
    assert tried == [WRONG_CODE, WRONG_CODE, TOO_MANY]
    assert by_password(type(frontend)()).error == "too_many_requests"
    assert not UserSession.objects.exists()


def test_wrong_passwords_and_codes_are_counted_for_the_dashboard(browser, ann, workspace):
    by_password(browser, "battery staple")
    enter(browser, begun(browser), "999999")
    refusals.write()
    rows = RefusalCount.objects.values_list("kind", "number", "workspace_id")
    assert {*rows} == {("wrong_password", 1, NO_WORKSPACE), ("wrong_code", 1, workspace.pk)}


# The steps belong together


@pytest.mark.wire("C197")
def test_a_code_before_the_password_is_refused(frontend, ann):
    sign_in = frontend.post("v1/client/sign_ins", identifier="ann").json()["response"]["id"]
    assert result_of(enter(frontend, sign_in)) == NO_ACTION
    by_password(frontend, "battery staple")
    assert result_of(enter(frontend, sign_in)) == NO_ACTION
    assert nothing_is_let_in(frontend)


@pytest.mark.wire("C197")
def test_a_complete_sign_in_refuses_another_code(frontend, ann):
    sign_in = begun(frontend)
    enter(frontend, sign_in)
    assert result_of(enter(frontend, sign_in, OTHER_CODE)) == NO_ACTION
    assert UserSession.objects.count() == 1


@pytest.mark.wire("C197")
def test_a_password_is_not_asked_for_twice(frontend, ann):
    path = f"v1/client/sign_ins/{begun(frontend)}/attempt_first_factor"
    assert result_of(frontend.post(path, strategy="password", password=SECRET)) == NO_ACTION


@pytest.mark.wire("C197")
@pytest.mark.parametrize(("hours", "answer"), [(23, FINE), (25, NO_ACTION)])
def test_the_second_step_ends_with_the_sign_in(frontend, ann, hours, answer):
    sign_in = begun(frontend)
    SignIn.objects.update(created_at=timezone.now() - timedelta(hours=hours))
    assert result_of(enter(frontend, sign_in)) == answer


@pytest.mark.wire("C197")
def test_another_client_cannot_enter_the_code(frontend, ann):
    sign_in = begun(frontend)
    other = type(frontend)()
    assert result_of(enter(other, sign_in)) == (401, "signed_out")
    other.post("v1/client")
    assert result_of(enter(other, sign_in)) == NOT_FOUND


def test_a_new_sign_in_replaces_the_one_before(frontend, ann):
    first, second = begun(frontend), begun(frontend)
    assert result_of(enter(frontend, first)) == NOT_FOUND
    assert result_of(enter(frontend, second)) == FINE


def test_a_new_name_forgets_the_password_of_the_one_before(frontend, ann):
    begun(frontend)
    sign_in = frontend.post("v1/client/sign_ins", identifier="ann").json()["response"]["id"]
    assert result_of(enter(frontend, sign_in)) == NO_ACTION


def test_a_sign_in_whose_session_was_deleted_needs_the_password_again(frontend, ann):
    sign_in = begun(frontend)
    enter(frontend, sign_in)
    UserSession.objects.all().delete()
    assert SignIn.objects.get().status == SignIn.Status.NEEDS_FIRST_FACTOR
    assert result_of(enter(frontend, sign_in, OTHER_CODE)) == NO_ACTION


# The account changes between the two steps


def deactivated(ann):
    get_user_model().objects.update(is_active=False)
    return 403, "user_banned"


def with_a_new_password(ann):
    ann.set_password("battery staple")
    ann.save()
    return NO_ACTION


def with_a_new_password_by_update(ann):
    get_user_model().objects.update(password="!")
    return NO_ACTION


@pytest.mark.wire("C198")
@pytest.mark.parametrize("changed", [deactivated, with_a_new_password, with_a_new_password_by_update])
def test_a_user_who_changed_meanwhile_is_refused_and_keeps_the_code(frontend, ann, changed):
    sign_in = begun(frontend)
    refusal = changed(ann)
    assert result_of(enter(frontend, sign_in)) == refusal
    assert nothing_is_let_in(frontend)
    assert factors.APP.accepts(CODE)


@pytest.mark.wire("C198")
@pytest.mark.parametrize("kept", ["others", "all", "none"])
def test_a_password_change_refuses_the_second_step_under_every_policy(browser, ann, settings, kept):
    settings.USER_SESSIONS = settings.USER_SESSIONS | {"PASSWORD_CHANGE_ENDS": kept}
    sign_in = begun(browser)
    with_a_new_password(ann)
    assert result_of(enter(browser, sign_in)) == NO_ACTION


def test_a_password_that_changes_while_the_code_is_checked_gives_no_session(browser, ann, settings):
    sign_in = begun(browser)
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{__name__}.changing_the_password"}
    assert (
        browser.post(f"v1/client/sign_ins/{sign_in}/attempt_second_factor", strategy="totp", code=CODE).error
        == "form_password_incorrect"
    )
    assert nothing_is_let_in(browser)


def changing_the_password(user, identifier, request):
    """A requirement function that another request overtakes."""
    get_user_model().objects.update(password="!")
    return factors.both(user, identifier, request)


@pytest.mark.wire("C198")
def test_a_user_who_left_the_workspace_meanwhile_is_refused(browser, ann, settings):
    sign_in = begun(browser)
    settings.USER_SESSIONS = settings.USER_SESSIONS | {"WORKSPACE_USERS": "tests.user_sessions.profiles.users_of"}
    assert result_of(enter(browser, sign_in)) == NO_ACTION


@pytest.mark.wire("C198")
def test_a_deleted_user_is_gone(browser, ann):
    sign_in = begun(browser)
    ann.delete()
    assert result_of(enter(browser, sign_in)) == NOT_FOUND


@pytest.mark.wire("C198")
@pytest.mark.parametrize("requirement", ["refusing", "with_tasks"])
def test_what_the_host_requires_is_read_again_at_the_second_step(browser, ann, settings, requirement):
    sign_in = begun(browser)
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{factors.__name__}.{requirement}"}
    assert result_of(enter(browser, sign_in)) == NO_FACTOR
    assert nothing_is_let_in(browser)


# The host's function


def test_a_result_of_another_type_lets_nothing_in(browser, ann, settings):
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{factors.__name__}.wrong_type"}
    with pytest.raises(TypeError, match="must return a Requirement"):
        by_password(browser)
    assert not Client.objects.exists() and not UserSession.objects.exists()


def test_a_check_must_return_true_itself(browser, ann, settings):
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{factors.__name__}.truthy"}
    assert result_of(enter(browser, begun(browser))) == WRONG_CODE


def test_a_check_that_raises_lets_nothing_in(browser, ann, settings):
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{factors.__name__}.raising"}
    sign_in = begun(browser)
    with pytest.raises(KeyError):
        enter(browser, sign_in)
    assert nothing_is_let_in(browser)


@pytest.mark.wire("C199")
@pytest.mark.parametrize("requirement", ["with_tasks", "both_with_tasks"])
def test_a_session_begins_pending_with_the_tasks_of_the_host(browser, ann, settings, requirement):
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{factors.__name__}.{requirement}"}
    shown = by_password(browser).json()["response"]
    if shown["status"] == "needs_second_factor":
        enter(browser, shown["id"])
    (listed,) = browser.client_json()["sessions"]
    assert (listed["status"], listed["tasks"]) == ("pending", [{"key": "accept-terms"}])
    assert UserSession.objects.get().fulfil("accept-terms", actor="the host")
    assert browser.client_json()["sessions"][0]["status"] == "active"


def test_a_ticket_needs_no_second_factor_and_no_tasks(frontend, ann, settings):
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{factors.__name__}.both_with_tasks"}
    session = frontend.sign_in(ann)
    assert (session.status, session.second_factor_at) == ("active", None)
