"""What holds when requests collide: real threads, each with a connection of its own."""

from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from sessions_core.models import Event
from user_sessions.models import NotLive, SigningKey, UserSession

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 10


@pytest.fixture
def u1():
    return get_user_model().objects.create_user("u1")


def test_a_revoke_racing_touches_ends_revoked(workspace, u1, at_once):
    for _ in range(ROUNDS):
        session = UserSession.objects.start(workspace, u1, by="test")
        copies = [UserSession.objects.get(pk=session.pk) for _ in range(4)]
        later = session.last_active_at + timedelta(minutes=2)
        touches = [partial(copy.touch, at=later + timedelta(minutes=2 * n)) for n, copy in enumerate(copies)]
        revoked, *touched = at_once(partial(session.revoke, by="test", at=later), *touches)
        assert revoked is True
        assert all(result in (True, False) or isinstance(result, NotLive) for result in touched)
        assert UserSession.objects.get(pk=session.pk).status == "revoked"


def test_of_different_endings_the_first_stays(workspace, u1, at_once):
    for _ in range(ROUNDS):
        session = UserSession.objects.start(workspace, u1, by="test")
        calls = [
            partial(getattr(UserSession.objects.get(pk=session.pk), verb), by="test")
            for verb in ("end", "revoke", "replace", "revoke")
        ]
        assert sorted(at_once(*calls)) == [False, False, False, True]
        events = Event.objects.filter(subject=session.pk).exclude(type="user_session.created")
        assert [event.type for event in events] == [f"user_session.{UserSession.objects.get(pk=session.pk).status}"]


def test_a_minute_of_touches_is_one_write(workspace, u1, at_once):
    session = UserSession.objects.start(workspace, u1, by="test", at=timezone.now() - timedelta(hours=1))
    now = timezone.now()
    results = at_once(*(partial(UserSession.objects.get(pk=session.pk).touch, at=now) for _ in range(8)))
    assert sorted(results) == [False] * 7 + [True]


def test_a_workspace_gets_one_signing_key_however_many_ask(workspace, at_once):
    keys = at_once(*[partial(SigningKey.objects.current, workspace)] * 4)
    assert {key.kid for key in keys} == {SigningKey.objects.get().kid}
    assert Event.objects.filter(type="signing_key.created").count() == 1
