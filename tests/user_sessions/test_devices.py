"""The page "Your devices": who sees which sessions, and what its buttons do."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import include, path

from sessions_core.models import Event, Workspace
from tests.user_sessions import django_project
from user_sessions.models import Status, UserSession

PAGE = "/devices/"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
JSON = {"accept": "application/json"}

urlpatterns = [
    path("devices/", include("user_sessions.pages.device_urls")),
    *django_project.urlpatterns,
]


@pytest.fixture(autouse=True)
def project(settings: Any, workspace: Workspace, tmp_path: Any) -> None:
    django_project.install(settings, tmp_path, urls=__name__)
    settings.LOGIN_URL = "/login/"


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password="first password")


def browser(user: User, agent: str = FIREFOX, **options: Any) -> Client:
    client = Client(headers={"user-agent": agent}, **options)
    client.post("/login/", {"username": user.username, "password": "first password"})
    return client


def session_of(client: Client) -> UserSession:
    return UserSession.objects.get(pk=client.session["_user_session_id"])


def listed(client: Client, query: str = "") -> list[Any]:
    found: list[Any] = client.get(f"{PAGE}{query}", headers=JSON).json()["sessions"]
    return found


def test_both_browsers_are_listed_and_this_one_first(ann):
    here, there = browser(ann), browser(ann, CHROME)
    page = here.get(PAGE)
    text = page.content.decode()
    assert text.index("Firefox 145.0 on Windows") < text.index("Chrome 142.0 on Linux")
    assert text.count('<strong class="mark">This device') == 1
    assert page.headers["cache-control"].count("no-store") == 1
    assert [each["current"] for each in listed(here)] == [True, False]
    assert [each["id"] for each in listed(here)] == [session_of(here).pk, session_of(there).pk]
    assert [each["id"] for each in listed(there)] == [session_of(there).pk, session_of(here).pk]


def test_a_device_that_is_signed_out_is_anonymous_at_its_next_request(ann):
    here, there = browser(ann), browser(ann)
    answer = here.post(f"{PAGE}{session_of(there).pk}/sign-out/")
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert there.get("/private/").status_code == 302
    assert here.get(PAGE).context["messages"]
    assert [each["id"] for each in listed(here)] == [session_of(here).pk]


def test_signing_out_all_others_ends_all_but_this_session(ann):
    here, others = browser(ann), [browser(ann) for _ in range(3)]
    bob = User.objects.create_user("bob")
    of_bob = UserSession.objects.start(Workspace.objects.get(), bob, actor="test")
    assert here.post(f"{PAGE}sign-out-others/").status_code == 303
    assert [each.get("/private/").status_code for each in others] == [302] * 3
    assert here.get("/private/").status_code == 200
    assert UserSession.objects.get(pk=of_bob.pk).status == Status.ACTIVE
    assert Event.objects.filter(type="user_session.revoked", actor=session_of(here).actor).count() == 3
