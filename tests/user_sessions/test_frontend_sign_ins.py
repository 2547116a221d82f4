"""How users sign in with a password: who is found, who is let in, in one step or in two, and how often they may try."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from tests.user_sessions.conftest import first_error
from tests.user_sessions.frontend import App
from user_sessions.clerk.frontend import sign_in_views
from user_sessions.models import Client, SignIn, UserSession

SECRET, WRONG = "correct horse", "battery staple"
ANSWERED = (200, "")
WRONG_PASSWORD = (422, "form_password_incorrect")
NOT_FOUND = (422, "form_identifier_not_found")
TOO_MANY = (429, "too_many_requests")


@pytest.fixture
def ann(at_home):
    return get_user_model().objects.create_user("ann", "ann@example.com", SECRET)


@pytest.fixture
def heard():
    """What Django's signals told of logins: the names of users."""
    told = {"in": [], "failed": []}

    def logged_in(user, **_):
        told["in"].append(user.username)

    def failed(credentials, **_):
        told["failed"].append(credentials)

    user_logged_in.connect(logged_in)
    user_login_failed.connect(failed)
    yield told
    user_logged_in.disconnect(logged_in)
    user_login_failed.disconnect(failed)


def try_password(somebody, identifier="ann", password=SECRET):
    return somebody.post("v1/client/sign_ins", strategy="password", identifier=identifier, password=password)


def told(response):
    return response.status_code, response.error


# Who is found, and let in


@pytest.mark.wire("C106")
@pytest.mark.parametrize("identifier", ["ann", "ann@example.com", "Ann@Example.COM"])
def test_a_password_signs_in_by_user_name_or_email_address(somebody, ann, identifier):
    answer = try_password(somebody, identifier).json()
    assert (answer["response"]["status"], answer["response"]["identifier"]) == ("complete", identifier)
    session = UserSession.objects.get()
    assert session.pk == answer["response"]["created_session_id"] == answer["client"]["last_active_session_id"]
    assert session.user == ann
    assert answer["client"]["sessions"][0]["last_active_token"]["jwt"]


@pytest.mark.wire("C106")
def test_a_wrong_password_and_an_unknown_identifier_have_their_own_codes(somebody, ann):
    for given, refusal, parameter in (
        ({"password": WRONG}, WRONG_PASSWORD, "password"),
        ({"identifier": "nobody"}, NOT_FOUND, "identifier"),
    ):
        response = try_password(somebody, **given)
        assert told(response) == refusal
        assert first_error(response)["meta"] == {"param_name": parameter}
    assert somebody.credential == ""
    assert not UserSession.objects.exists()


@pytest.mark.wire("C167")
@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, "form_param_missing"),
        ({"identifier": ""}, "form_param_nil"),
        ({"identifier": "a" * 256}, "form_param_value_invalid"),
        ({"identifier": "ann", "password": "x" * 4097}, "form_param_value_invalid"),
        ({"identifier": "ann", "strategy": "passkey"}, "form_param_value_invalid"),
        ({"strategy": "ticket"}, "form_param_missing"),
    ],
)
def test_what_is_no_sign_in_is_refused(browser, ann, form, code):
    assert told(browser.post("v1/client/sign_ins", **form)) == (422, code)


def test_an_address_of_two_users_is_nobodys(browser, ann):
    get_user_model().objects.create_user("anna", "ann@example.com", SECRET)
    assert told(try_password(browser, "ann@example.com")) == NOT_FOUND
    assert told(try_password(browser, "anna")) == ANSWERED


def test_a_user_name_goes_before_an_address(browser, ann):
    other = get_user_model().objects.create_user("ann@example.com", "other@example.com", SECRET)
    assert told(try_password(browser, "ann@example.com")) == ANSWERED
    assert UserSession.objects.get().user == other


@pytest.mark.wire("C168")
def test_only_whoever_knows_the_password_learns_that_the_user_may_not_sign_in(browser, ann):
    ann.is_active = False
    ann.save()
    assert told(try_password(browser, password=WRONG)) == WRONG_PASSWORD
    assert told(try_password(browser)) == (403, "user_banned")
    assert not UserSession.objects.exists()


