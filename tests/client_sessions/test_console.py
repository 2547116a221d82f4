"""The operator's pages."""

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from client_sessions.models import ClientSession, Status
from sessions_core.models import ApiKey, Event
from sessions_core.models.dashboards import Dashboard

LIST = "/admin/client_sessions/clientsession/"


def signed_in(**user: object) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_user("someone", **user))
    return client


@pytest.fixture
def operator(db) -> Client:
    return signed_in(is_staff=True, is_superuser=True)


@pytest.fixture
def session(workspace, home) -> ClientSession:
    return ClientSession.objects.start(
        workspace, actor="test", user_identifier_key="u1", wanted={"connected_account": [home.a1]}
    )


def revoke(client: Client, *sessions: ClientSession, **more: str) -> object:
    chosen = {"action": "revoke", "_selected_action": [str(session.pk) for session in sessions]}
    return client.post(LIST, chosen | more)


def test_every_model_has_admin_pages(operator, session, home):
    ours = [
        model
        for model in admin.site._registry
        if model._meta.app_label in ("sessions_core", "client_sessions", "client_sessions_devices")
    ]
    assert len(ours) == 14
    for model in ours:
        page = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        assert operator.get(page).status_code == 200
        for search in ("u1", str(session.pk), "💥", "'", "x" * 300):
            assert operator.get(page, {"q": search}).status_code == 200
        row = None if model is Dashboard else model._base_manager.first()
        assert operator.get(f"{page}{row.pk}/change/").status_code == 200 if row else True


@pytest.mark.parametrize("status", Status.values)
def test_the_list_filters_by_status(operator, session, status):
    listed = operator.get(LIST, {"status": status}).context["cl"].queryset
    assert (session in listed) == (status == "live")


def test_revoking_asks_for_confirmation_and_records_the_operator(operator, session):
    question = revoke(operator, session)
    assert b"Revoke selected client sessions" in question.content
    session.refresh_from_db()
    assert session.revoked_at is None
    revoke(operator, session, confirmed="yes")
    session.refresh_from_db()
    assert session.status_at(timezone.now()) is Status.REVOKED
    event = Event.objects.get(type="client_session.revoked")
    assert event.actor == f"operator:{get_user_model().objects.get().pk}"
    assert event.actor in operator.get(f"{LIST}{session.pk}/change/").content.decode()


@pytest.mark.django_db
def test_a_view_permission_does_not_allow_revoking(session):
    looker = signed_in(is_staff=True)
    get_user_model().objects.get().user_permissions.add(Permission.objects.get(codename="view_clientsession"))
    assert looker.get(LIST).status_code == 200
    revoke(looker, session, confirmed="yes")
    session.refresh_from_db()
    assert session.revoked_at is None


def test_the_console_cannot_edit_sessions(operator, session):
    page = f"{LIST}{session.pk}/change/"
    assert operator.post(page, {"user_identifier_key": "u2"}).status_code == 403
    assert operator.post(f"{LIST}{session.pk}/delete/", {"post": "yes"}).status_code == 403
    assert operator.get(f"{LIST}add/").status_code == 403


def test_user_input_is_escaped(operator, workspace):
    ClientSession.objects.start(workspace, actor="test", user_identifier_key="<script>alert(1)</script>")
    assert b"<script>alert(1)" not in operator.get(LIST).content


def test_an_api_key_is_revoked_from_the_console(operator, workspace):
    key, text = ApiKey.objects.issue(workspace, name="lost", actor="test")
    operator.post(
        "/admin/sessions_core/apikey/", {"action": "revoke", "_selected_action": [str(key.pk)], "confirmed": "yes"}
    )
    assert ApiKey.authenticate(text) is None


def test_a_whole_list_is_revoked_at_any_length(operator, workspace):
    first, *_ = sessions = [ClientSession.objects.start(workspace, actor="test") for _ in range(1100)]
    everything = {"action": "revoke", "_selected_action": [str(first.pk)], "select_across": "1"}
    question = operator.post(LIST, everything).content.decode()
    assert "1100 client sessions" in question
    assert question.count('name="_selected_action"') == 1
    assert 'name="select_across" value="1"' in question
    operator.post(LIST, {**everything, "confirmed": "yes"})
    assert ClientSession.objects.revoked().count() == len(sessions)


def test_a_form_links_rows_of_one_workspace_only(operator, workspace, elsewhere, home):
    page = f"/admin/client_sessions_devices/connectwebview/{home.pending}/change/"
    refused = operator.post(page, {"workspace": str(workspace.pk), "connected_account": home.ax})
    assert b"This object belongs to another workspace." in refused.content
    assert operator.post(page, {"workspace": str(workspace.pk), "connected_account": home.a1}).status_code == 302
