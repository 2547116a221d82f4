"""Passes given out in a user's name, on the page "Your devices"."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from client_sessions.models import PersonalAccessToken
from sessions_core import passes
from sessions_core.models import Event, Workspace
from sessions_core.passes import Pass, find_pass, passes_of, register
from tests.user_sessions.device_pages import Device, install


@pytest.fixture(autouse=True)
def project(settings: Any, workspace: Workspace, tmp_path: Any) -> None:
    install(settings, tmp_path)


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password="first password")


def issue(user: User, name: str = "nightly <b>backup</b>") -> PersonalAccessToken:
    token, _ = PersonalAccessToken.objects.issue(user, [Workspace.objects.get()], name=name, actor="test")
    return token


def test_a_personal_access_token_is_listed_without_its_secret(ann):
    _, text = PersonalAccessToken.objects.issue(ann, [Workspace.objects.get()], name="backup", actor="test")
    here = Device(ann)
    assert [(each["kind"], each["name"]) for each in here.json()["passes"]] == [("personal_access_token", "backup")]
    assert text not in here.text()
    assert "<bdi>backup</bdi>" in here.text()


def test_a_user_revokes_a_pass(ann):
    token, here = issue(ann), Device(ann)
    assert here.post(f"passes/personal_access_token/{token.short}/revoke/").status_code == 303
    token.refresh_from_db()
    assert token.revoked_at is not None
    assert Event.objects.get(type="personal_access_token.revoked").actor == here.session.actor
    assert here.json()["passes"] == []


@pytest.mark.parametrize("kind", ["personal_access_token", "unknown"])
def test_the_pass_of_another_user_is_not_found(ann, kind):
    token, here = issue(User.objects.create_user("bob")), Device(ann)
    assert here.post(f"passes/{kind}/{token.short}/revoke/").status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None


def test_signing_out_all_others_leaves_the_passes_and_the_page_says_so(ann):
    token, here = issue(ann), Device(ann)
    assert "Signing devices out does not revoke them." in here.text()
    here.post("sign-out-others/")
    token.refresh_from_db()
    assert token.revoked_at is None


def test_the_name_of_a_pass_is_escaped_and_cut(ann):
    issue(ann, "<b>x</b>" + "y" * 100)
    here = Device(ann)
    assert "<b>" not in here.text()
    assert len(here.json()["passes"][0]["name"]) == 60


def test_a_host_registers_passes_of_its_own(ann, monkeypatch):
    monkeypatch.setattr(passes, "_kinds", {})
    revoked: list[Any] = []
    mine = Pass(
        kind="calendar", id="1", name="\u202e", created_at=timezone.now(), revoke=lambda **by: bool(revoked.append(by))
    )
    register("calendar", lambda user: [mine] if user == ann else [], label="calendar feed")
    assert passes_of(ann) == [mine]
    assert find_pass(ann, "calendar", "2") is None
    here = Device(ann)
    assert "<bdi>calendar feed</bdi>" in here.text()
    here.post("passes/calendar/1/revoke/")
    assert revoked[0]["actor"] == here.session.actor
