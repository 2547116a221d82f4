"""Actions on many rows: in batches, each logged once, and only on the rows that the confirmation showed."""

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory

from sessions_core.console import actions, admin_log
from sessions_core.console.admin_log import logged
from sessions_core.models import ApiKey, Event
from user_sessions.models import UserSession

pytestmark = pytest.mark.usefixtures("unseen_operators")

LIST = "/admin/user_sessions/usersession/"
CONFIRMED = {"confirmed": "yes", "reason": "stolen phone"}
EVERYTHING = {"select_across": "1", "_selected_action": ["any"]}


@pytest.fixture
def root(db) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.fixture
def sessions(workspace, u1):
    return [UserSession.objects.start(workspace, u1, actor="test") for _ in range(5)]


def test_two_actions_of_an_operator_at_once_are_each_logged_once(root, sessions):
    request, page = RequestFactory().post("/"), admin.site._registry[UserSession]
    request.user = get_user_model().objects.get(username="root")
    actor = f"operator:{request.user.pk}"
    with logged(request, page):
        with logged(request, page):  # of another request, which begins later and ends sooner
            sessions[1].revoke(actor=actor)
        sessions[0].revoke(actor=actor)
    assert [entry.object_id for entry in LogEntry.objects.order_by("pk")] == [sessions[1].pk, sessions[0].pk]


@pytest.mark.parametrize("action", ["revoke", "end", "revoke_all_of_user"])
def test_a_whole_list_is_changed_in_batches_with_the_same_result(root, sessions, monkeypatch, action):
    monkeypatch.setattr(actions, "BATCH", 2)
    shown = root.post(LIST, {"action": action, **EVERYTHING, **CONFIRMED}, follow=True)
    changed = "5 sessions revoked." if action == "revoke_all_of_user" else "5 of 5"
    assert changed in shown.content.decode()
    assert not UserSession.objects.live().exists()
    assert Event.objects.exclude(actor="test").count() == LogEntry.objects.count() == 5


def test_objects_that_change_one_by_one_are_changed_in_batches_too(root, workspace, monkeypatch):
    monkeypatch.setattr(actions, "BATCH", 2)
    keys = [ApiKey.objects.issue(workspace, name="n", actor="test")[0] for _ in range(5)]
    root.post("/admin/sessions_core/apikey/", {"action": "revoke", **EVERYTHING, **CONFIRMED})
    assert not ApiKey.objects.filter(revoked_at=None).exists()
    assert {entry.object_id for entry in LogEntry.objects.all()} == {str(key.pk) for key in keys}


@pytest.mark.django_db(transaction=True)
def test_each_batch_is_a_transaction(sessions, monkeypatch):
    client = Client(raise_request_exception=False)
    client.force_login(get_user_model().objects.create_superuser("root"))
    monkeypatch.setattr(actions, "BATCH", 2)
    failing = iter([False, False, True])

    def log(*args, **kwargs):
        if next(failing):
            raise RuntimeError

    monkeypatch.setattr(admin_log, "_log", log)
    assert client.post(LIST, {"action": "revoke", **EVERYTHING, **CONFIRMED}).status_code == 500
    assert UserSession.objects.live().count() == 1
