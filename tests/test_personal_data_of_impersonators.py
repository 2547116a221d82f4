"""What a person did as somebody else is theirs: it is exported to them and erased with them."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.utils import timezone

from sessions_core.models import Event, WebhookEndpoint, WebhookMessage
from sessions_core.personal_data import erase_user, export_user
from tests.conftest import OPERATOR
from tests.dump import dump
from user_sessions.models import Activity, Status, Ticket, UserSession
from user_sessions.personal_data import impersonated_by
from user_sessions.user_agents import Device

NOW = timezone.now()
HOUR = timedelta(hours=1)
DEVICE = Device(
    browser_name="planted-agent",
    browser_version="1",
    device_type="planted-type",
    is_mobile=False,
    ip_address="192.0.2.77",
)


@pytest.fixture
def staff(db: None) -> User:
    return get_user_model().objects.create_user("planted-staff")


@pytest.fixture
def jane(db: None) -> User:
    return get_user_model().objects.create_user("jane")


@pytest.fixture
def endpoint(workspace: Any) -> WebhookEndpoint:
    return WebhookEndpoint.objects.add(workspace, "https://hooks.example.com/in", actor=OPERATOR)[0]


def of(user: User) -> dict[str, Any]:
    """Return the user as impersonator, with a name."""
    return {"name": "Sheriff Planted", "sub": f"user_{user.pk}"}


@pytest.fixture
def impersonation(workspace: Any, staff: User, jane: User) -> UserSession:
    return UserSession.objects.start(
        workspace, jane, actor=f"operator:{staff.pk}", at=NOW, impersonator=of(staff), device=DEVICE
    )


def erase(user: Any) -> dict[str, int]:
    return erase_user(user, actor=OPERATOR, at=NOW)


def rows_of(user: User, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]]
    (rows,) = [each["rows"] for each in export_user(user)["sections"] if each["name"] == name]
    return rows


def test_an_erased_person_is_not_signed_in_as_somebody_else(impersonation, staff):
    assert erase(staff)["impersonations"] == 1
    impersonation.refresh_from_db()
    assert (impersonation.status, impersonation.close_reason) == (Status.REVOKED, "user_erased")


def test_an_erased_person_cannot_sign_in_as_somebody_else(workspace, staff, jane):
    ticket = Ticket.objects.issue(workspace, jane, actor="test", lifetime=HOUR, impersonator=of(staff), at=NOW)
    assert erase(staff)["impersonations"] == 1
    ticket.refresh_from_db()
    assert ticket.status == Ticket.Status.REVOKED
    assert ticket.impersonator == {"sub": Event.objects.filter(subject=ticket.pk).last().data["impersonator"]["sub"]}


def test_the_device_and_the_name_of_an_erased_impersonator_are_gone(impersonation, endpoint, staff):
    assert any("Sheriff Planted" in value for value in dump())
    erase(staff)
    staff.delete()
    impersonation.refresh_from_db()
    assert impersonation.impersonator["sub"].startswith("erased_user:") and impersonation.latest_activity is None
    left = [value for value in dump() if "lanted" in value or "192.0.2.77" in value or f"user_{staff.pk}" in value]
    assert left == []


@pytest.mark.parametrize("is_settled", [True, False])
def test_messages_forget_an_erased_impersonator(workspace, endpoint, impersonation, staff, is_settled):
    for message in WebhookMessage.objects.all() if is_settled else []:
        message.succeed("200", at=NOW)
    erase(staff)
    bodies = [json.loads(body)["data"] for body in WebhookMessage.objects.values_list("body", flat=True)]
    assert len(bodies) == (1 if is_settled else 2)
    assert all(body["actor"] is None and "latest_activity" not in body for body in bodies)
    assert {body["id"] for body in bodies} == {impersonation.pk}


def test_a_message_about_a_deleted_session_forgets_an_erased_impersonator(endpoint, impersonation, staff):
    UserSession.objects.all().delete()
    erase(staff)
    assert [value for value in dump() if "Sheriff" in value or "192.0.2.77" in value] == []


def test_the_name_that_an_erased_impersonator_gave_a_device_is_gone(impersonation, staff):
    impersonation.client.rename("Planted laptop", actor=impersonation.actor)
    erase(staff)
    impersonation.client.refresh_from_db()
    assert impersonation.client.name == ""


def test_an_erased_impersonation_stays_one(impersonation, staff, jane):
    erase(staff)
    assert [row["impersonator"] for row in rows_of(jane, "user_sessions")] == ["staff"]
    assert UserSession.objects.get().user == jane


def test_a_second_erasure_of_an_impersonator_finds_nothing(endpoint, impersonation, staff):
    erase(staff)
    before = dump()
    assert erase(staff) == {} and dump() == before


def test_an_impersonator_can_be_erased_after_the_row_is_deleted(impersonation, staff):
    key = staff.pk
    staff.delete()
    assert erase(key)["activities"] == 1
    assert not Activity.objects.exists()


def test_the_devices_of_an_impersonation_are_exported_to_the_impersonator(impersonation, staff, jane):
    (row,) = rows_of(staff, "activities")
    assert (row["ip_address"], row["session"]) == ("192.0.2.77", "other")
    assert impersonation.pk not in str(export_user(staff)) and rows_of(jane, "activities") == []


def test_another_impersonator_is_left_alone(workspace, staff, jane, impersonation):
    near = {"sub": f"user_{staff.pk}0", "was": f"user_{staff.pk}"}
    other = UserSession.objects.start(workspace, jane, actor="test", at=NOW, impersonator=near, device=DEVICE)
    ticket = Ticket.objects.issue(workspace, jane, actor="test", lifetime=HOUR, impersonator=near, at=NOW)
    own = UserSession.objects.start(workspace, jane, actor="test", at=NOW, device=DEVICE)
    erase(staff)
    assert set(UserSession.objects.live(at=NOW)) == {other, own}
    assert UserSession.objects.get(pk=other.pk).impersonator == near and Activity.objects.count() == 2
    assert Ticket.objects.get(pk=ticket.pk).status == Ticket.Status.PENDING


def test_an_id_with_signs_of_json_and_of_like_is_found(workspace, jane):
    ids = ['user_%"ä\\_', "user_x", "user_X"]
    for id in ids:
        UserSession.objects.start(workspace, jane, actor="test", impersonator={"sub": id})
    for id in ids:
        assert [session.impersonator["sub"] for session in impersonated_by(id, UserSession)] == [id]
