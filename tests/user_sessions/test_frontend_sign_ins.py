"""Sign-in with a password, in one step or two, and its rate limits."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from sessions_core.cleaning import clean, kind_named
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
def login_signals():
    """Collect the user names in Django's login signals."""
    logins = {"in": [], "failed": []}

    def logged_in(user, **_):
        logins["in"].append(user.username)

    def failed(credentials, **_):
        logins["failed"].append(credentials)

    user_logged_in.connect(logged_in)
    user_login_failed.connect(failed)
    yield logins
    user_logged_in.disconnect(logged_in)
    user_login_failed.disconnect(failed)


def try_password(frontend, identifier="ann", password=SECRET):
    return frontend.post("v1/client/sign_ins", strategy="password", identifier=identifier, password=password)


def result_of(response):
    return response.status_code, response.error


# One step


@pytest.mark.wire("C106")
@pytest.mark.parametrize("identifier", ["ann", "ann@example.com", "Ann@Example.COM"])
def test_a_password_signs_in_by_user_name_or_email_address(frontend, ann, identifier):
    answer = try_password(frontend, identifier).json()
    assert (answer["response"]["status"], answer["response"]["identifier"]) == ("complete", identifier)
    session = UserSession.objects.get()
    assert session.pk == answer["response"]["created_session_id"] == answer["client"]["last_active_session_id"]
    assert (session.user, session.amr) == (ann, ["pwd"])
    assert answer["client"]["sessions"][0]["last_active_token"]["jwt"]


@pytest.mark.wire("C106")
def test_a_wrong_password_and_an_unknown_identifier_have_their_own_codes(frontend, ann):
    for given, refusal, parameter in (
        ({"password": WRONG}, WRONG_PASSWORD, "password"),
        ({"identifier": "nobody"}, NOT_FOUND, "identifier"),
    ):
        response = try_password(frontend, **given)
        assert result_of(response) == refusal
        assert first_error(response)["meta"] == {"param_name": parameter}
    assert frontend.credential == ""
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
def test_an_invalid_sign_in_is_refused(browser, ann, form, code):
    assert result_of(browser.post("v1/client/sign_ins", **form)) == (422, code)


def test_an_address_of_two_users_is_not_found(browser, ann):
    get_user_model().objects.create_user("anna", "ann@example.com", SECRET)
    assert result_of(try_password(browser, "ann@example.com")) == NOT_FOUND
    assert result_of(try_password(browser, "anna")) == ANSWERED


def test_a_user_name_takes_precedence_over_an_address(browser, ann):
    other = get_user_model().objects.create_user("ann@example.com", "other@example.com", SECRET)
    assert result_of(try_password(browser, "ann@example.com")) == ANSWERED
    assert UserSession.objects.get().user == other


@pytest.mark.wire("C168")
def test_only_the_correct_password_shows_that_a_user_is_inactive(browser, ann):
    ann.is_active = False
    ann.save()
    assert result_of(try_password(browser, password=WRONG)) == WRONG_PASSWORD
    assert result_of(try_password(browser)) == (403, "user_banned")
    assert not UserSession.objects.exists()


@pytest.mark.wire("C169")
def test_a_user_without_a_password_gets_its_own_error(browser, u1):
    assert result_of(try_password(browser, "u1")) == (400, "strategy_for_user_invalid")


def test_users_of_another_workspace_are_not_found(browser, settings, u1, ann):
    settings.USER_SESSIONS = {"WORKSPACE_USERS": "tests.user_sessions.profiles.users_of"}
    assert result_of(try_password(browser)) == NOT_FOUND
    assert result_of(browser.post("v1/client/sign_ins", identifier="ann@example.com")) == NOT_FOUND
    assert result_of(browser.post("v1/client/sign_ins", identifier="u1")) == ANSWERED


class Refusing(ModelBackend):
    """A backend of the host that refuses every user."""

    def authenticate(self, request, **credentials):
        raise PermissionDenied


def test_the_hosts_backends_decide(browser, settings, ann, login_signals):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Refusing", "django.contrib.auth.backends.ModelBackend"]
    assert result_of(try_password(browser)) == WRONG_PASSWORD
    assert [credentials["username"] for credentials in login_signals["failed"]] == ["ann"]
    assert SECRET not in str(login_signals["failed"])
    assert login_signals["in"] == []


def test_user_logged_in_is_sent_for_logins_but_not_for_impersonations(at_home, ann, login_signals):
    assert result_of(try_password(App())) == ANSWERED
    App().sign_in(ann)
    assert login_signals["in"] == ["ann", "ann"]
    ann.refresh_from_db()
    last_login = ann.last_login
    assert last_login is not None
    App().sign_in(ann, impersonator={"sub": "user_9"})
    ann.refresh_from_db()
    assert (login_signals["in"], ann.last_login) == (["ann", "ann"], last_login)


# Two steps


@pytest.fixture
def begun(frontend, ann):
    """Begin a sign-in that still needs a password."""
    answer = frontend.post("v1/client/sign_ins", identifier="ann").json()
    assert answer["client"]["sign_in"] == answer["response"]
    return answer["response"]


def attempt(frontend, sign_in, password=SECRET):
    path = f"v1/client/sign_ins/{sign_in['id']}/attempt_first_factor"
    return frontend.post(path, strategy="password", password=password)


