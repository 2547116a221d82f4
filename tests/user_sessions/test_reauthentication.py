"""The page that asks for the password again: who may use it, what it changes, and where it sends the user."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY as USER_KEY
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone, translation

from sessions_core.models import Event, Workspace
from sessions_core.rates import counters
from tests.user_sessions import django_project, factors, step_up_pages
from user_sessions.models import Impersonated, NotLive, Status, UserSession
from user_sessions.models.reverification import UNVERIFIED
from user_sessions.reauthentication import note_step, reauthentication_url

PAGE = "/reauthenticate/"
SECRET = "first password"
NOW = timezone.now()
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def project(settings: Any, workspace: Workspace, tmp_path: Any) -> None:
    django_project.install(settings, tmp_path, urls=step_up_pages.__name__)
    django_project.use_engine(settings, "db")
    settings.LOGIN_URL, settings.LOGIN_REDIRECT_URL = "/login/", "/private/"
    counters.clear()


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password=SECRET)


@pytest.fixture
def client(ann: User) -> Client:
    """Return a browser whose user signed in an hour ago."""
    client = Client()
    client.force_login(ann)
    age()
    return client


def age() -> None:
    UserSession.objects.update(verified_at=timezone.now() - 60 * MINUTE)


def prove(client: Client, password: str = SECRET, next: str = "/page/?a=1", **headers: str) -> Any:
    return client.post(PAGE, {"password": password, "next": next}, headers=headers)


def is_verified(client: Client) -> bool:
    return client.get("/page/").status_code == 200


@pytest.mark.parametrize("engine", django_project.ENGINES)
def test_the_password_admits_the_user_and_returns_to_the_page(settings, ann, engine):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    client = Client()
    client.force_login(ann)
    age()
    form = client.get("/page/?a=1", follow=True)
    assert form.request["PATH_INFO"] == PAGE
    assert 'name="next" value="/page/?a=1"' in form.content.decode()
    assert prove(client).headers["location"] == "/page/?a=1"
    assert is_verified(client)


def test_the_session_stays_the_same_and_an_event_records_it(client):
    session = UserSession.objects.get()
    prove(client)
    assert UserSession.objects.get() == session
    event = Event.objects.filter(type="user_session.reverified").get()
    assert (event.subject, event.actor) == (session.pk, session.actor)


@pytest.mark.parametrize("password", ["wrong", "", "\0", " first password", "x" * 5000])
def test_a_wrong_password_admits_nobody(client, password):
    response = prove(client, password)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not is_verified(client)
    assert not Event.objects.filter(type="user_session.reverified").exists()


def test_the_password_of_another_user_admits_nobody(client):
    User.objects.create_user("bob", password="of bob")
    prove(client, "of bob")
    assert not is_verified(client)


class OfBob(BaseBackend):
    """A backend that returns another user than the one who was asked for."""

    def authenticate(self, request: Any, username: str = "", password: str = "") -> Any:
        return User.objects.get(username="bob")


def test_a_backend_that_finds_another_user_admits_nobody(client, settings):
    User.objects.create_user("bob")
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", f"{__name__}.OfBob"]
    prove(client, "wrong")
    assert not is_verified(client)


def test_a_session_from_before_the_installation_can_be_verified(ann, client):
    UserSession.objects.update(verified_at=UNVERIFIED)
    prove(client)
    assert is_verified(client)


def test_an_anonymous_caller_signs_in_which_is_proof_enough(ann):
    client = Client()
    response = client.get(f"{PAGE}?next=/page/")
    assert response.headers["location"] == "/login/?next=/page/"
    client.post("/login/", {"username": "ann", "password": SECRET})
    assert is_verified(client)


# Where it returns to

FOREIGN = [
    *("https://evil.example/", "//evil.example", "///evil.example", r"\\evil.example", r"/\evil.example"),
    *("javascript:alert(1)", "http:///evil.example", "http:evil.example", "https://testserver@evil.example"),
    "\x08//evil",
]


@pytest.mark.parametrize("next", FOREIGN)
def test_it_returns_to_no_other_host(client, next):
    assert "evil" not in client.get(PAGE, {"next": next}).content.decode()
    assert prove(client, next=next).headers["location"] == "/private/"


@pytest.mark.parametrize("next", FOREIGN)
def test_an_anonymous_caller_is_sent_to_no_other_host(ann, next):
    assert Client().get(PAGE, {"next": next}).headers["location"] == "/login/?next=/private/"


def test_over_https_it_does_not_return_to_http(client):
    response = client.post(PAGE, {"password": SECRET, "next": "http://testserver/page/"}, secure=True)
    assert response.headers["location"] == "/private/"


def test_next_is_escaped_in_the_page(client):
    assert "<script>" not in client.get(PAGE, {"next": '/"><script>'}).content.decode()


def test_a_form_returns_to_its_page(client):
    refused = client.post("/page/", headers={"referer": "http://testserver/private/"})
    form = client.get(refused.headers["location"])
    assert prove(client, next=form.context["next"]).headers["location"] == "http://testserver/private/"


# Attacks


def test_the_form_needs_a_csrf_token(ann, client, settings):
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if "csrf" not in each]  # the page checks it itself
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert prove(strict).status_code == 403
    form = strict.get(PAGE)
    token = str(form.context["csrf_token"])
    assert strict.post(PAGE, {"password": SECRET, "csrfmiddlewaretoken": token}).status_code == 302


def test_guesses_are_limited_and_a_success_does_not_reset_the_limit(client, settings):
    settings.USER_SESSIONS = {"RATES": {"password": "2/minute"}}
    assert prove(client).status_code == 302
    age()
    assert prove(client, "wrong").status_code == 200
    refused = prove(client)
    assert (refused.status_code, 0 < int(refused.headers["Retry-After"]) <= 60) == (429, True)
    assert not is_verified(client)


def test_guesses_from_many_networks_are_limited_together(client, settings):
    settings.USER_SESSIONS = {"RATES": {"account": "2/minute"}}
    settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "TRUSTED_PROXIES": 1}
    statuses = [prove(client, "wrong", **{"x-forwarded-for": f"198.51.100.{n}"}).status_code for n in range(3)]
    assert statuses == [200, 200, 429]


class Locked(BaseBackend):
    """As django-axes refuses a caller."""

    def authenticate(self, request: Any, **credentials: Any) -> None:
        request.axes_locked_out = True
        raise PermissionDenied


def test_a_caller_whom_axes_has_locked_out_is_refused(client, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Locked", "django.contrib.auth.backends.ModelBackend"]
    client = Client()
    client.force_login(User.objects.get(), "django.contrib.auth.backends.ModelBackend")
    assert prove(client).status_code == 429


@pytest.mark.parametrize("engine", ["db", "cache", "cached_db", "file"])
def test_a_key_that_was_planted_before_is_not_verified(settings, ann, engine):
    """Session fixation: the Django session gets a new key."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    client, thief = Client(), Client()
    client.force_login(ann)
    age()
    thief.cookies["sessionid"] = client.cookies["sessionid"].value
    prove(client)
    assert client.cookies["sessionid"].value != thief.cookies["sessionid"].value
    assert is_verified(client)
    assert not is_verified(thief)


