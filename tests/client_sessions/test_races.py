"""Concurrent requests: real threads, each with its own connection."""

from functools import partial
from types import NoneType
from typing import Any

import pytest
from django.utils import timezone

from client_sessions import resources
from client_sessions.devices.models import ConnectedAccount, ConnectWebview, Device, UserIdentity
from client_sessions.models import ClientSession, Grant, GrantConflict, KeyTaken, NotLive
from sessions_core.models import Event, Workspace
from tests.callers import bearer

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 12
ROUNDS = 5


@pytest.fixture
def accounts(workspace: Workspace) -> list[str]:
    rows = ConnectedAccount.objects.bulk_create(
        ConnectedAccount(workspace=workspace, display_name=f"account {n}") for n in range(40)
    )
    return [str(row.pk) for row in rows]


def start(workspace: Workspace, **more: Any) -> ClientSession:
    return ClientSession.objects.start(workspace, actor="test", **more)


def test_concurrent_creates_with_one_key_make_one_row(workspace, at_once):
    for n in range(ROUNDS):
        call = partial(start, workspace, user_identifier_key=f"u{n}")
        results = at_once(call, call)
        assert {type(result) for result in results} == {ClientSession, KeyTaken}
        assert ClientSession.objects.filter(user_identifier_key=f"u{n}").count() == 1


@pytest.mark.wire("S36")
def test_forty_parallel_get_or_create_calls_make_one_session(workspace, at_once):
    for n in range(ROUNDS):
        call = partial(ClientSession.objects.start_or_match, workspace, actor="test", user_identifier_key=f"u{n}")
        results = at_once(*[call] * 40)
        assert len({result.pk for result in results}) == 1


def test_parallel_get_or_create_calls_for_an_identity_make_one_session(workspace, at_once):
    identity = str(UserIdentity.objects.create(workspace=workspace).pk)
    wanted = {"user_identity": [identity]}
    call = partial(ClientSession.objects.start_or_match, workspace, actor="test", wanted=wanted)
    results = at_once(*[call] * THREADS)
    assert len({result.pk for result in results}) == 1


def test_a_grant_never_outlives_its_resource(workspace, at_once):
    for _ in range(ROUNDS):
        account = ConnectedAccount.objects.create(workspace=workspace, display_name="short-lived")
        sessions = [start(workspace) for _ in range(4)]
        wanted = {"connected_account": [str(account.pk)]}
        grants = [partial(session.grant, wanted, actor="test") for session in sessions]
        results = at_once(*grants, account.delete)
        assert {type(result) for result in results} <= {NoneType, tuple, resources.Missing}
        assert not Grant.objects.exists()


def test_concurrent_grants_and_removals_do_not_deadlock(workspace, accounts, at_once):
    session = start(workspace)
    wanted = {"connected_account": accounts[:3]}
    for _ in range(ROUNDS):
        grants = [partial(session.grant, wanted, actor="test") for _ in range(4)]
        revokes = [partial(session.revoke_access, wanted, actor="test") for _ in range(4)]
        assert at_once(*grants, *revokes) == [None] * 8


def test_accounts_can_be_removed_while_their_devices_are_granted(workspace, accounts, at_once):
    for n in range(ROUNDS):
        rows = [ConnectedAccount.objects.get(pk=one) for one in accounts[n * 2 : n * 2 + 2]]
        devices = [
            str(Device.objects.create(workspace=workspace, connected_account=row, name=f"device {m}").pk)
            for row in rows
            for m in range(3)
        ]
        sessions = [start(workspace, wanted={"device": devices}) for _ in range(3)]
        wanted = {"device": devices, "connected_account": [str(row.pk) for row in rows]}
        grants = [partial(session.grant, wanted, actor="test") for session in sessions]
        results = at_once(*[row.remove for row in rows], *grants)
        assert {type(result) for result in results} <= {NoneType, resources.Missing}
        assert not Grant.objects.exists()


def test_the_limit_of_pending_webviews_holds(workspace, at_once):
    session = start(workspace)
    webviews = ConnectWebview.objects.bulk_create(ConnectWebview(workspace=workspace) for _ in range(48))
    session.grant({"connect_webview": [str(webview.pk) for webview in webviews]}, actor="test")
    create = partial(bearer(session.token).post, "connect_webviews/create")
    statuses = [answer.status_code for answer in at_once(*[create] * 8)]
    assert sorted(statuses) == [200] * 2 + [400] * 6
    assert ConnectWebview.objects.count() == 50


def test_deleting_resources_and_sessions_at_once_deletes_both(workspace, accounts, at_once):
    for n in range(ROUNDS):
        some = accounts[n * 4 : n * 4 + 4]
        sessions = [start(workspace, wanted={"connected_account": some}) for _ in range(4)]
        rows = [ConnectedAccount.objects.get(pk=one) for one in some]
        results = at_once(
            *[row.delete for row in rows], *[partial(session.remove, actor="test") for session in sessions]
        )
        assert [result for result in results if isinstance(result, Exception)] == []
        assert not Grant.objects.exists()


