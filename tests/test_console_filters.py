"""A filter of a console list is never dropped silently, and reads a bounded number of rows."""

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client

from client_sessions.models import ClientSession
from sessions_core.models import ApiKey

KEYS = "/admin/sessions_core/apikey/"
CLIENT_SESSIONS = "/admin/client_sessions/clientsession/"
ALL = {"select_across": "1", "confirmed": "yes", "reason": "a test"}


@pytest.fixture
def root(db) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


FILTERS = [
    (page, each.parameter_name)
    for page in admin.site._registry.values()
    for each in page.list_filter
    if isinstance(each, type) and page.opts.app_label in ("sessions_core", "user_sessions", "client_sessions")
    if issubclass(each, admin.SimpleListFilter)
]


@pytest.mark.parametrize(("page", "name"), FILTERS, ids=str)
def test_a_list_refuses_an_unknown_value_of_a_filter(root, page, name):
    address = f"/admin/{page.opts.app_label}/{page.opts.model_name}/"
    if name == "reason":  # accepts each reason
        pytest.skip("reasons are free texts")
    assert root.get(address, {name: "expird"}).headers["Location"] == f"{address}?e=1"


def test_an_action_on_a_list_with_an_unknown_filter_changes_nothing(root, workspace):
    key, _ = ApiKey.objects.issue(workspace, name="n", actor="test")
    root.post(f"{KEYS}?state=expird", {"action": "revoke", "_selected_action": key.pk, **ALL})
    key.refresh_from_db()
    assert key.revoked_at is None


def test_the_same_action_of_client_sessions_changes_nothing(root, workspace):
    session = ClientSession.objects.start(workspace, actor="test")
    root.post(f"{CLIENT_SESSIONS}?status=expird", {"action": "revoke", "_selected_action": session.pk, **ALL})
    assert ClientSession.objects.live().filter(pk=session.pk).exists()