@pytest.mark.wire("C169")
def test_a_user_without_a_password_is_told_so(browser, u1):
    assert told(try_password(browser, "u1")) == (400, "strategy_for_user_invalid")


def test_users_of_another_workspace_are_not_found(browser, settings, u1, ann):
    settings.USER_SESSIONS = {"WORKSPACE_USERS": "tests.user_sessions.profiles.users_of"}
    assert told(try_password(browser)) == NOT_FOUND
    assert told(browser.post("v1/client/sign_ins", identifier="ann@example.com")) == NOT_FOUND
    assert told(browser.post("v1/client/sign_ins", identifier="u1")) == ANSWERED


class Refusing(ModelBackend):
    """The host lets nobody in today."""

    def authenticate(self, request, **credentials):
        raise PermissionDenied


def test_the_hosts_backends_have_the_last_word(browser, settings, ann, heard):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Refusing", "django.contrib.auth.backends.ModelBackend"]
    assert told(try_password(browser)) == WRONG_PASSWORD
    assert [credentials["username"] for credentials in heard["failed"]] == ["ann"]
    assert SECRET not in str(heard["failed"])
    assert heard["in"] == []


def test_the_host_learns_of_every_login_but_of_no_impersonation(at_home, ann, heard):
    assert told(try_password(App())) == ANSWERED
    App().sign_in(ann)
    assert heard["in"] == ["ann", "ann"]
    ann.refresh_from_db()
    last_login = ann.last_login
    assert last_login is not None
    App().sign_in(ann, impersonator={"sub": "user_9"})
    ann.refresh_from_db()
    assert (heard["in"], ann.last_login) == (["ann", "ann"], last_login)


# In two steps


@pytest.fixture
def begun(somebody, ann):
    """A sign-in that wants a password, on the client of somebody."""
    answer = somebody.post("v1/client/sign_ins", identifier="ann").json()
    assert answer["client"]["sign_in"] == answer["response"]
    return answer["response"]


def attempt(somebody, sign_in, password=SECRET):
    path = f"v1/client/sign_ins/{sign_in['id']}/attempt_first_factor"
    return somebody.post(path, strategy="password", password=password)


@pytest.mark.wire("C107")
def test_a_password_signs_in_in_two_steps(somebody, begun):
    assert (begun["status"], begun["supported_first_factors"]) == ("needs_first_factor", [{"strategy": "password"}])
    assert (begun["created_session_id"], begun["user_data"]) == (None, None)
    assert somebody.shown()["sign_in"] == begun
    assert told(attempt(somebody, begun, WRONG)) == WRONG_PASSWORD
    assert somebody.shown()["sign_in"] == begun
    before = somebody.credential
    answer = attempt(somebody, begun).json()
    assert (answer["response"]["id"], answer["response"]["status"]) == (begun["id"], "complete")
    assert answer["client"]["sign_in"] is None
    assert somebody.shown()["sign_in"] is None
    assert somebody.shown()["last_active_session_id"] == answer["response"]["created_session_id"]
    assert somebody.credential != before


@pytest.mark.wire("C170")
def test_a_complete_sign_in_is_attempted_no_more(somebody, begun):
    done = attempt(somebody, begun).json()["response"]
    assert somebody.get(f"v1/client/sign_ins/{done['id']}").json()["response"] == done
    assert told(attempt(somebody, done)) == (400, "invalid_action_for_sign_in")


def test_a_sign_in_of_another_client_is_like_one_that_never_was(somebody, begun):
    other = type(somebody)()
    other.post("v1/client")
    for id in (begun["id"], "sia_" + "0" * 27):
        assert told(attempt(other, {"id": id})) == (404, "resource_not_found")
        assert told(other.get(f"v1/client/sign_ins/{id}")) == (404, "resource_not_found")
    assert other.shown()["sessions"] == []


