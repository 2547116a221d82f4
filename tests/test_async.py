"""Asynchronous twins of the verbs that a host calls."""

from inspect import iscoroutinefunction, signature
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from client_sessions.devices.models import ConnectedAccount
from client_sessions.models import ClientSession, ClientSessionQuerySet
from user_sessions.models import NotLive, UserSession, UserSessionQuerySet

TWINS = [
    *((UserSession, verb) for verb in ("end", "revoke", "remove", "touch")),
    *((UserSessionQuerySet, verb) for verb in ("start", "revoke")),
    *((ClientSession, verb) for verb in ("grant", "revoke_access", "revoke", "remove")),
    *((ClientSessionQuerySet, verb) for verb in ("start", "start_or_match", "revoke")),
]


@pytest.mark.parametrize(("owner", "verb"), TWINS, ids=[f"{owner.__name__}.a{verb}" for owner, verb in TWINS])
def test_a_twin_takes_what_its_verb_takes(owner: Any, verb: str):
    twin = getattr(owner, f"a{verb}")
    assert iscoroutinefunction(twin) and twin.__name__ == f"a{verb}"
    assert signature(twin) == signature(getattr(owner, verb))


def test_a_user_session_is_used_and_ended(workspace, admin_user):
    async def story() -> list[Any]:
        session, other, _ = [await UserSession.objects.astart(workspace, admin_user, actor="test") for _ in range(3)]
        done = [await session.atouch(), await session.aend(actor="test"), await session.aremove(actor="test")]
        return [
            *done,
            await other.arevoke(actor="test"),
            await UserSession.objects.of_user(admin_user).arevoke(actor="test"),
        ]

    *done, revoked = async_to_sync(story)()
    assert done == [False, True, True, True]
    assert sorted(session.status for session in UserSession.objects.all()) == ["removed", "revoked", "revoked"]
    assert len(revoked) == 1


def test_a_twin_raises_what_its_verb_raises(workspace, admin_user):
    session = UserSession.objects.start(workspace, admin_user, actor="test")
    session.revoke(actor="test")
    with pytest.raises(NotLive):
        async_to_sync(session.atouch)()


def test_a_client_session_is_granted_and_revoked(workspace):
    row = ConnectedAccount.objects.create(workspace=workspace, display_name="one")
    account = {"connected_account": [str(row.pk)]}

    async def story() -> list[Any]:
        session = await ClientSession.objects.astart(workspace, actor="test", user_identifier_key="u1")
        await session.agrant(account, actor="test")
        same = await ClientSession.objects.astart_or_match(workspace, actor="test", user_identifier_key="u1")
        await same.arevoke_access(account, actor="test")
        return [same == session, await session.arevoke(actor="test"), await session.aremove(actor="test")]

    assert async_to_sync(story)() == [True, True, True]
    assert not ClientSession.objects.exists()
