"""Requests of one browser at once: real threads, each with its own connection."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from sessions_core.models import Event, Workspace
from tests.embedded import examples
from tests.user_sessions import django_project
from tests.user_sessions.test_django_sign_ins import is_signed_in, sign_in
from user_sessions.django_links import SESSION_KEY
from user_sessions.models import UserSession

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = examples(6)

# Engines that keep sessions where both requests see them.
SHARED = ["db", "cache", "cached_db", "file"]


@pytest.fixture(params=SHARED)
def engine(request: Any, settings: Any, workspace: Workspace, tmp_path: Any) -> str:
    django_project.install(settings, tmp_path)
    return django_project.use_engine(settings, request.param)


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password="first password")


def tab(browser: Client) -> Client:
    """Return another tab: the cookies that the browser has now."""
    other = Client(raise_request_exception=False)
    other.cookies.load(browser.cookies.output(header="", sep=";"))
    return other


def log_in(page: Client) -> Any:
    return page.post("/login/", {"username": "ann", "password": "first password"})


def live(user: User) -> int:
    return UserSession.objects.of_user(user).live(at=timezone.now()).count()


def test_requests_at_once_adopt_a_sign_in_as_one_session(ann, engine, at_once):
    for _ in range(ROUNDS):
        browser = sign_in()
        UserSession.objects.all().delete()
        session = browser.session
        del session[SESSION_KEY]
        session.save()
        answers = at_once(*(partial(tab(browser).get, "/private/") for _ in range(4)))
        assert {answer.json()["session"] for answer in answers} == {UserSession.objects.get().pk}
        assert browser.get("/private/").json()["session"] == UserSession.objects.get().pk


def test_two_tabs_log_in_and_out_at_once(ann, engine, at_once):
    for _ in range(ROUNDS):
        browser = sign_in()
        tabs = [tab(browser) for _ in range(4)]
        calls: list[Callable[[], Any]] = [partial(log_in, page) for page in tabs[:2]]
        calls += [partial(page.post, "/logout/") for page in tabs[2:]]
        # 400 is Django's answer when another request has deleted the session.
        assert {answer.status_code for answer in at_once(*calls)} <= {302, 400}
        UserSession.objects.of_user(ann).revoke(actor="test")
        assert not any(is_signed_in(page) for page in [browser, *tabs])


def test_a_revocation_and_a_page_at_once_end_signed_out(ann, engine, at_once):
    for _ in range(ROUNDS):
        browser = sign_in()
        session = UserSession.objects.of_user(ann).live(at=timezone.now()).get()
        pages = [partial(tab(browser).get, "/private/") for _ in range(3)]
        revoked, *answers = at_once(partial(session.revoke, actor="test"), *pages)
        assert revoked is True and {answer.status_code for answer in answers} <= {200, 302}
        assert not is_signed_in(browser) and live(ann) == 0
    assert Event.objects.filter(type="user_session.revoked").count() == ROUNDS
