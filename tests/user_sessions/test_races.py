"""Concurrent requests: real threads, each with its own connection."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from sessions_core.models import Event, Workspace
from tests.embedded import examples
from tests.policies import set_user_session_policy
from user_sessions.models import Client, Epoch, NotLive, NotPending, SigningKey, StaleClient, Ticket, UserSession
from user_sessions.tokens.refresh_tokens import refresh_token
from user_sessions.tokens.session_tokens import session_token
from user_sessions.users import user_id
from user_sessions.verify.form import parse

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = examples(6)
HOUR = timedelta(hours=1)


def tally(results: list[Any]) -> Counter[str]:
    """Count the results: a value by its type, an exception by its class."""
    return Counter(str(it) if isinstance(it, bool) else type(it).__name__ for it in results)


def live(workspace: Workspace, **which: Any) -> int:
    return UserSession.objects.in_workspace(workspace).filter(**which).live(at=timezone.now()).count()


def test_a_revoke_racing_touches_ends_revoked(workspace, u1, at_once):
    for _ in range(ROUNDS):
        session = UserSession.objects.start(workspace, u1, actor="test")
        copies = [UserSession.objects.get(pk=session.pk) for _ in range(4)]
        later = session.last_active_at + timedelta(minutes=2)
        touches = [partial(copy.touch, at=later + timedelta(minutes=2 * n)) for n, copy in enumerate(copies)]
        revoked, *touched = at_once(partial(session.revoke, actor="test", at=later), *touches)
        assert revoked is True
        assert all(result in (True, False) or isinstance(result, NotLive) for result in touched)
        assert UserSession.objects.get(pk=session.pk).status == "revoked"


def test_a_revoke_racing_a_reauthentication_ends_revoked(workspace, u1, at_once):
    for _ in range(ROUNDS):
        session = UserSession.objects.start(workspace, u1, actor="test")
        later = session.verified_at + timedelta(minutes=2)
        confirm = partial(UserSession.objects.get(pk=session.pk).record_reauthentication, actor="test", at=later)
        revoked, *confirmed = at_once(partial(session.revoke, actor="test", at=later), confirm)
        assert revoked is True
        assert all(result is None or isinstance(result, NotLive) for result in confirmed)
        assert UserSession.objects.get(pk=session.pk).status == "revoked"


def test_of_sessions_that_revoke_each_other_exactly_one_stays(workspace, u1, at_once):
    for _ in range(ROUNDS):
        sessions = [UserSession.objects.start(workspace, u1, actor="test") for _ in range(3)]
        copies = [UserSession.objects.select_related("user").get(pk=session.pk) for session in sessions]
        results = at_once(*[copy.revoke_others for copy in copies])
        assert tally(results) == {"list": 1, "NotLive": 2}
        (stays,) = UserSession.objects.live()
        stays.revoke(actor="test")


def test_of_concurrent_endings_the_first_stays(workspace, u1, at_once):
    for _ in range(ROUNDS):
        session = UserSession.objects.start(workspace, u1, actor="test")
        calls = [
            partial(getattr(UserSession.objects.get(pk=session.pk), verb), actor="test")
            for verb in ("end", "revoke", "replace", "revoke")
        ]
        assert sorted(at_once(*calls)) == [False, False, False, True]
        events = Event.objects.filter(subject=session.pk).exclude(type="user_session.created")
        assert [event.type for event in events] == [f"user_session.{UserSession.objects.get(pk=session.pk).status}"]


def test_concurrent_touches_within_a_minute_write_once(workspace, u1, at_once):
    session = UserSession.objects.start(workspace, u1, actor="test", at=timezone.now() - timedelta(hours=1))
    now = timezone.now()
    results = at_once(*(partial(UserSession.objects.get(pk=session.pk).touch, at=now) for _ in range(8)))
    assert sorted(results) == [False] * 7 + [True]


def test_concurrent_requests_create_one_signing_key(workspace, at_once):
    keys = at_once(*[partial(SigningKey.objects.current, workspace)] * 4)
    assert {key.kid for key in keys} == {SigningKey.objects.get().kid}
    assert Event.objects.filter(type="signing_key.created").count() == 1


@pytest.mark.parametrize("policy", ["refuse", "end_oldest"])
def test_a_user_never_has_more_live_sessions_than_allowed(workspace, u1, at_once, policy):
    set_user_session_policy(workspace, limit=3, limit_policy=policy)
    workspace.save()
    for _ in range(ROUNDS):
        started = tally(at_once(*[partial(UserSession.objects.start, workspace, u1, actor="test")] * 8))
        if policy == "refuse":
            assert started == {"UserSession": 3, "TooManySessions": 5}
        else:
            assert started == {"UserSession": 8}
        assert live(workspace) == 3
        UserSession.objects.in_workspace(workspace).of_user(u1).revoke(actor="test")


def start_on(client: Client, user: Any, **how: Any) -> UserSession:
    """Start a session as a host's code does: after StaleClient, read the client again."""
    while True:
        read = Client.objects.select_related("workspace").get(pk=client.pk)
        with suppress(StaleClient):
            return UserSession.objects.start(read.workspace, user, actor="test", client=read, **how)