def test_concurrent_attempts_authorise_a_webview_once(workspace, accounts, at_once):
    webview = ConnectWebview.objects.create(workspace=workspace)
    session = start(workspace, wanted={"connect_webview": [str(webview.pk)]})
    rows = ConnectedAccount.objects.filter(pk__in=accounts[:6])
    results = at_once(*[partial(webview.authorize, row) for row in rows])
    assert sorted(results) == [False] * 5 + [True]
    assert session.grants.filter(resource_type="connected_account").count() == 1


def test_granting_a_device_that_is_being_deleted_does_not_fail(workspace, accounts, at_once, backend):
    identity = UserIdentity.objects.create(workspace=workspace)
    for account in accounts[:ROUNDS]:
        device = Device.objects.create(workspace=workspace, connected_account_id=account, name="short-lived")
        body = {"user_identity_id": str(identity.pk), "device_id": str(device.pk)}
        give = partial(backend.post, "user_identities/grant_access_to_device", **body)
        *answers, _ = at_once(give, give, give, device.delete)
        assert {answer.status_code for answer in answers} <= {200, 404}


def test_only_one_new_session_takes_the_key_of_an_expired_one(workspace, at_once):
    for n in range(ROUNDS):
        start(workspace, user_identifier_key=f"u{n}", expires_at=timezone.now())
        call = partial(ClientSession.objects.start_or_match, workspace, actor="test", user_identifier_key=f"u{n}")
        results = at_once(*[call] * THREADS)
        assert len({result.pk for result in results}) == 1
        assert ClientSession.objects.in_workspace(workspace).with_key(f"u{n}").count() == 1


def test_forty_parallel_grants_are_all_stored(workspace, accounts, at_once):
    session = start(workspace)

    def grant(account: str) -> None:
        ClientSession.objects.get(pk=session.pk).grant({"connected_account": [account]}, actor="test")

    assert at_once(*(partial(grant, account) for account in accounts)) == [None] * 40
    assert session.grants.count() == 40


def test_two_identities_never_share_a_session(workspace, at_once):
    identities = [str(UserIdentity.objects.create(workspace=workspace).pk) for _ in range(2)]
    for _ in range(ROUNDS):
        session = start(workspace)
        calls = [partial(session.grant, {"user_identity": [identity]}, actor="test") for identity in identities]
        results = at_once(*calls)
        assert {type(result) for result in results} == {type(None), GrantConflict}
        assert session.grants.count() == 1


def test_a_concurrent_grant_revives_no_ended_session(workspace, accounts, at_once):
    for n in range(ROUNDS):
        session = start(workspace)
        end = session.revoke if n % 2 else session.remove
        granted, ended = at_once(
            partial(session.grant, {"connected_account": accounts[:5]}, actor="test"), partial(end, actor="test")
        )
        assert ended is True
        assert granted is None or isinstance(granted, NotLive)
        assert not ClientSession.objects.live(at=timezone.now()).filter(pk=session.pk).exists()
        assert Grant.objects.filter(client_session=session.pk).count() in ((0, 5) if n % 2 else (0,))


def test_replacing_and_adding_grants_run_one_after_the_other(workspace, accounts, at_once):
    for _ in range(ROUNDS):
        session = start(workspace, wanted={"connected_account": accounts[:2]})
        at_once(
            partial(session.replace_grants, {"connected_account": accounts[2:4]}, actor="test"),
            partial(session.grant, {"connected_account": accounts[4:5]}, actor="test"),
        )
        stored = {grant.resource_id for grant in session.grants.all()}
        replaced = {account.replace("-", "") for account in accounts[2:4]}
        added = {accounts[4].replace("-", "")}
        assert stored in (replaced, replaced | added)


def test_two_concurrent_revokes_write_one_event(workspace, at_once):
    for _ in range(ROUNDS):
        session = start(workspace)
        results = at_once(*[partial(session.revoke, actor="test")] * 4)
        assert sorted(results) == [False, False, False, True]
        assert Event.objects.filter(subject=str(session.pk), type="client_session.revoked").count() == 1


def test_get_or_create_and_grants_of_an_identity_do_not_deadlock(workspace, accounts, at_once):
    identity = str(UserIdentity.objects.create(workspace=workspace).pk)
    wanted = {"user_identity": [identity]}
    session = start(workspace, wanted=wanted)

    def ask(n: int) -> ClientSession:
        return ClientSession.objects.start_or_match(
            workspace, actor="test", wanted={**wanted, "connected_account": [accounts[n]]}
        )

    asks = [partial(ask, n) for n in range(4)]
    grants = [partial(session.grant, {"connected_account": [accounts[n]]}, actor="test") for n in range(4, 8)]
    for _ in range(ROUNDS):
        results = at_once(*asks, *grants)
        assert results == [session] * 4 + [None] * 4
