"""Host projects: their backends, failing receivers and profiles, and users deactivated by an update."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db import connection
from django.utils import timezone

from tests.user_sessions.frontend import App, Browser
from user_sessions.models import Activity, Client, Definition, JwtTemplate, Ticket, UserSession, UserSessionPolicy
from user_sessions.tokens.session_tokens import template_token
from user_sessions.tokens.ticket_tokens import ticket_token

SECRET = "correct horse battery staple"


class Directory(BaseBackend):
    """A backend with an external directory, such as LDAP, which creates users at their first sign-in."""

    def authenticate(self, request, username=None, password=None):
        if password != SECRET:
            return None
        return get_user_model().objects.get_or_create(username=username)[0]

    def get_user(self, user_id):
        return get_user_model().objects.get(pk=user_id)


class Keeping(ModelBackend):
    """A backend of the host that checks passwords like Django's."""


def by_password(frontend, name, password=SECRET):
    return frontend.post("v1/client/sign_ins", strategy="password", identifier=name, password=password)


@pytest.fixture
def directory(settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Directory"]


@pytest.mark.parametrize("name", ["u1", "new user"])
def test_an_authentication_backend_signs_its_users_in(frontend, directory, u1, name):
    u1.set_unusable_password()
    u1.save()
    assert by_password(frontend, name).status_code == 200
    assert UserSession.objects.get().user.username == name


def test_a_user_unknown_to_every_backend_is_not_found(browser, directory):
    assert by_password(browser, "new user", "wrong").error == "form_identifier_not_found"
    assert not get_user_model().objects.exists()


def test_a_user_of_another_workspace_cannot_sign_in(browser, directory, settings):
    settings.USER_SESSIONS = {"WORKSPACE_USERS": "tests.user_sessions.profiles.users_of"}
    assert by_password(browser, "new user").error == "form_identifier_not_found"
    assert not UserSession.objects.exists()


def test_a_user_who_left_the_workspace_between_two_steps_cannot_sign_in(browser, directory, settings, u2):
    begun = browser.post("v1/client/sign_ins", identifier="u2").json()["response"]
    settings.USER_SESSIONS = {"WORKSPACE_USERS": "tests.user_sessions.profiles.users_of"}
    path = f"v1/client/sign_ins/{begun['id']}/attempt_first_factor"
    assert browser.post(path, strategy="password", password=SECRET).error == "form_identifier_not_found"
    assert not UserSession.objects.exists()


@pytest.mark.parametrize("backends", [["Directory"], ["Keeping", "Directory"]])
def test_a_directory_user_with_a_wrong_password_gets_the_usual_error(browser, settings, u1, backends):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.{backend}" for backend in backends]
    assert by_password(browser, "u1", "wrong").error == "form_password_incorrect"
    begun = browser.post("v1/client/sign_ins", identifier="u1").json()["response"]
    assert begun["supported_first_factors"] == [{"strategy": "password"}]
    attempt = f"v1/client/sign_ins/{begun['id']}/attempt_first_factor"
    assert browser.post(attempt, strategy="password", password="wrong").error == "form_password_incorrect"
    assert browser.post(attempt, strategy="password", password=SECRET).status_code == 200


def test_a_user_without_a_password_is_refused_if_django_stores_every_password(browser, settings, u1):
    of_django = [f"django.contrib.auth.backends.{name}" for name in ("ModelBackend", "RemoteUserBackend")]
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Keeping", *of_django]
    assert by_password(browser, "u1", "wrong").error == "strategy_for_user_invalid"
    begun = browser.post("v1/client/sign_ins", identifier="u1").json()["response"]
    assert begun["supported_first_factors"] == []


def test_a_ticket_of_a_user_who_left_the_workspace_is_invalid(browser, settings, u1, u2):
    ticket = browser.ticket_for(u2)
    settings.USER_SESSIONS = {"WORKSPACE_USERS": "tests.user_sessions.profiles.users_of"}
    assert browser.use_ticket(ticket).error == "ticket_invalid_code"
    assert browser.get("v1/tickets/accept", f"?ticket={ticket}").error == "ticket_invalid_code"
    assert browser.try_to_sign_in(u1).status_code == 200
    settings.USER_SESSIONS = {}
    assert browser.use_ticket(ticket).status_code == 200, "and it was not used up"


@pytest.fixture
def numbered(monkeypatch):
    """Use numbers as user names."""
    monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "id")
    return get_user_model().objects.create_user(username="u1", email="u1@example.com", password=SECRET)