@pytest.mark.parametrize("replacing", [False, True])
@pytest.mark.parametrize(("single", "refusal"), [(True, "SessionExists"), (False, "AlreadySignedIn")])
def test_concurrent_sign_ins_on_one_client_leave_one(workspace, u1, u2, at_once, single, refusal, replacing):
    set_user_session_policy(workspace, single_session_mode=single)
    workspace.save()
    users = [u1, u2] * 4 if single else [u1] * 8
    for _ in range(ROUNDS):
        client = Client.objects.begin(workspace, at=timezone.now())
        started = tally(at_once(*(partial(start_on, client, user, replacing=replacing) for user in users)))
        assert started == ({"UserSession": 8} if replacing else {"UserSession": 1, refusal: 7})
        assert live(workspace, client=client) == 1


def test_different_users_can_sign_in_on_one_client_concurrently(workspace, u1, u2, at_once):
    for _ in range(ROUNDS):
        client = Client.objects.begin(workspace, at=timezone.now())
        assert tally(at_once(partial(start_on, client, u1), partial(start_on, client, u2))) == {"UserSession": 2}
        assert live(workspace, client=client) == 2


def test_no_concurrent_sign_in_survives_an_impersonation(workspace, u1, u2, at_once):
    for _ in range(ROUNDS):
        client = Client.objects.begin(workspace, at=timezone.now())
        start = partial(start_on, client)
        started = at_once(partial(start, u1, impersonator={"sub": "agent"}), partial(start, u2), partial(start, u2))
        assert isinstance(started[0], UserSession)
        assert live(workspace, client=client) == live(workspace, client=client, impersonator__isnull=False) == 1


def minting(session: UserSession, until: Callable[[], bool]) -> list[int]:
    """Mint tokens until the condition or a refusal. Return the ``iat`` of each."""
    issued = []
    while not until():
        now = timezone.now()
        row = UserSession.objects.for_minting(at=now).select_related("workspace").filter(pk=session.pk).first()
        if row is None:
            break
        try:
            issued.append(parse(session_token(row, at=now)).payload["iat"])
        except NotLive:
            break
    return issued


@pytest.mark.parametrize("idle", [None, timedelta(minutes=1)])
def test_no_token_is_issued_after_the_answer_to_a_revoke(workspace, u1, at_once, idle):
    set_user_session_policy(workspace, idle_lifetime=idle)
    workspace.save()
    SigningKey.objects.current(workspace)
    for _ in range(ROUNDS):
        session = UserSession.objects.start(workspace, u1, actor="test")

        def revoke(session: UserSession = session) -> datetime:
            session.revoke(actor="test")
            return timezone.now()

        deadline = timezone.now() + timedelta(seconds=30)
        acknowledged, *issued = at_once(revoke, *[partial(minting, session, lambda: timezone.now() > deadline)] * 3)  # noqa: B023
        assert all(iat <= acknowledged.timestamp() for each in issued for iat in each)
        assert timezone.now() < deadline
        assert not UserSession.objects.for_minting(at=timezone.now()).filter(pk=session.pk).exists()