def test_a_session_that_was_revoked_meanwhile_is_not_verified(client, monkeypatch):
    def revoke(*_: Any) -> bool:
        return bool(UserSession.objects.get().revoke(actor="test"))

    monkeypatch.setattr("user_sessions.pages.reauthenticate_views.ReauthenticateView._is_correct", revoke)
    assert prove(client).headers["location"].startswith("/login/")
    assert UserSession.objects.get().status == Status.REVOKED


def test_the_page_is_not_cached(client):
    assert "no-store" in client.get(PAGE).headers["Cache-Control"]


class Broken(BaseBackend):
    """A backend whose directory is away."""

    def authenticate(self, request: Any, username: str = "", password: str = "") -> None:
        raise RuntimeError("the directory is away")


@pytest.mark.promise("P7")
def test_an_error_report_does_not_contain_the_password(ann, settings, reports):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Broken", "django.contrib.auth.backends.ModelBackend"]
    client = Client(raise_request_exception=False)
    client.force_login(ann, "django.contrib.auth.backends.ModelBackend")
    assert prove(client).status_code == 500
    (report,) = reports
    assert "the directory is away" in report
    assert SECRET not in report


# Users who have no password, or need more


def second_factor(user: Any, identifier: str, request: Any) -> str:
    return "This account has a second factor, which cannot be entered here."


