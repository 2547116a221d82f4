"""Hostile names, user agents and addresses on the page "Your devices"."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Handler
from django.urls import include, path
from django.utils import timezone

from sessions_core.models import Event, Workspace
from tests.user_sessions import device_pages
from tests.user_sessions.device_pages import Device, install
from user_sessions.models import Activity, Client, NotLive, UserSession

urlpatterns = [
    path("account/", include(([path("devices/", include("user_sessions.pages.device_urls"))], "account"))),
    path("twice/", include("user_sessions.pages.device_urls", namespace="twice")),
    *device_pages.urlpatterns,
]

NAMES = {
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "x" * 10_000: "x" * 60,
    "\u202eevil\u2066": "evil",
    "a\0b": "ab",
    "a\r\nSet-Cookie: x=1": "aSet-Cookie: x=1",
    "   ": "",
    "\u200b\u200d": "",
    "\ud800": "",
    "e\u0301": "\u00e9",
    "'\"><img src=x onerror=alert(1)>": "'\"><img src=x onerror=alert(1)>",
    "{{ 7|add:7 }}{% debug %}": "{{ 7|add:7 }}{% debug %}",
}


@pytest.fixture(autouse=True)
def project(settings: Any, workspace: Workspace, tmp_path: Any) -> None:
    install(settings, tmp_path)


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password="first password")


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_is_cut_cleaned_and_escaped(ann, name):
    here = Device(ann)
    client = here.session.client
    client.rename(name, actor="test")
    assert Client.objects.get().name == client.name == NAMES[name]
    text = here.text()
    assert "<script>" not in text
    assert "<img" not in text
    assert here.json()["sessions"][0]["name"] == NAMES[name]


def test_a_name_from_the_form_is_cut_and_cleaned(ann):
    here = Device(ann)
    for name in ("x" * 10_000, "a\0b\r\nc", "<script>"):
        assert here.rename(here.session, name).status_code == 303
    assert here.session.client.name == "<script>"
    assert here.post(f"{here.session.pk}/rename/").status_code == 303
    assert here.session.client.name == ""


@pytest.mark.parametrize("name", [None, 7, b"x", ["x"]])
def test_a_name_that_is_not_text_is_refused(ann, name):
    client = Device(ann).session.client
    with pytest.raises(ValueError, match="name must be text"):
        client.rename(name, actor="test")


@pytest.mark.parametrize(
    "agent", ["<script>alert(1)</script>", "\u202e", "x" * 5000, "", "Mozilla/5.0 (<b>; x) <i>/1.0"]
)
def test_a_hostile_user_agent_is_escaped(ann, agent):
    here = Device(ann, agent)
    text = here.text()
    assert "<script>alert" not in text
    assert "<i>" not in text
    assert here.json()["sessions"]


def test_a_hostile_place_is_escaped(ann):
    here = Device(ann)
    Activity.objects.update(city="<b>Berlin</b>", country="DE")
    assert "<bdi>&lt;b&gt;Berlin&lt;/b&gt;, DE</bdi>" in here.text()


def test_a_session_without_an_activity_is_listed(ann):
    here = Device(ann)
    UserSession.objects.update(latest_activity=None)
    assert "<bdi>Unknown device</bdi>" in here.text()
    assert here.json()["sessions"][0]["browser_name"] == ""


@pytest.mark.parametrize("id", ["x", "sess_%00", "%F0%9F%98%80", "x" * 500, "passes"])
def test_an_unknown_id_is_not_found(ann, id):
    here = Device(ann)
    assert here.post(f"{id}/sign-out/").status_code == 404
    assert here.is_signed_in


def test_two_sessions_cannot_both_be_signed_out_by_the_other(ann):
    here, there = Device(ann).session, Device(ann).session
    assert here.revoke_others() == [there.pk]
    with pytest.raises(NotLive):
        there.revoke_others()
    assert [each.pk for each in UserSession.objects.live()] == [here.pk]


def test_a_session_that_is_over_signs_nobody_out(ann):
    here, there = Device(ann).session, Device(ann).session
    events = Event.objects.count()
    with pytest.raises(NotLive):
        here.revoke_others(at=here.latest_expire_at + timedelta(seconds=1))
    assert there.is_live(timezone.now())
    assert Event.objects.count() == events


def test_the_page_works_without_messages(settings, ann):
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if "messages" not in each]
    here, there = Device(ann), Device(ann)
    assert here.sign_out(there.session).status_code == 303
    assert "<h1>Your devices</h1>" in here.text()


@pytest.mark.parametrize("place", ["account/devices/", "twice/"])
def test_the_page_may_be_in_a_namespace_of_the_host(settings, ann, place):
    settings.ROOT_URLCONF = __name__
    there, here = Device(ann), Device(ann)
    text = here.client.get(f"/{place}").content.decode()
    assert f'action="/{place}{there.session.pk}/sign-out/"' in text
    answer = here.client.post(f"/{place}{there.session.pk}/sign-out/")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/{place}")


def test_the_page_does_not_exist_without_the_middleware(settings, ann):
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if "user_sessions" not in each]
    client = Handler()
    client.force_login(ann)
    assert client.get("/devices/").status_code == 404
