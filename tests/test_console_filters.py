"""A filter of a console list is never dropped silently, and reads a bounded number of rows."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client

from client_sessions.models import ClientSession
from sessions_core.changelists import BoundedAdmin
from sessions_core.models import ApiKey
from user_sessions.console.session_filters import ReasonFilter
from user_sessions.models import Ticket, UserSession

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
    if issubclass(each, admin.SimpleListFilter) and each is not ReasonFilter  # whose values are free texts
]


@pytest.mark.parametrize(("page", "name"), FILTERS, ids=str)
def test_a_list_refuses_an_unknown_value_of_a_filter(root, page, name):
    address = f"/admin/{page.opts.app_label}/{page.opts.model_name}/"
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


def seen(root, address: str) -> tuple[bool, bool]:
    """Return whether a list is cut after its first rows, and whether it leads to the next."""
    listed = root.get(address).context["cl"]
    return listed.is_cut, listed.next_url is not None


@pytest.fixture
def two_read(monkeypatch):
    monkeypatch.setattr(BoundedAdmin, "most_scanned", 2)


@pytest.mark.parametrize(
    "query",
    [
        "state=revoked",
        "kind__exact=publishable",
        "expires_at__lt=2030-01-01T00:00Z",
        "revoked_at__isnull=0",
        "name=none",
    ],
)
def test_a_filter_of_keys_without_an_index_reads_a_bounded_number_of_rows(root, workspace, two_read, query):
    for n in range(3):
        ApiKey.objects.issue(workspace, name=f"key {n}", actor="test")
    assert seen(root, f"{KEYS}?{query}") == (True, True)


@pytest.mark.parametrize("query", ["workspace__id__exact={workspace.pk}", "id={key.pk}", "short={key.short}", ""])
def test_a_filter_of_keys_with_an_index_is_not_cut(root, workspace, two_read, query):
    (key, _), *_others = [ApiKey.objects.issue(workspace, name=f"key {n}", actor="test") for n in range(3)]
    assert seen(root, f"{KEYS}?{query.format(workspace=workspace, key=key)}") == (False, False)


@pytest.mark.parametrize("model", ["user_sessions/client", "user_sessions/ticket", "client_sessions/clientsession"])
def test_other_lists_are_bounded_too(root, workspace, two_read, model):
    user = get_user_model().objects.create_user("u1")
    for _ in range(3):
        UserSession.objects.start(workspace, user, actor="test")
        ClientSession.objects.start(workspace, actor="test")
        Ticket.objects.issue(workspace, user, actor="test", lifetime=timedelta(hours=1))
    assert seen(root, f"/admin/{model}/?created_at__lt=2020-01-01T00:00Z") == (True, True)


def test_the_sessions_of_a_user_are_not_cut(root, workspace, two_read):
    user = get_user_model().objects.create_user("u1")
    for _ in range(3):
        UserSession.objects.start(workspace, user, actor="test")
    assert seen(root, f"/admin/user_sessions/usersession/?user={user.pk}") == (False, False)
