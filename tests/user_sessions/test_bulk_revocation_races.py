"""Bulk revocations beside each other and beside sign-ins: real threads, each with its own connection."""

from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from sessions_core.models import Event
from user_sessions.console import bulk_batches
from user_sessions.console.bulk_batches import Chosen, work
from user_sessions.models import UserSession
from user_sessions.models.bulk_revocations import BulkRevocation

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 30


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(bulk_batches, "BATCH", 4)
    monkeypatch.setattr(bulk_batches, "PAUSE", 0)


@pytest.fixture
def sessions(workspace, u1, u2) -> list[UserSession]:
    return [UserSession.objects.start(workspace, (u1, u2)[n % 2], actor="test") for n in range(MANY)]


def begun(id: str) -> BulkRevocation:
    newest, *_, oldest = UserSession.objects.order_by("-created_at", "-id")
    bounds = {"newest_at": newest.created_at, "newest_id": newest.pk, "oldest_at": oldest.created_at}
    BulkRevocation.start(id, actor=f"operator:{id}", reason="test", as_of=timezone.now(), expected=MANY, **bounds)
    return BulkRevocation.objects.get(pk=id)


def everything() -> Chosen:
    return Chosen(UserSession.objects.all(), UserSession.objects.all())


def working(row: BulkRevocation) -> Any:
    return partial(work, row, everything(), actor=row.actor, seconds=60)


def recorded() -> list[str]:
    return sorted(Event.objects.filter(type="user_session.revoked").values_list("subject", flat=True))


def test_two_requests_for_one_share_its_work(sessions, at_once):
    row = begun("bulk_1")
    results = at_once(working(row), working(row))
    assert [result.finished_at is not None for result in results] == [True, True]
    row.refresh_from_db()
    assert (row.ended, row.already_over) == (MANY, 0)
    assert recorded() == sorted(session.pk for session in sessions)
    assert Event.objects.filter(type="bulk_revocation.finished").count() == 1


def test_two_operators_at_once_end_each_session_once(sessions, at_once):
    first, second = begun("bulk_1"), begun("bulk_2")
    at_once(working(first), working(second))
    rows = BulkRevocation.objects.all()
    assert sum(row.ended for row in rows) == MANY
    assert {row.ended + row.already_over for row in rows} == {MANY}
    assert recorded() == sorted(session.pk for session in sessions)


def test_sign_ins_beside_it_succeed_and_stay(sessions, at_once, workspace, u1):
    row = begun("bulk_1")
    on_same_client = UserSession.objects.select_related("client__workspace").get(pk=sessions[0].pk).client

    def sign_in() -> list[UserSession]:
        return [UserSession.objects.start(workspace, u1, actor="test") for _ in range(5)]

    again = partial(UserSession.objects.start, workspace, u1, actor="test", client=on_same_client, replacing=True)
    _, *begun_now = at_once(working(row), sign_in, sign_in, again)
    assert not [each for each in begun_now if isinstance(each, Exception)]
    row.refresh_from_db()
    assert row.ended + row.already_over == MANY
    assert UserSession.objects.live().count() == 11
