"""An erasure beside requests of the same person: real threads, each with its own connection."""

from functools import partial

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from sessions_core.models import Event
from sessions_core.personal_data import erase_user
from tests.embedded import examples
from user_sessions.models import Activity, Client, NotLive, StaleClient, UserSession
from user_sessions.user_agents import device_of

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = examples(6)
PHONE = device_of("Mozilla/5.0 (iPhone)", "192.0.2.1")
LAPTOP = device_of("Mozilla/5.0 (X11; Linux)", "192.0.2.2")


@pytest.fixture
def person(db):
    return get_user_model().objects.create_user("jane")


@pytest.fixture
def erase(person):
    return partial(erase_user, person, actor="test")


def test_of_two_erasures_at_once_one_erases(workspace, person, erase, at_once):
    for _ in range(ROUNDS):
        UserSession.objects.start(workspace, person, actor="test", device=PHONE)
        assert sorted(at_once(erase, erase), key=len)[0] == {}
        assert not UserSession.objects.exists() and not Event.objects.filter(data__user=str(person.pk)).exists()


def test_a_sign_in_beside_an_erasure_is_erased_or_begins_after_it(workspace, person, erase, at_once):
    for _ in range(ROUNDS):
        client = UserSession.objects.start(workspace, person, actor="test", device=PHONE).client
        sign_in = partial(UserSession.objects.start, workspace, person, actor="test", client=client, replacing=True)
        began, erased = at_once(sign_in, erase)
        assert isinstance(began, UserSession | StaleClient) and isinstance(erased, dict), (began, erased)
        erase()
        assert not UserSession.objects.exists() and not Client.objects.exists()


def test_a_session_in_use_beside_an_erasure_leaves_nothing(workspace, person, erase, at_once):
    for _ in range(ROUNDS):
        session = UserSession.objects.start(workspace, person, actor="test", device=PHONE)
        copy, later = UserSession.objects.get(pk=session.pk), timezone.now()
        note = partial(Activity.objects.note, copy, LAPTOP, at=later)
        erased, ended, noted = at_once(erase, partial(session.end, actor=session.actor), note)
        assert isinstance(erased, dict), erased
        assert isinstance(ended, bool | NotLive), ended
        assert not UserSession.objects.exists() and not Activity.objects.exists(), noted
        assert not Event.objects.filter(subject=session.pk).exists()
