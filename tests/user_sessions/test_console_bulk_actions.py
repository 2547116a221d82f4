"""Actions on many rows: in batches, each logged once, and only on the rows that the confirmation showed."""

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory

from sessions_core.console.admin_log import logged
from user_sessions.models import UserSession


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
