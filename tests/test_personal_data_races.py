"""An erasure beside requests of the same person: real threads, each with its own connection."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
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


@pytest.fixture
def beside():
    """Return a function that makes one call, and another one in a thread before the first one's statement.

    The other one gets half a second, because it may have to wait for the first one's transaction.
    """

    def run(statement, call, other):
        others: list[Future] = []

        def start_other(execute, sql, *rest):
            if not others and sql.startswith(statement):
                others.append(threads.submit(apart))
                wait(others, timeout=0.5)
            return execute(sql, *rest)

        def apart():
            try:
                return other()
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as threads, connection.execute_wrapper(start_other):
            returned = call()
            return [returned, others[0].result()]

    return run


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
        assert noted is None, noted
        assert not UserSession.objects.exists() and not Activity.objects.exists()
        assert not Event.objects.filter(subject=session.pk).exists()


@pytest.mark.parametrize("after", [timedelta(), timedelta(days=8)], ids=["ended", "expired"])
def test_a_last_use_is_noted_before_the_erasure_or_never(workspace, person, erase, beside, after):
    session = UserSession.objects.start(workspace, person, actor="test", device=PHONE)
    if not after:
        session.end(actor=session.actor)
    now = timezone.now()
    note = partial(Activity.objects.note, session, LAPTOP, at=now)
    [erased, noted] = beside('DELETE FROM "user_sessions_usersession"', partial(erase, at=now + after), note)
    assert erased["user_sessions"] == 1 and noted is None
    assert not UserSession.objects.exists() and not Activity.objects.exists()


@pytest.mark.parametrize("rows", [UserSession.objects, Client.objects], ids=["of sessions", "of clients"])
def test_a_deletion_by_the_host_waits_for_a_use_too(workspace, person, beside, rows):
    session = UserSession.objects.start(workspace, person, actor="test", device=PHONE)
    session.end(actor=session.actor)
    note = partial(Activity.objects.note, session, LAPTOP, at=timezone.now())
    [(deleted, _), noted] = beside('DELETE FROM "user_sessions_usersession"', rows.all().delete, note)
    assert deleted >= 2 and noted is None
    assert not UserSession.objects.exists() and not Activity.objects.exists()


@pytest.mark.parametrize("over", ["deleted", "revoked"])
def test_a_session_that_is_over_notes_no_use(workspace, person, over):
    session = UserSession.objects.start(workspace, person, actor="test", device=PHONE)
    (UserSession.objects.all().delete if over == "deleted" else partial(session.revoke, actor="test"))()
    Activity.objects.note(session, LAPTOP, at=timezone.now())
    assert Activity.objects.count() == (over == "revoked")


def test_a_sign_in_of_another_user_on_a_client_of_the_past_stays(workspace, person, erase, at_once):
    client = UserSession.objects.start(workspace, person, actor="test", device=PHONE).client
    UserSession.objects.all().delete()
    other, has_begun = get_user_model().objects.create_user("joe"), threading.Event()

    def sign_in():
        with transaction.atomic():
            session = UserSession.objects.start(workspace, other, actor="test", client=client)
            has_begun.set()
            time.sleep(0.5)
        return session

    def erase_beside():
        has_begun.wait(timeout=30)
        return erase()

    session, erased = at_once(sign_in, erase_beside)
    assert isinstance(erased, dict), erased
    assert UserSession.objects.get().pk == session.pk
