"""The host requires more than a password of some users, which only the correct password reveals."""

import pytest
from django.contrib.auth import get_user_model
from django.utils.translation import override

from tests.pages import blocks
from tests.user_sessions.test_frontend_names import by_password, in_two_steps
from user_sessions.models import UserSession
from user_sessions.requirements import Requirement, default_requirement
from user_sessions.second_factors import ADAPTERS

SECRET = "correct horse battery staple"


@pytest.fixture
def ann(at_home):
    return get_user_model().objects.create_user("ann", "ann@example.com", SECRET)


def of_ann(user, identifier, request):
    """A requirement function of the host."""
    return f"{identifier} signs in at {request.get_host()} only." if user.username.startswith("ann") else None


@pytest.mark.parametrize("sign_in", [by_password, in_two_steps])
def test_a_user_with_another_requirement_is_not_signed_in(frontend, ann, settings, sign_in):
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{__name__}.of_ann"}
    refused = sign_in(frontend, "ann@example.com")
    assert (refused.status_code, refused.error) == (400, "strategy_for_user_invalid")
    message = refused.json()["errors"][0]["long_message"]
    assert message == "ann@example.com signs in at here.example.com only."
    assert not UserSession.objects.exists()


def of_the_default(user, identifier, request):
    return default_requirement(user, identifier, request)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("user_sessions.requirements.default_requirement", "This account has a second factor, which"),
        (f"{__name__}.of_the_default", "Dieses Konto hat einen zweiten Faktor, der"),
    ],
)
def test_the_default_answers_in_english_unless_a_host_calls_it(frontend, ann, settings, monkeypatch, function, message):
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": function}
    monkeypatch.setitem(ADAPTERS, "user_sessions", lambda user, request: [])
    with override("de"):
        refused = by_password(frontend, "ann@example.com").json()["errors"][0]
    assert refused["long_message"].startswith(message)


@pytest.mark.parametrize("sign_in", [by_password, in_two_steps])
def test_a_requirement_is_shown_only_after_the_correct_password(browser, ann, settings, sign_in):
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{__name__}.of_ann"}
    assert sign_in(browser, "ann@example.com", "wrong").error == "form_password_incorrect"


def test_a_ticket_is_enough_where_a_password_is_not(browser, ann, settings):
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{__name__}.of_ann"}
    assert browser.try_to_sign_in(ann).status_code == 200


def test_users_without_another_requirement_sign_in(browser, ann, settings):
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{__name__}.of_ann"}
    get_user_model().objects.create_user("bob", password=SECRET)
    assert by_password(browser, "bob").status_code == 200


def test_the_documented_function_refuses_staff_and_users_refused_by_default(ann, rf):
    names = {}
    exec(compile(blocks("browsers.md", "python")[0], "browsers.md", "exec"), names)
    assert names["requirement"](ann, "ann", rf.get("/")) == Requirement()
    ann.is_staff = True
    assert names["requirement"](ann, "ann", rf.get("/")) == "Staff sign in at https://staff.example.com only."


def test_the_documented_function_adds_a_factor_and_a_task_of_the_host(ann, rf):
    names = {"has_pager": lambda user: True, "has_accepted_terms": lambda user: False}
    names["check_pager"] = lambda user, code: (user, code) == (ann, "1234")
    exec(compile(blocks("browsers.md", "python")[1], "browsers.md", "exec"), names)
    required = names["requirement"](ann, "ann", rf.get("/"))
    (pager,) = required.second_factors
    assert (pager.accepts("1234"), pager.accepts("4321"), required.tasks) == (True, False, ["accept-terms"])