@pytest.mark.wire("C107")
def test_a_password_signs_in_in_two_steps(frontend, begun):
    assert (begun["status"], begun["supported_first_factors"]) == ("needs_first_factor", [{"strategy": "password"}])
    assert (begun["created_session_id"], begun["user_data"]) == (None, None)
    assert frontend.client_json()["sign_in"] == begun
    assert result_of(attempt(frontend, begun, WRONG)) == WRONG_PASSWORD
    assert frontend.client_json()["sign_in"] == begun
    before = frontend.credential
    answer = attempt(frontend, begun).json()
    assert (answer["response"]["id"], answer["response"]["status"]) == (begun["id"], "complete")
    assert answer["client"]["sign_in"] is None
    assert frontend.client_json()["sign_in"] is None
    assert frontend.client_json()["last_active_session_id"] == answer["response"]["created_session_id"]
    assert frontend.credential != before


@pytest.mark.wire("C170")
def test_a_complete_sign_in_cannot_be_attempted_again(frontend, begun):
    done = attempt(frontend, begun).json()["response"]
    assert frontend.get(f"v1/client/sign_ins/{done['id']}").json()["response"] == done
    assert result_of(attempt(frontend, done)) == (400, "invalid_action_for_sign_in")


def test_a_sign_in_of_another_client_is_not_found(frontend, begun):
    other = type(frontend)()
    other.post("v1/client")
    for id in (begun["id"], "sia_" + "0" * 27):
        assert result_of(attempt(other, {"id": id})) == (404, "resource_not_found")
        assert result_of(other.get(f"v1/client/sign_ins/{id}")) == (404, "resource_not_found")
    assert other.client_json()["sessions"] == []


@pytest.mark.wire("C171")
def test_a_sign_in_left_for_a_day_is_abandoned(frontend, begun):
    SignIn.objects.update(created_at=timezone.now() - timedelta(days=1))
    assert frontend.client_json()["sign_in"] is None
    assert frontend.get(f"v1/client/sign_ins/{begun['id']}").json()["response"]["status"] == "abandoned"
    assert result_of(attempt(frontend, begun)) == (400, "invalid_action_for_sign_in")


def test_the_latest_sign_in_of_a_client_is_its_only_one(frontend, begun, u1):
    later = frontend.post("v1/client/sign_ins", identifier="u1").json()["response"]
    assert later["supported_first_factors"] == []  # u1 has no password
    assert frontend.client_json()["sign_in"] == later
    assert result_of(attempt(frontend, begun)) == (404, "resource_not_found")


def test_a_client_is_not_deleted_between_the_two_steps(frontend, ann):
    frontend.post("v1/client")
    Client.objects.update(updated_at=timezone.now() - timedelta(days=2))
    begun = frontend.post("v1/client/sign_ins", identifier="ann").json()["response"]
    assert clean(kind_named("clients")).deleted == 0
    assert result_of(attempt(frontend, begun)) == ANSWERED


def test_no_sign_in_begins_on_a_deleted_client(frontend, ann, monkeypatch):
    def find(workspace, name):
        Client.objects.all().delete()
        return ann

    frontend.post("v1/client")
    monkeypatch.setattr(sign_in_views, "find_by_name", find)
    assert result_of(frontend.post("v1/client/sign_ins", identifier="ann")) == (401, "authentication_invalid")
    assert not SignIn.objects.exists()


# Rate limits


@pytest.fixture
def rates(settings):
    def rates(**rates):
        settings.USER_SESSIONS = {"RATES": {"visitor": None, "password": None, "account": None, **rates}}

    return rates


def test_a_successful_sign_in_does_not_reset_the_password_rate(at_home, rates, ann):
    get_user_model().objects.create_user("bob", password=SECRET)
    rates(password="3/day")
    answers = [result_of(try_password(App(), password=password)) for password in (WRONG, SECRET, WRONG, SECRET)]
    assert answers == [WRONG_PASSWORD, ANSWERED, WRONG_PASSWORD, TOO_MANY]
    assert result_of(try_password(App(), "bob")) == ANSWERED
    assert UserSession.objects.count() == 2


@pytest.mark.wire("C172")
def test_a_rate_limited_sign_in_gets_retry_after(at_home, rates, ann):
    rates(password="1/day")
    try_password(App())
    response = try_password(App())
    assert result_of(response) == TOO_MANY
    assert 1 <= int(response.headers["Retry-After"]) <= 86_400


def test_both_steps_count_towards_the_same_rate(frontend, rates, begun):
    rates(password="1/day")
    assert result_of(attempt(frontend, begun, WRONG)) == WRONG_PASSWORD
    assert result_of(try_password(type(frontend)())) == TOO_MANY


def test_the_account_rate_counts_all_addresses(at_home, rates, settings, ann):
    settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "TRUSTED_PROXIES": 1}
    rates(password="1/day", account="2/day")
    found = [result_of(try_password(App(x_forwarded_for=f"192.0.2.{n}"), password=WRONG)) for n in (1, 1, 2, 3)]
    assert found == [WRONG_PASSWORD, TOO_MANY, WRONG_PASSWORD, TOO_MANY]


def test_visitors_are_counted_when_they_become_clients_and_when_they_sign_in(at_home, rates, u1):
    rates(visitor="2/day")
    app = App()
    assert result_of(app.post("v1/client")) == ANSWERED
    assert result_of(app.post("v1/client")) == ANSWERED  # it is a client already
    assert result_of(app.try_to_sign_in(u1)) == ANSWERED
    assert [result_of(App().post("v1/client")), result_of(App().try_to_sign_in(u1))] == [TOO_MANY, TOO_MANY]
    assert result_of(App().get("v1/client")) == ANSWERED
