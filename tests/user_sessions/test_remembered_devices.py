"""The cookie that names the client of a browser: when it is set, and what a later sign-in makes of it."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import AsyncClient
from django.test import Client as Handler
from django.test.utils import CaptureQueriesContext
from django.urls import path

from sessions_core.models import Workspace
from tests.user_sessions import django_project
from tests.user_sessions.django_project import becoming, install
from tests.user_sessions.frontend import Browser
from user_sessions import django_sign_ins
from user_sessions.models import Client, Status, UserSession
from user_sessions.remembered_devices import DEVICE_COOKIE
from user_sessions.tokens.device_tokens import device_token, not_me_token, read_device_token, read_not_me_token

PASSWORD = "first password"


@pytest.fixture(autouse=True)
def project(settings: Any, workspace: Workspace, tmp_path: Any) -> None:
    install(settings, tmp_path)
    settings.USER_SESSIONS = {"REMEMBER_DEVICES": True}


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password=PASSWORD)


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob", password=PASSWORD)


def log_in(browser: Handler, user: User, **how: Any) -> Any:
    return browser.post("/login/", {"username": user.username, "password": PASSWORD}, **how)


def session_of(browser: Handler) -> UserSession:
    return UserSession.objects.get(pk=browser.session["_user_session_id"])


def remembered(response: Any) -> str | None:
    return read_device_token(response.cookies[DEVICE_COOKIE].value) if DEVICE_COOKIE in response.cookies else None


def test_a_later_sign_in_in_the_same_browser_is_on_the_same_client(client, ann):
    log_in(client, ann)
    first = session_of(client)
    client.post("/logout/")
    log_in(client, ann)
    assert session_of(client).client_id == first.client_id
    assert session_of(client).pk != first.pk
    assert Client.objects.count() == 1


def test_it_replaces_a_session_of_the_user_that_was_still_live(client, ann):
    log_in(client, ann)
    first = session_of(client)
    del client.cookies["sessionid"]
    log_in(client, ann)
    first.refresh_from_db()
    assert (first.status, session_of(client).client_id) == (Status.REPLACED, first.client_id)


def test_another_user_of_the_browser_is_on_the_same_client(client, ann, bob):
    log_in(client, ann)
    client.post("/logout/")
    log_in(client, bob)
    assert Client.objects.count() == 1
    assert session_of(client).user_id == bob.pk


def test_scripts_and_other_sites_do_not_get_the_cookie_and_it_lasts_400_days(client, ann):
    cookie = log_in(client, ann).cookies[DEVICE_COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"], cookie["path"]) == (True, "Lax", "", "/")
    assert cookie["max-age"] == 400 * 24 * 60 * 60
    assert log_in(Handler(), ann, secure=True).cookies[DEVICE_COOKIE]["secure"]


def test_it_has_the_place_of_the_session_cookie(settings, client, ann):
    settings.SESSION_COOKIE_PATH, settings.SESSION_COOKIE_DOMAIN = "/app/", "example.com"
    settings.SESSION_COOKIE_SECURE = True
    cookie = log_in(client, ann).cookies[DEVICE_COOKIE]
    assert (cookie["path"], cookie["domain"], cookie["secure"]) == ("/app/", "example.com", True)


def test_only_the_response_to_a_sign_in_sets_it(client, ann):
    assert remembered(client.get("/login/")) is None
    assert remembered(log_in(client, ann)) == session_of(client).client_id
    assert [remembered(client.get(path)) for path in ("/private/", "/public/", "/asynchronous/")] == [None] * 3
    assert remembered(client.post("/logout/")) is None
    assert remembered(log_in(client, ann)) is not None


def test_an_asynchronous_server_sets_it_too(ann):
    post = async_to_sync(AsyncClient().post)
    answer = post("/login/", {"username": "ann", "password": PASSWORD})
    assert remembered(answer) == UserSession.objects.get().client_id


def test_an_adoption_neither_sets_nor_reads_it(settings, client, ann):
    log_in(client, ann)
    known = session_of(client)
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if "user_sessions" not in each]
    client.post("/logout/")
    log_in(client, ann)
    settings.MIDDLEWARE = django_project.MIDDLEWARE
    assert remembered(client.get("/private/")) is None
    assert session_of(client).client_id != known.client_id


def failing(request: Any) -> HttpResponse:
    becoming(request, "ann")
    raise RuntimeError


urlpatterns = [path("failing/", failing), *django_project.urlpatterns]


@pytest.mark.django_db(transaction=True)
def test_a_sign_in_that_is_rolled_back_sets_none(settings, ann, monkeypatch):
    settings.ROOT_URLCONF = __name__
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    browser = Handler(raise_request_exception=False)
    assert remembered(browser.get("/failing/")) is None
    assert remembered(browser.get("/becoming/ann/")) is not None


def test_it_is_off_unless_the_host_turns_it_on(settings, client, ann):
    settings.USER_SESSIONS = {}
    assert remembered(log_in(client, ann)) is None
    client.post("/logout/")
    log_in(client, ann)
    assert Client.objects.count() == 2


@pytest.mark.parametrize("value", ["", "x", "device_", "device_x_y", "\0", "é", "x" * 5000, "device_" + "1" * 52])
def test_a_forged_cookie_is_ignored(client, ann, value, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert read_device_token(value) is None
    client.cookies[DEVICE_COOKIE] = value
    assert log_in(client, ann).status_code == 302
    assert Client.objects.count() == 1


def test_a_token_of_another_kind_is_ignored(client, ann):
    log_in(client, ann)
    session = session_of(client)
    token = device_token(session.client)
    assert read_not_me_token(token) is None
    assert read_device_token(not_me_token(session)) is None
    assert read_not_me_token(token.replace("device_", "not_me_")) is None


def test_a_client_of_another_workspace_is_ignored(settings, workspace, client, ann, bob, elsewhere):
    settings.SESSIONS_CORE = {"DEFAULT_WORKSPACE": workspace.pk}
    foreign = UserSession.objects.start(elsewhere, bob, actor="test").client
    client.cookies[DEVICE_COOKIE] = device_token(foreign)
    log_in(client, ann)
    assert session_of(client).client_id != foreign.pk
    assert session_of(client).workspace_id != elsewhere.pk


def test_a_client_that_was_deleted_is_ignored(client, ann):
    log_in(client, ann)
    known = session_of(client).client_id
    client.post("/logout/")
    Client.objects.all().delete()
    assert remembered(log_in(client, ann)) not in (None, known)


def test_a_client_with_an_impersonation_is_ignored(client, ann, bob, workspace):
    log_in(client, ann)
    known = session_of(client).client
    client.post("/logout/")
    staff = {"sub": "user_0"}
    UserSession.objects.start(workspace, bob, actor="test", client=known, impersonator=staff)
    log_in(client, ann)
    assert session_of(client).client_id != known.pk


def test_a_client_on_which_an_impersonation_begins_meanwhile_is_left(client, ann, bob, workspace, monkeypatch):
    log_in(client, ann)
    known = session_of(client).client
    client.post("/logout/")

    def found_before(*_: Any, **__: Any) -> Client:
        found = Client.objects.get(pk=known.pk)
        UserSession.objects.start(workspace, bob, actor="test", client=found, impersonator={"sub": "user_0"})
        return found

    monkeypatch.setattr(django_sign_ins, "remembered_client", found_before)
    answer = log_in(client, ann)
    assert session_of(client).client_id == remembered(answer) != known.pk


def test_a_key_that_was_removed_forgets_the_browsers(settings, client, ann):
    log_in(client, ann)
    client.post("/logout/")
    settings.SESSIONS_CORE = {"TOKEN_KEYS": ["t" * 40]}
    log_in(client, ann)
    assert Client.objects.count() == 2


def test_the_cookie_signs_nobody_in(client, ann):
    log_in(client, ann)
    thief, cookie = Handler(), client.cookies[DEVICE_COOKIE].value
    thief.cookies[DEVICE_COOKIE] = cookie
    assert thief.get("/private/").status_code == 302
    frontend = Browser()
    for name in (DEVICE_COOKIE, "__client", "__session"):
        frontend.client.cookies[name] = cookie
    assert frontend.get("v1/client").status_code in (200, 401, 404)
    assert not UserSession.objects.exclude(user=ann).exists()
    assert UserSession.objects.count() == 1


def queries_of_a_second_login(user: User) -> int:
    browser = Handler()
    log_in(browser, user)
    browser.post("/logout/")
    with CaptureQueriesContext(connection) as captured:
        log_in(browser, user)
    return len(captured)


def test_a_known_browser_costs_four_queries_more(settings, ann):
    """It finds, locks and renews the client, and reads its sessions. SQLite saves an insert, which PostgreSQL has in
    another statement."""
    known = queries_of_a_second_login(ann)
    settings.USER_SESSIONS = {}
    assert known - queries_of_a_second_login(ann) == (4 if connection.vendor == "postgresql" else 3)
