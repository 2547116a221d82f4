"""The console says what a client session reaches, and takes one grant or all of it away."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from client_sessions.devices.models import ConnectedAccount, Device
from client_sessions.models import Action, ClientSession, Grant, PersonalAccessToken, Terms
from sessions_core.console.console_permissions import REFUSED
from sessions_core.models import Event

LIST = "/admin/client_sessions/clientsession/"
GRANTS = "/admin/client_sessions/grant/"
CONFIRMED = {"confirmed": "yes", "reason": "moved out"}


@pytest.fixture
def root(db) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.fixture
def viewer(db) -> Client:
    user = get_user_model().objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=("view_clientsession", "view_grant")))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def account(workspace) -> ConnectedAccount:
    account = ConnectedAccount.objects.create(workspace=workspace, display_name="Home of Jane")
    for name in ("Front door", "Lamp"):
        Device.objects.create(workspace=workspace, connected_account=account, name=name)
    return account


@pytest.fixture
def session(workspace, account) -> ClientSession:
    wanted = {"connected_account": [str(account.pk)]}
    return ClientSession.objects.start(workspace, actor="test", user_identifier_key="jane", wanted=wanted)


def page_of(client: Client, session: ClientSession) -> str:
    return client.get(f"{LIST}{session.pk}/change/").content.decode()


def revoke_address(session: ClientSession) -> str:
    return f"{GRANTS}{session.grants.get().pk}/act/revoke/"


def test_a_grant_is_told_in_words_with_what_it_leads_to(root, session):
    page = page_of(root, session)
    assert "Home of Jane" in page and "read, control" in page and "and its " in page
    assert ">2 devices</a>" in page


def test_the_preview_lists_what_the_token_lists(root, session, account, workspace):
    other = ConnectedAccount.objects.create(workspace=workspace)
    Device.objects.create(workspace=workspace, connected_account=other, name="Neighbour's lamp")
    page = root.get(f"{LIST}{session.pk}/reach/device/").content.decode()
    assert "Front door" in page and "Lamp" in page and "Rows: 2." in page
    assert "Neighbour" not in page


def test_the_preview_tells_reading_from_control(root, workspace, account):
    only_read = ClientSession.objects.start(
        workspace, actor="test", wanted={"connected_account": [str(account.pk)]}, terms=Terms(actions=[Action.READ])
    )
    page = root.get(f"{LIST}{only_read.pk}/reach/device/").content.decode()
    assert "<td>read</td>" in page and "read and control" not in page


def test_an_ended_grant_is_said_to_have_ended(root, session, account):
    Grant.objects.update(read_until=timezone.now() - timedelta(hours=1), control_until=None)
    page = page_of(root, session)
    assert "read, ended " in page and "Nothing that exists." in page and "/act/revoke/" not in page.split("Grants")[-1]


def test_a_session_that_is_over_reaches_nothing(root, session):
    session.revoke(actor="test")
    assert "Nothing: this client session is over." in page_of(root, session)
    assert "Rows: 0." in root.get(f"{LIST}{session.pk}/reach/device/").content.decode()


def test_a_deleted_resource_is_said_not_to_exist(root, session):
    Grant.objects.update(resource_id="0" * 32)
    assert "does not exist now" in page_of(root, session)


def test_one_grant_is_revoked_with_a_reason_and_the_session_stays(root, session):
    address = revoke_address(session)
    assert "unless another of its grants leads to it" in root.get(address).content.decode()
    done = root.post(address, CONFIRMED, follow=True)
    assert done.redirect_chain == [(f"{LIST}{session.pk}/change/", 302)]
    assert not session.grants.exists() and ClientSession.objects.live(at=timezone.now()).get() == session
    event = Event.objects.get(type="client_session.grants_removed")
    assert event.data["reason"] == "moved out" and "moved out" in done.content.decode()
    assert LogEntry.objects.get().object_id == str(session.pk)


def test_revoking_a_session_records_the_reason(root, session):
    root.post(f"{LIST}{session.pk}/act/revoke/", CONFIRMED)
    session.refresh_from_db()
    assert session.revoked_at is not None
    assert Event.objects.get(type="client_session.revoked").data == {"reason": "moved out"}


def test_revoking_a_personal_access_token_records_the_reason(root, workspace):
    user = get_user_model().objects.get()
    token, _ = PersonalAccessToken.objects.issue(user, [workspace], name="script", actor="test")
    root.post(f"/admin/client_sessions/personalaccesstoken/{token.pk}/act/revoke/", CONFIRMED)
    assert Event.objects.get(type="personal_access_token.revoked").data == {"reason": "moved out"}


def test_a_viewer_takes_nothing_away_and_each_attempt_is_recorded(viewer, session):
    assert viewer.get(f"{LIST}{session.pk}/change/").status_code == 200
    addresses = [revoke_address(session), f"{LIST}{session.pk}/act/revoke/"]
    assert [viewer.post(address, CONFIRMED).status_code for address in addresses] == [403, 403]
    assert session.grants.exists() and Event.objects.filter(type=REFUSED).count() == 2


def test_an_operator_who_may_not_view_devices_sees_only_their_ids(viewer, session):
    preview = viewer.get(f"{LIST}{session.pk}/reach/device/").content.decode()
    assert "Front door" not in preview and str(Device.objects.first().pk) in preview
    assert "Home of Jane" not in page_of(viewer, session)


def test_a_stranger_sees_no_preview(session, db):
    client = Client()
    client.force_login(get_user_model().objects.create_user("staff", is_staff=True))
    assert client.get(f"{LIST}{session.pk}/reach/device/").status_code == 403


@pytest.mark.parametrize("type_name", ["unknown", "💥", "x" * 300])
def test_an_unknown_type_is_not_found(root, session, type_name):
    assert root.get(f"{LIST}{session.pk}/reach/{type_name}/").status_code == 404


def test_hostile_names_are_escaped(root, session, account):
    Device.objects.update(name="<script>alert(1)</script>")
    ConnectedAccount.objects.update(display_name="<script>alert(1)</script>")
    for page in (page_of(root, session), root.get(f"{LIST}{session.pk}/reach/device/").content.decode()):
        assert "<script>alert(1)" not in page


def test_the_page_of_a_session_takes_as_many_queries_with_fifty_grants(root, workspace, session):
    numbers = []
    page_of(root, session)
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            page_of(root, session)
        numbers.append(len(queries))
        more = [ConnectedAccount.objects.create(workspace=workspace) for _ in range(50)]
        session.grant({"connected_account": [str(each.pk) for each in more]}, actor="test")
    assert numbers[0] == numbers[1] <= 16