@pytest.mark.parametrize("name", ["abc", "7.5", "-", "9" * 30, "nobody@example.com"])
def test_an_identifier_that_is_not_a_number_is_not_found_if_user_names_are_numbers(browser, numbered, name):
    assert by_password(browser, name).error == "form_identifier_not_found"
    assert browser.post("v1/client/sign_ins", identifier=name).error == "form_identifier_not_found"


@pytest.mark.parametrize("by_address", [False, True])
def test_a_numeric_user_name_is_a_string_in_the_api(browser, numbered, by_address):
    answer = by_password(browser, numbered.email if by_address else str(numbered.pk)).json()
    (session,) = answer["client"]["sessions"]
    assert session["user"]["username"] == session["public_user_data"]["username"] == str(numbered.pk)
    numbered.email = ""
    numbered.save()
    assert browser.client_json()["sessions"][0]["public_user_data"]["identifier"] == str(numbered.pk)


@pytest.mark.parametrize("name", ["u1", "nobody"])
def test_a_wrong_password_sends_user_login_failed(browser, u1, name):
    u1.is_active = False
    u1.save()
    heard = []

    def failed(credentials, **_):
        heard.append(credentials["username"])

    user_login_failed.connect(failed)
    by_password(browser, name, "wrong")
    assert heard == [name]


@pytest.fixture
def count_failures():
    """Store a row for each failed login, as lockout packages do."""

    def failed(**_):
        Group.objects.create(name=f"failed {Group.objects.count()}")

    user_login_failed.connect(failed)
    yield
    user_login_failed.disconnect(failed)


