"""The host's backends get the identifier that the user typed, as from Django's login form."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.signals import user_login_failed

from user_sessions.models import SignIn, UserSession

SECRET = "correct horse battery staple"
DJANGO = "django.contrib.auth.backends.ModelBackend"


class Recording(BaseBackend):
    """A backend that records names and refuses every sign-in."""

    asked: list[str] = []

    def authenticate(self, request, username=None, password=None):
        self.asked.append(username)


class ByAddress(BaseBackend):
    """A backend that finds users by e-mail address only."""

    def authenticate(self, request, username=None, password=None):
        user = get_user_model().objects.filter(email__iexact=username).first()
        return user if user and password == SECRET else None


@pytest.fixture
def ann(at_home):
    return get_user_model().objects.create_user("ann\u00e9", "ann@example.com", SECRET)


@pytest.fixture
def backends(settings):
    def backends(*names):
        settings.AUTHENTICATION_BACKENDS = [name if "." in name else f"{__name__}.{name}" for name in names]
        Recording.asked = []

    return backends


@pytest.fixture
def failures():
    """Collect the names of failed logins."""
    names = []

    def failed(credentials, **_):
        names.append(credentials["username"])

    user_login_failed.connect(failed)
    yield names
    user_login_failed.disconnect(failed)


def by_password(frontend, name, password=SECRET):
    return frontend.post("v1/client/sign_ins", strategy="password", identifier=name, password=password)


def in_two_steps(frontend, name, password=SECRET):
    begun = frontend.post("v1/client/sign_ins", identifier=name).json()["response"]
    path = f"v1/client/sign_ins/{begun['id']}/attempt_first_factor"
    return frontend.post(path, strategy="password", password=password)


@pytest.mark.parametrize("sign_in", [by_password, in_two_steps])
@pytest.mark.parametrize("name", [" ann\u00e9", "ann\u00e9\t", "ann\u0065\u0301", " ANN@example.com "])
def test_a_name_is_cleaned_as_by_djangos_login_form(browser, ann, sign_in, name):
    assert sign_in(browser, name).status_code == 200
    assert SignIn.objects.get().identifier == name.strip().replace("\u0065\u0301", "\u00e9")


@pytest.mark.parametrize(("name", "error"), [("  ", "form_param_nil"), ("\ufdfa" * 20, "form_param_value_invalid")])
def test_a_name_that_is_empty_or_too_long_once_cleaned_is_refused(browser, ann, name, error):
    assert by_password(browser, name).error == error
    assert browser.post("v1/client/sign_ins", identifier=name).error == error


@pytest.mark.parametrize("name", [" ann\u00e9 ", "ann\u0065\u0301", "Nobody  else", "ANN@example.com"])
def test_a_host_backend_gets_the_name_as_from_djangos_login_form(browser, ann, backends, name):
    backends("Recording")
    assert not AuthenticationForm(data={"username": name, "password": "wrong"}).is_valid()
    by_password(browser, name, "wrong")
    (of_django, ours) = Recording.asked
    assert ours == of_django


@pytest.mark.parametrize("sign_in", [by_password, in_two_steps])
def test_an_email_backend_signs_users_in_by_address(browser, ann, backends, sign_in):
    backends("ByAddress")
    assert by_password(browser, "ann\u00e9").error == "form_password_incorrect"
    assert sign_in(browser, "ann@example.com").status_code == 200


def test_an_email_backend_also_reverifies_users(browser, ann, backends):
    backends("ByAddress")
    session = by_password(browser, "ann@example.com").json()["response"]["created_session_id"]
    browser.verb(session, "verify", level="first_factor")
    answer = browser.verb(session, "verify/attempt_first_factor", strategy="password", password=SECRET)
    assert answer.status_code == 200


@pytest.mark.parametrize("beside", [(), ("Recording",), ("ByAddress",)])
def test_model_backend_signs_users_in_by_address_and_counts_a_failure_once(browser, ann, backends, failures, beside):
    backends(*beside, DJANGO)
    assert by_password(browser, "ann@example.com").status_code == 200
    assert failures == []
    assert by_password(browser, "ann@example.com", "wrong").error == "form_password_incorrect"
    assert failures == ["ann\u00e9"]


def test_an_address_is_passed_to_backends_if_django_has_no_password(browser, ann, backends):
    backends(DJANGO, "ByAddress")
    ann.set_unusable_password()
    ann.save()
    assert by_password(browser, "ann@example.com").status_code == 200


def test_in_one_step_the_backend_decides_which_user_has_the_name(browser, ann, backends):
    other = get_user_model().objects.create_user("ann@example.com", "other@example.com")
    get_user_model().objects.filter(pk=ann.pk).update(email="ann@example.com")
    backends("ByAddress")
    assert in_two_steps(browser, "ann@example.com").error == "form_password_incorrect"
    assert by_password(browser, "ann@example.com").status_code == 200
    assert UserSession.objects.get().user == ann != other


def identifiers(frontend):
    """Return the identifiers in the environment, which the prebuilt components ask for."""
    attributes = frontend.get("v1/environment").json()["user_settings"]["attributes"]
    return [name for name, attribute in attributes.items() if attribute["used_for_first_factor"]]


def test_users_are_asked_for_a_username_or_an_address(frontend, ann):
    assert sorted(identifiers(frontend)) == ["email_address", "username"]
    begun = frontend.post("v1/client/sign_ins", identifier="ann@example.com").json()["response"]
    assert begun["supported_identifiers"] == ["username", "email_address"]


def test_users_whose_username_is_an_address_are_asked_for_an_address(frontend, ann, monkeypatch):
    monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "email")
    assert identifiers(frontend) == ["email_address"]
    begun = frontend.post("v1/client/sign_ins", identifier="ann@example.com").json()["response"]
    assert begun["supported_identifiers"] == ["email_address"]


def test_users_without_a_column_for_addresses_are_asked_for_a_username(frontend, monkeypatch):
    monkeypatch.setattr(get_user_model(), "EMAIL_FIELD", "address")
    assert identifiers(frontend) == ["username"]


def test_the_environment_offers_nothing_that_changes_accounts(frontend):
    settings = frontend.get("v1/environment").json()["user_settings"]
    assert settings["sign_up"]["mode"] == "restricted"
    assert not any(settings["actions"].values())
    assert all(attribute["immutable"] for attribute in settings["attributes"].values())
    assert not settings["attributes"]["password"]["enabled"]  # otherwise components would offer to set one