def test_concurrent_use_does_not_revive_a_session_after_an_epoch(workspace, u1, at_once):
    set_user_session_policy(workspace, idle_lifetime=HOUR)
    workspace.save()
    for _ in range(ROUNDS):
        now = timezone.now()
        session = UserSession.objects.start(workspace, u1, actor="test", at=now - HOUR / 2)
        copies = [UserSession.objects.get(pk=session.pk) for _ in range(4)]
        uses = [partial(copy.touch, at=now) for copy in copies[:2]] + [
            partial(copy.note_use, at=now) for copy in copies[2:]
        ]
        epoch, *used = at_once(partial(Epoch.objects.begin, workspace, actor="test", at=now), *uses)
        assert isinstance(epoch, Epoch) and set(tally(used)) <= {"True", "False", "NoneType", "NotLive"}
        assert UserSession.objects.get(pk=session.pk).status_at(timezone.now()) == "revoked"
        assert live(workspace) == 0


def test_two_concurrent_epochs_end_every_session_and_the_next_sign_in_is_live(workspace, u1, at_once):
    for _ in range(ROUNDS):
        UserSession.objects.start(workspace, u1, actor="test")
        assert tally(at_once(*[partial(Epoch.objects.begin, workspace, actor="test")] * 2)) == {"Epoch": 2}
        assert live(workspace) == 0
        UserSession.objects.start(workspace, u1, actor="test")
        assert live(workspace) == 1


def test_revoking_everything_leaves_only_concurrent_sign_ins(workspace, u1, at_once):
    for _ in range(ROUNDS):
        before = {UserSession.objects.start(workspace, u1, actor="test").pk for _ in range(3)}
        mine = UserSession.objects.in_workspace(workspace).of_user(u1)
        revoked, *started = at_once(
            partial(mine.revoke, actor="test"), *[partial(UserSession.objects.start, workspace, u1, actor="test")] * 4
        )
        assert before <= set(revoked) <= before | {session.pk for session in started}
        assert live(workspace) == len(before) + len(started) - len(revoked)
        mine.revoke(actor="test")


def test_a_concurrent_end_and_removal_leave_the_session_removed(workspace, u1, at_once):
    for _ in range(ROUNDS):
        session = UserSession.objects.start(workspace, u1, actor="test")
        copy = UserSession.objects.get(pk=session.pk)
        ended, removed = at_once(partial(session.end, actor="test"), partial(copy.remove, actor="test"))
        assert removed is True
        assert UserSession.objects.get(pk=session.pk).status == "removed"
        events = Event.objects.filter(subject=session.pk, type="user_session.ended").count()
        assert events == ended


def test_concurrent_tasks_are_all_stored(workspace, u1, at_once):
    for _ in range(ROUNDS):
        session = UserSession.objects.start(workspace, u1, actor="test", tasks=["a", "b"])
        copies = [UserSession.objects.get(pk=session.pk) for _ in range(4)]
        verbs = [
            (UserSession.require, "c"),
            (UserSession.fulfil, "a"),
            (UserSession.require, "d"),
            (UserSession.fulfil, "b"),
        ]
        calls = [partial(verb, copy, task, actor="test") for (verb, task), copy in zip(verbs, copies, strict=True)]
        assert at_once(*calls) == [True] * 4
        row = UserSession.objects.get(pk=session.pk)
        assert (sorted(row.tasks), row.status) == (["c", "d"], "pending")


def test_a_revoke_racing_tasks_ends_revoked(workspace, u1, at_once):
    for _ in range(ROUNDS):
        session = UserSession.objects.start(workspace, u1, actor="test", tasks=["a"])
        copies = [UserSession.objects.get(pk=session.pk) for _ in range(2)]
        revoked, *done = at_once(
            partial(session.revoke, actor="test"),
            partial(copies[0].fulfil, "a", actor="test"),
            partial(copies[1].require, "b", actor="test"),
        )
        assert revoked is True and set(tally(done)) <= {"True", "False"}
        assert UserSession.objects.get(pk=session.pk).status == "revoked"


