"""The activities of a session: each device, address and place that it was used with."""

from datetime import timedelta

import pytest
from django.utils import timezone

from user_sessions.models import Activity, UserSession
from user_sessions.places import Place
from user_sessions.user_agents import device_of

NOW = timezone.now()
PHONE, LAPTOP = "Mozilla/5.0 (iPhone)", "Mozilla/5.0 (X11; Linux)"


def in_berlin(address: str) -> Place:
    return Place(city="Berlin", country="DE", latitude=52.5, longitude=13.4, accuracy_radius=20)


@pytest.fixture
def session(workspace, u1):
    return UserSession.objects.start(workspace, u1, actor="test", at=NOW, device=device_of(PHONE, "192.0.2.1"))


def note(session, agent, address, *, minutes):
    Activity.objects.note(session, device_of(agent, address), at=NOW + timedelta(minutes=minutes))


def addresses(session):
    return [activity.ip_address for activity in session.activities.all()]


def test_a_session_begins_with_the_activity_of_its_sign_in(session):
    stored = UserSession.objects.get()
    assert stored.latest_activity == stored.activities.get()
    assert (stored.latest_activity.device_type, stored.latest_activity.created_at) == ("iPhone", NOW)


def test_a_use_from_elsewhere_adds_an_activity(session):
    note(session, PHONE, "192.0.2.2", minutes=1)
    assert addresses(session) == ["192.0.2.2", "192.0.2.1"]
    assert UserSession.objects.get().latest_activity.ip_address == "192.0.2.2"


def test_the_same_device_and_address_write_nothing(session, django_assert_num_queries):
    with django_assert_num_queries(0):
        note(session, PHONE, "192.0.2.1", minutes=1)


def test_only_the_latest_activities_are_kept(session, settings):
    settings.USER_SESSIONS = {"ACTIVITIES_PER_SESSION": 3}
    for last in range(2, 8):
        note(session, PHONE, f"192.0.2.{last}", minutes=last)
    assert addresses(session) == ["192.0.2.7", "192.0.2.6", "192.0.2.5"]


def test_an_activity_that_is_noted_late_is_the_latest_one(session, settings):
    settings.USER_SESSIONS = {"ACTIVITIES_PER_SESSION": 1}
    note(session, LAPTOP, "192.0.2.2", minutes=-1)
    assert UserSession.objects.get().latest_activity.ip_address == "192.0.2.2"


def test_an_activity_has_the_place_of_its_address(session, settings):
    settings.USER_SESSIONS = {"PLACE_OF_ADDRESS": f"{__name__}.in_berlin", "ADDRESS_FORM": "none"}
    note(session, LAPTOP, "192.0.2.2", minutes=1)
    latest = UserSession.objects.get().latest_activity
    assert (str(latest.place), latest.ip_address, latest.address_hash) == ("Berlin, DE", None, "")


def test_a_backend_reads_the_place(session, backend, settings):
    settings.USER_SESSIONS = {"PLACE_OF_ADDRESS": f"{__name__}.in_berlin"}
    note(session, LAPTOP, "192.0.2.2", minutes=1)
    activity = backend.get(f"v1/sessions/{session.pk}").json()["latest_activity"]
    assert (activity["city"], activity["country"]) == ("Berlin", "DE")


def test_activities_go_with_their_session(session):
    UserSession.objects.all().delete()
    assert not Activity.objects.exists()