@pytest.mark.wire("C171")
def test_a_sign_in_left_for_a_day_is_abandoned(somebody, begun):
    SignIn.objects.update(created_at=timezone.now() - timedelta(days=1))
    assert somebody.shown()["sign_in"] is None
    assert somebody.get(f"v1/client/sign_ins/{begun['id']}").json()["response"]["status"] == "abandoned"
    assert told(attempt(somebody, begun)) == (400, "invalid_action_for_sign_in")


def test_the_latest_sign_in_of_a_client_is_its_only_one(somebody, begun, u1):
    later = somebody.post("v1/client/sign_ins", identifier="u1").json()["response"]
    assert later["supported_first_factors"] == []  # u1 has no password
    assert somebody.shown()["sign_in"] == later
    assert told(attempt(somebody, begun)) == (404, "resource_not_found")


def test_a_client_is_not_forgotten_between_the_two_steps(somebody, ann):
    somebody.post("v1/client")
    Client.objects.update(updated_at=timezone.now() - timedelta(days=2))
    begun = somebody.post("v1/client/sign_ins", identifier="ann").json()["response"]
    assert Client.objects.forget_unused(at=timezone.now()) == 0
    assert told(attempt(somebody, begun)) == ANSWERED


def test_on_a_client_that_is_forgotten_meanwhile_no_sign_in_begins(somebody, ann, monkeypatch):
    def find(workspace, name):
        Client.objects.all().delete()
        return ann

    somebody.post("v1/client")
    monkeypatch.setattr(sign_in_views, "find_by_name", find)
    assert told(somebody.post("v1/client/sign_ins", identifier="ann")) == (401, "authentication_invalid")
    assert not SignIn.objects.exists()


# How often


@pytest.fixture
def rates(settings):
    def rates(**rates):
        settings.USER_SESSIONS = {"RATES": {"visitor": None, "password": None, "account": None, **rates}}

    return rates


def test_passwords_of_a_user_are_tried_so_often_and_a_success_forgives_nothing(at_home, rates, ann):
    get_user_model().objects.create_user("bob", password=SECRET)
    rates(password="3/day")
    answers = [told(try_password(App(), password=password)) for password in (WRONG, SECRET, WRONG, SECRET)]
    assert answers == [WRONG_PASSWORD, ANSWERED, WRONG_PASSWORD, TOO_MANY]
    assert told(try_password(App(), "bob")) == ANSWERED
    assert UserSession.objects.count() == 2


@pytest.mark.wire("C172")
def test_who_is_told_to_wait_is_told_how_long(at_home, rates, ann):
    rates(password="1/day")
    try_password(App())
    response = try_password(App())
    assert told(response) == TOO_MANY
    assert 1 <= int(response.headers["Retry-After"]) <= 86_400


def test_both_steps_count_to_the_same_rate(somebody, rates, begun):
    rates(password="1/day")
    assert told(attempt(somebody, begun, WRONG)) == WRONG_PASSWORD
    assert told(try_password(type(somebody)())) == TOO_MANY


def test_an_account_is_tried_so_often_from_anywhere(at_home, rates, settings, ann):
    settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "TRUSTED_PROXIES": 1}
    rates(password="1/day", account="2/day")
    found = [told(try_password(App(x_forwarded_for=f"192.0.2.{n}"), password=WRONG)) for n in (1, 1, 2, 3)]
    assert found == [WRONG_PASSWORD, TOO_MANY, WRONG_PASSWORD, TOO_MANY]


def test_visitors_are_counted_when_they_become_clients_and_when_they_sign_in(at_home, rates, u1):
    rates(visitor="2/day")
    app = App()
    assert told(app.post("v1/client")) == ANSWERED
    assert told(app.post("v1/client")) == ANSWERED  # it is a client already
    assert told(app.try_to_sign_in(u1)) == ANSWERED
    assert [told(App().post("v1/client")), told(App().try_to_sign_in(u1))] == [TOO_MANY, TOO_MANY]
    assert told(App().get("v1/client")) == ANSWERED