@pytest.fixture(params=["no password", "a refusal", "a second factor", "no user session"])
def more(request, client, settings, ann) -> Client:
    """Return the browser of a user for whom a password is not enough."""
    if request.param == "no password":
        User.objects.update(password="!")
        client.force_login(User.objects.get())
        age()
    elif request.param == "a refusal":
        settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": f"{__name__}.second_factor"}
    elif request.param == "a second factor":
        settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": factors.BOTH}
    else:
        settings.USER_SESSIONS = {"ADOPT_DJANGO_SESSIONS": False}
        session = client.session
        del session["_user_session_id"]
        session.save()
    return client


def test_they_are_asked_to_sign_in_again(more):
    page = more.get("/page/", follow=True)
    assert "Sign out and sign in again." in page.content.decode()
    assert 'type="password"' not in page.content.decode()
    assert USER_KEY in more.session  # a link signs nobody out
    response = more.post(PAGE, {"password": SECRET, "next": "/page/"})
    assert response.headers["location"] == "/login/?next=/page/"
    assert USER_KEY not in more.session


def test_every_user_can_sign_in_again_instead(client):
    assert 'name="sign_out"' in client.get(PAGE).content.decode()
    response = client.post(PAGE, {"sign_out": "yes", "next": "/page/"})
    assert response.headers["location"] == "/login/?next=/page/"
    assert UserSession.objects.get().status == Status.ENDED


# Projects


def test_a_project_without_the_middleware_has_no_such_page(settings, ann):
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if "user_sessions" not in each]
    assert Client().get(PAGE).status_code == 404


def test_a_project_that_includes_no_such_page_sends_users_to_its_login_page(settings, ann):
    assert reauthentication_url(ann) == PAGE == reverse("user_sessions:reauthenticate")
    settings.ROOT_URLCONF = "client_sessions.urls"
    assert reauthentication_url(ann) == "/login/"


def test_the_page_is_in_the_language_of_the_request_and_needs_no_script(client):
    with translation.override("ar"):
        text = client.get(PAGE).content.decode()
    assert "<script" not in text
    assert '<html lang="ar" dir="rtl">' in text


# The verb


def test_the_verb_never_moves_the_time_back(workspace, ann):
    session = UserSession.objects.start(workspace, ann, actor="test", at=NOW)
    session.record_reauthentication(actor="test", at=NOW + MINUTE)
    session.record_reauthentication(actor="test", at=NOW)
    assert session.verified_at == NOW + MINUTE
    assert Event.objects.filter(type="user_session.reverified").count() == 1


@pytest.mark.parametrize("verb", ["end", "revoke", "remove", "replace"])
def test_the_verb_refuses_a_session_that_is_over(workspace, ann, verb):
    session = UserSession.objects.start(workspace, ann, actor="test", at=NOW)
    stale = UserSession.objects.get()
    getattr(session, verb)(actor="test", at=NOW)
    with pytest.raises(NotLive):
        stale.record_reauthentication(actor="test", at=NOW + MINUTE)
    assert UserSession.objects.get().verified_at == NOW


def test_the_verb_refuses_an_impersonation(workspace, ann):
    session = UserSession.objects.start(workspace, ann, actor="test", impersonator={"sub": "operator:1"})
    with pytest.raises(Impersonated):
        session.record_reauthentication(actor="test")


def test_a_step_at_allauth_counts_if_it_is_a_reauthentication_of_this_user(client, ann):
    request: Any = RequestFactory().get("/")
    request.user_session = UserSession.objects.get()
    note_step(User, request, ann)  # a step of a sign-in
    note_step(User, request, User.objects.create_user("bob"), reauthenticated=True)
    note_step(User, RequestFactory().get("/"), ann, reauthenticated=True)  # without our middleware
    assert not is_verified(client)
    note_step(User, request, ann, reauthenticated=True)
    assert is_verified(client)
    assert UserSession.objects.get(user=ann).second_factor_at is None
    note_step(User, request, ann, method="mfa", reauthenticated=True)
    assert UserSession.objects.get(user=ann).second_factor_at is not None
