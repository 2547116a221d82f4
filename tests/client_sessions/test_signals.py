"""Signals about client sessions: once for each fact, after its transaction has committed."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.dispatch import Signal

from client_sessions.devices.models import ConnectedAccount
from client_sessions.models import Action, ClientSession, Terms
from client_sessions.signals import client_session_revoked, client_session_started, grants_changed
from tests.pages import table

pytestmark = pytest.mark.django_db(transaction=True)


class Heard(list[dict[str, Any]]):
    """What a receiver got."""

    def __call__(self, signal: Signal, sender: type, **arguments: Any) -> None:
        assert sender is ClientSession
        self.append(arguments)


def hearing(signal: Signal) -> Iterator[Heard]:
    heard = Heard()
    signal.connect(heard)
    yield heard
    signal.disconnect(heard)


@pytest.fixture
def started() -> Iterator[Heard]:
    yield from hearing(client_session_started)


@pytest.fixture
def revoked() -> Iterator[Heard]:
    yield from hearing(client_session_revoked)


@pytest.fixture
def changed() -> Iterator[Heard]:
    yield from hearing(grants_changed)


@pytest.fixture
def start(workspace: Any) -> Callable[..., ClientSession]:
    return partial(ClientSession.objects.start, workspace, actor="backend")


@pytest.fixture
def account(workspace: Any) -> str:
    return str(ConnectedAccount.objects.create(workspace=workspace, display_name="one").pk)


def test_a_new_session_is_announced(start, workspace, started):
    session = start(user_identifier_key="jane")
    ClientSession.objects.start_or_match(workspace, actor="backend", user_identifier_key="jane")
    (heard,) = started
    assert (heard["session"], heard["session"].workspace, heard["actor"]) == (session, workspace, "backend")


END: dict[str, Callable[[ClientSession], Any]] = {
    "revoke": lambda session: session.revoke(actor="backend"),
    "revoke of many": lambda session: ClientSession.objects.revoke(actor="backend"),
    "remove": lambda session: session.remove(actor="backend"),
    "delete": lambda session: session.delete(),
    "delete of many": lambda session: ClientSession.objects.all().delete(),
}


@pytest.mark.parametrize("end", END)
def test_the_end_of_a_session_is_announced(start, workspace, revoked, end):
    id = (session := start()).pk
    END[end](session)
    ((heard),) = revoked
    assert (heard["workspace_id"], heard["session_ids"]) == (workspace.pk, [id])
    assert heard["actor"] == ("system:session_deleted" if "delete" in end else "backend")


@pytest.mark.parametrize("end", END)
def test_a_revoked_session_that_is_deleted_is_not_announced_again(start, revoked, end):
    session = start()
    session.revoke(actor="backend")
    END[end](session)
    assert len(revoked) == 1


def test_changes_of_grants_are_announced(start, account, changed):
    session, wanted = start(), {"connected_account": [account]}
    session.grant(wanted, actor="backend")
    session.replace_grants(wanted, actor="backend", terms=Terms(actions=[Action.READ]))
    session.revoke_access(wanted, actor="backend")
    assert [one["change"] for one in changed] == ["granted", "limited", "removed"]
    assert all((one["session_id"], one["grants"]) == (session.pk, wanted) for one in changed)


def test_a_call_that_changes_no_grant_announces_nothing(start, account, changed):
    session, wanted = start(), {"connected_account": [account]}
    session.revoke_access(wanted, actor="backend")
    session.grant(wanted, actor="backend")
    session.grant(wanted, actor="backend")
    assert len(changed) == 1


def test_the_grants_of_a_deleted_resource_are_announced_as_removed(start, account, changed):
    start(wanted={"connected_account": [account]})
    ConnectedAccount.objects.get(pk=account).delete()
    assert [(one["change"], one["actor"]) for one in changed] == [
        ("granted", "backend"),
        ("removed", "deletion:connected_account"),
    ]


def test_what_is_rolled_back_is_not_announced(start, account, started, revoked, changed):
    with transaction.atomic():
        start(wanted={"connected_account": [account]}).revoke(actor="backend")
        transaction.set_rollback(True)
    assert (started, revoked, changed) == ([], [], [])


def test_the_page_lists_what_receivers_get(start, account, started, revoked, changed):
    start(wanted={"connected_account": [account]}).revoke(actor="backend")
    rows = table("signals.md", "Signals of client sessions")
    assert {name: set(re.findall(r"`(\w+)`", cell)) for name, _, cell in rows} == {
        "client_session_started": set(started[0]),
        "client_session_revoked": set(revoked[0]),
        "grants_changed": set(changed[0]),
    }