def accept_and_start(ticket: Ticket) -> bool:
    Ticket.objects.get(pk=ticket.pk).accept(actor="test")
    return True


def test_concurrent_attempts_accept_a_ticket_once(workspace, u1, at_once):
    for _ in range(3):
        ticket = Ticket.objects.issue(workspace, u1, actor="test", lifetime=HOUR)
        assert tally(at_once(*[partial(accept_and_start, ticket)] * 20)) == {"True": 1, "NotPending": 19}
        assert Event.objects.filter(subject=ticket.pk, type="sign_in_token.accepted").count() == 1


def test_a_ticket_is_accepted_or_revoked_but_not_both(workspace, u1, at_once):
    for _ in range(ROUNDS):
        ticket = Ticket.objects.issue(workspace, u1, actor="test", lifetime=HOUR)
        copy = Ticket.objects.get(pk=ticket.pk)
        accepted, revoked = at_once(partial(accept_and_start, ticket), partial(copy.revoke, actor="test"))
        assert isinstance(accepted, NotPending) != isinstance(revoked, NotPending)
        row = Ticket.objects.get(pk=ticket.pk)
        assert row.status == ("accepted" if accepted is True else "revoked")
        events = Event.objects.filter(subject=ticket.pk).exclude(type="sign_in_token.created")
        assert [event.type for event in events] == [f"sign_in_token.{row.status}"]


def test_concurrent_requests_refresh_an_expired_token_once(workspace, u1, backend, at_once):
    origin = "https://app.example.com"
    for _ in range(3):
        session = UserSession.objects.start(workspace, u1, actor="test")
        row = (
            UserSession.objects.for_minting(at=timezone.now()).select_related("workspace", "client").get(pk=session.pk)
        )
        expired = session_token(row, at=timezone.now(), authorized_party=origin)
        asked = {"expired_token": expired, "refresh_token": refresh_token(row), "request_origin": origin}
        path = f"v1/sessions/{session.pk}/refresh"
        answers = Counter(answer.error for answer in at_once(*[partial(backend.post, path, **asked)] * 10))
        assert answers == {"": 1, "session_refresh_expired_session_token_consumed": 9}


@pytest.mark.parametrize("path", ["revoke", "revoke_all"])
def test_revokes_over_http_all_succeed_and_happen_once(workspace, u1, backend, at_once, path):
    for _ in range(3):
        session = UserSession.objects.start(workspace, u1, actor="test")
        url = f"v1/sessions/{session.pk}/revoke" if path == "revoke" else f"v1/users/{user_id(u1.pk)}/revoke_sessions"
        assert {answer.status_code for answer in at_once(*[partial(backend.post, url)] * 6)} == {200}
        assert Event.objects.filter(subject=session.pk, type="user_session.revoked").count() == 1


@pytest.mark.parametrize("long_ago", [False, True])
def test_of_concurrent_refreshes_one_succeeds_and_only_a_late_one_revokes(workspace, u1, at_once, long_ago):
    set_user_session_policy(workspace, reuse_policy="revoke")
    for _ in range(ROUNDS):
        session, now = UserSession.objects.start(workspace, u1, actor="test"), timezone.now()
        if long_ago:
            session.consume(now, origin="https://a.example", at=now - HOUR)
        rows = UserSession.objects.select_related("workspace").filter(pk=session.pk)
        consume = [partial(row.consume, now, origin="https://a.example", at=now) for row in [*rows] * 4]
        assert tally(at_once(*consume)) == ({"False": 4} if long_ago else {"True": 1, "False": 3})
        assert UserSession.objects.get(pk=session.pk).status == ("revoked" if long_ago else "active")
        assert Event.objects.filter(subject=session.pk, type="user_session.token_reused").count() == long_ago