@pytest.mark.django_db(transaction=True)
def test_failed_logins_are_stored_with_atomic_requests(browser, count_failures, u1, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    for _ in range(2):
        by_password(browser, "u1", "wrong")
    assert Group.objects.count() == 2


def test_receivers_get_the_authenticating_backend(browser, directory, u1):
    heard = []

    def logged_in(user, **_):
        heard.append(user.backend)

    user_logged_in.connect(logged_in)
    by_password(browser, "u1")
    assert heard == [f"{__name__}.Directory"]


def fail(**_):
    raise RuntimeError("the host's receiver fails")


@pytest.mark.parametrize("strategy", ["password", "ticket"])
def test_receivers_get_the_form_and_user_as_at_a_django_login(browser, u1, strategy):
    u1.set_password(SECRET)
    u1.save()
    proof = {"password": SECRET, "identifier": "u1"} if strategy == "password" else {"ticket": browser.ticket_for(u1)}
    found = []

    def logged_in(request, **_):
        found.append((request.POST["strategy"], request.POST.getlist("next"), request.user))
        with pytest.raises(AttributeError, match="immutable"):
            request.POST["next"] = "elsewhere"

    user_logged_in.connect(logged_in)
    try:
        browser.post("v1/client/sign_ins", strategy=strategy, next="", **proof)
    finally:
        user_logged_in.disconnect(logged_in)
    assert found == [(strategy, [""], u1)]


def test_a_failed_sign_in_is_rolled_back(at_home, u1):
    """A failed sign-in does not use the ticket."""
    app = App()
    app.client.raise_request_exception = False
    ticket = app.ticket_for(u1)
    user_logged_in.connect(fail)
    try:
        assert app.use_ticket(ticket).status_code == 500
    finally:
        user_logged_in.disconnect(fail)
    assert not UserSession.objects.exists() and not Client.objects.exists()
    assert Ticket.objects.get().status == Ticket.Status.PENDING
    assert app.use_ticket(ticket).status_code == 200


def test_an_error_report_does_not_quote_a_ticket_in_the_url(at_home, reports, monkeypatch, u1):
    browser = Browser()
    browser.client.raise_request_exception = False
    ticket = browser.ticket_for(u1)
    monkeypatch.setattr(Ticket, "require_pending", lambda *_, **__: fail())
    assert browser.get("v1/tickets/accept", f"?ticket={ticket}").status_code == 500
    (report,) = reports
    assert "RuntimeError" in report and ticket not in report


def test_a_user_deactivated_by_an_update_is_signed_out(frontend, u1, u2):
    other = frontend.sign_in(u2)
    session = frontend.sign_in(u1)
    get_user_model().objects.filter(pk=u1.pk).update(is_active=False)
    client = frontend.client_json()
    assert client["last_active_session_id"] == other.pk
    assert [shown["last_active_token"] is None for shown in client["sessions"]] == [True, False]
    for verb in ("touch", "tokens"):
        assert frontend.verb(session, verb).error == "authentication_invalid"
    assert frontend.get("v1/me").json()["response"]["username"] == "u2"


def test_a_template_token_is_not_accepted_as_a_ticket(browser, workspace, u1):
    claims = {"iid": str(workspace.pk), "st": "sign_in_token"}
    template = JwtTemplate.objects.define(workspace, Definition(name="odd", claims=claims), actor="test")
    now = timezone.now()
    session = UserSession.objects.start(workspace, u1, actor="test", at=now)
    token = template_token(UserSession.minting(workspace, session.pk, at=now), template, at=now)
    assert browser.use_ticket(token).error == "ticket_invalid_code"


def test_the_password_rate_is_shared_by_workspaces(at_home, settings, elsewhere, u1):
    settings.USER_SESSIONS = {"RATES": {"account": "2/day"}}
    here, there = Browser(), Browser(host="elsewhere.example.com")
    assert by_password(here, "u1", "wrong").status_code == by_password(there, "u1", "wrong").status_code != 429
    assert by_password(there, "u1", "wrong").error == "too_many_requests"


@pytest.mark.parametrize("rate", ["password", "account"])
def test_the_password_rate_is_shared_by_spellings_of_a_name(at_home, directory, settings, rate):
    rates = {"visitor": None, "password": None, "account": None, rate: "3/day"}
    settings.USER_SESSIONS = {"RATES": rates}
    spellings = ("jane doe", "JANE DOE", "Jane  Doe ", "jane \uff24oe", "Jane Doe")
    errors = [by_password(App(), name, "wrong").error for name in spellings]
    assert errors == ["form_identifier_not_found"] * 3 + ["too_many_requests"] * 2
    assert by_password(App(), "JANE doe").error == "too_many_requests"
    assert by_password(App(), "john").status_code == 200


def test_one_ipv6_network_counts_as_one_visitor(at_home, settings, u1):
    settings.USER_SESSIONS = {"RATES": {"visitor": "2/day"}}
    answers = []
    for address in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", "2001:db8:1:2::3", "2001:db8:1:3::1"):
        app = App()
        app.client.defaults["REMOTE_ADDR"] = address
        answers.append(app.post("v1/client").status_code)
    assert answers == [200, 200, 429, 200]


def test_mapped_ipv4_addresses_count_as_different_visitors(at_home, settings):
    settings.USER_SESSIONS = {"RATES": {"visitor": "1/day"}}
    answers = []
    for address in ("::ffff:192.0.2.1", "::ffff:192.0.2.2", "192.0.2.1"):
        app = App()
        app.client.defaults["REMOTE_ADDR"] = address
        answers.append(app.post("v1/client").status_code)
    assert answers == [200, 200, 429]


@pytest.mark.parametrize(
    ("address", "kept"),
    [("::ffff:192.0.2.7", "192.0.2.7"), ("192.0.2.7", "192.0.2.7"), ("2001:DB8::1", "2001:db8::1"), ("unix:", None)],
)
def test_an_unchanged_activity_is_not_written(frontend, u1, address, kept):
    frontend.client.defaults["REMOTE_ADDR"] = address
    session = frontend.sign_in(u1)
    first = Activity.objects.get()
    UserSession.objects.update(last_active_at=timezone.now() - timedelta(minutes=5))
    assert frontend.verb(session, "touch").status_code == 200
    latest = Activity.objects.get()
    assert (latest.id, latest.ip_address) == (first.id, kept)


def test_a_ticket_is_404_without_a_sign_in_url(browser, workspace, u1):
    UserSessionPolicy.objects.update(sign_in_url="")
    ticket = Ticket.objects.issue(workspace, u1, actor="test", lifetime=UserSessionPolicy.of(workspace).lifetime)
    answer = browser.get("v1/tickets/accept", f"?ticket={ticket_token(ticket, at=timezone.now())}")
    assert answer.error == "resource_not_found"
