"""The state machine: every verb in every state, and expiry."""

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldError, ValidationError
from django.db import IntegrityError, transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from sessions_core.models import Event
from tests.policies import set_user_session_policy
from user_sessions.models import (
    Client,
    Epoch,
    ForeignClient,
    LimitPolicy,
    NotLive,
    SignIn,
    Status,
    Ticket,
    TooManySessions,
    UserInactive,
    UserSession,
    UserSessionPolicy,
)

NOW = timezone.now()
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
EXPIRY, ABANDONMENT = NOW + 7 * DAY, NOW + 30 * DAY
TASK = "setup-mfa"


def in_state(workspace: Any, user: Any, state: str) -> UserSession:
    """Return a session created at NOW in a stored state, or one that is expired or abandoned."""
    session = UserSession.objects.start(workspace, user, actor="test", at=NOW)
    if state == "pending":
        session.require(TASK, actor="test", at=NOW)
    if verb := {"ended": "end", "revoked": "revoke", "removed": "remove", "replaced": "replace"}.get(state):
        getattr(session, verb)(actor="test", at=NOW)
    session.refresh_from_db()
    return session


def moment_of(state: str) -> datetime:
    return {"expired": EXPIRY, "abandoned": ABANDONMENT}.get(state, NOW + SECOND)


@pytest.mark.parametrize(
    ("stored", "at", "status"),
    [
        ("active", NOW, "active"),
        ("active", EXPIRY - SECOND, "active"),
        ("active", EXPIRY, "expired"),
        ("active", ABANDONMENT - SECOND, "expired"),
        ("active", ABANDONMENT, "abandoned"),
        ("pending", NOW, "pending"),
        ("pending", EXPIRY, "expired"),
        ("pending", ABANDONMENT, "abandoned"),
        ("ended", EXPIRY, "ended"),
        ("ended", ABANDONMENT, "abandoned"),
        ("replaced", ABANDONMENT - SECOND, "replaced"),
        ("replaced", ABANDONMENT, "abandoned"),
        ("revoked", ABANDONMENT, "revoked"),
        ("removed", ABANDONMENT, "removed"),
    ],
)
def test_the_status_property_and_the_queryset_agree(workspace, u1, stored, at, status):
    session = in_state(workspace, u1, stored)
    found = [each for each in Status.values if session in UserSession.objects.with_status(each, at=at)]
    assert found == [session.status_at(at)] == [status]
    assert session.is_live(at) == (session in UserSession.objects.live(at=at)) == (status in ("pending", "active"))


def test_a_row_has_its_current_status(workspace, u1):
    long_ago = timezone.now() - timedelta(days=60)
    session = UserSession.objects.start(workspace, u1, actor="test", at=long_ago)
    ticket = Ticket.objects.issue(workspace, u1, actor="test", lifetime=SECOND, at=long_ago)
    assert (session.stored_status, session.status) == ("active", "abandoned")
    assert (ticket.stored_status, ticket.status) == ("pending", "expired")


@pytest.mark.parametrize("model", [UserSession, Ticket, SignIn])
def test_the_obvious_filter_is_refused(model):
    with pytest.raises(FieldError, match="Cannot resolve keyword 'status'"):
        model.objects.filter(status="active")


@pytest.mark.parametrize("reason", ["its time", "an epoch", "another password", "nothing"])
def test_a_ticket_expires_with_what_it_depends_on(workspace, u1, reason):
    ticket = Ticket.objects.issue(workspace, u1, actor="test", lifetime=2 * SECOND, at=NOW)
    if reason == "an epoch":
        Epoch.objects.begin(workspace, actor="test", at=NOW)
    if reason == "another password":
        Ticket.objects.filter(pk=ticket.pk).update(password_fingerprint="another")
        ticket.refresh_from_db()
    at = NOW + (2 if reason == "its time" else 1) * SECOND
    assert ticket.status_at(at) == ("pending" if reason == "nothing" else "expired")


NARROWINGS = {
    "in_workspace": lambda rows, workspace, user: rows.in_workspace(workspace),
    "of_user": lambda rows, workspace, user: rows.of_user(user),
    "live": lambda rows, workspace, user: rows.live(),
}


@pytest.mark.parametrize("order", list(permutations(NARROWINGS)))
def test_queryset_filters_combine_in_any_order(workspace, live_workspace, u1, u2, order, django_assert_num_queries):
    wanted, ended = (UserSession.objects.start(workspace, u1, actor="test") for _ in range(2))
    ended.end(actor="test")
    UserSession.objects.start(workspace, u2, actor="test")
    UserSession.objects.start(live_workspace, u1, actor="test")
    rows: Any = UserSession.objects
    for name in order:
        rows = NARROWINGS[name](rows, workspace, u1)
    with django_assert_num_queries(1):
        assert [(row, row.workspace) for row in rows] == [(wanted, workspace)]


def test_a_narrowed_queryset_does_not_widen_the_limit_of_sessions(workspace, u1):
    set_user_session_policy(workspace, limit=1, limit_policy=LimitPolicy.REFUSE)
    UserSession.objects.start(workspace, u1, actor="test")
    with pytest.raises(TooManySessions):
        UserSession.objects.none().start(workspace, u1, actor="test")


# Verb -> the new state for each tested state.
OUTCOMES = {
    "end": {"pending": "ended", "active": "ended"},
    "revoke": {"pending": "revoked", "active": "revoked"},
    "replace": {"pending": "replaced", "active": "replaced"},
    "remove": dict.fromkeys(("pending", "active", "ended", "replaced", "revoked", "expired"), "removed"),
    "require": {"active": "pending"},
    "fulfil": {"pending": "active"},
}
EVENTS = {"pending": "pending", "active": "activated"}


def do(session: UserSession, verb: str, **how: Any) -> bool:
    if verb in ("require", "fulfil"):
        how.pop("reason", None)
        return getattr(session, verb)(TASK, **how)
    return getattr(session, verb)(**how)


@pytest.mark.parametrize("state", Status.values)
@pytest.mark.parametrize("verb", OUTCOMES)
def test_a_verb_changes_only_the_states_that_it_can_leave(workspace, u1, verb, state):
    session, at = in_state(workspace, u1, state), moment_of(state)
    before = Event.objects.count()
    happened = do(session, verb, actor="operator:1", at=at, reason="a lost phone")
    outcome = OUTCOMES[verb].get(state)
    assert happened == (outcome is not None)
    assert session.status_at(at) == (outcome or state)
    assert Event.objects.count() - before == happened
    if happened:
        event = Event.objects.first()
        event_type = f"user_session.{EVENTS.get(outcome, outcome)}"
        assert (event.type, event.subject, event.actor) == (event_type, session.pk, "operator:1")
        was_over = {"was_over": True} if state in ("ended", "revoked", "replaced") else {}
        assert "tasks" in event.data or event.data == {"reason": "a lost phone", **was_over}


@pytest.mark.parametrize("verb", OUTCOMES)
def test_repeating_a_verb_changes_nothing(workspace, u1, verb):
    session = in_state(workspace, u1, "pending" if verb == "fulfil" else "active")
    assert do(session, verb, actor="first", at=NOW + SECOND) is True
    before = UserSession.objects.filter(pk=session.pk).values().get()
    assert do(session, verb, actor="second", at=NOW + DAY) is False
    assert UserSession.objects.filter(pk=session.pk).values().get() == before


def test_a_removal_keeps_the_time_reason_and_actor_of_the_ending(workspace, u1):
    session = in_state(workspace, u1, "active")
    session.end(actor="first", at=NOW + SECOND, reason="signed out")
    session.remove(actor="second", at=NOW + DAY, reason="tidied up")
    session.refresh_from_db()
    assert (session.status, session.closed_at, session.updated_at) == ("removed", NOW + SECOND, NOW + DAY)
    assert (session.closed_by, session.close_reason) == ("first", "signed out")


def test_a_touch_is_written_once_per_interval(workspace, u1):
    session = in_state(workspace, u1, "active")
    assert session.touch(at=NOW + timedelta(seconds=59)) is False
    assert session.touch(at=NOW + timedelta(seconds=60)) is True
    assert session.touch(at=NOW + timedelta(seconds=61)) is False
    session.refresh_from_db()
    assert session.last_active_at == session.updated_at == NOW + timedelta(seconds=60)
    assert session.expire_at == EXPIRY


def test_a_touch_within_the_interval_makes_no_query(workspace, u1, django_assert_num_queries):
    id = in_state(workspace, u1, "active").pk
    session = UserSession.objects.in_workspace(workspace).with_status_facts().select_related("client").get(pk=id)
    with django_assert_num_queries(0):
        assert session.touch(at=NOW + SECOND) is False


def test_touching_an_unselected_session_within_the_interval_only_selects_it(workspace, u1, u2):
    first = in_state(workspace, u1, "active")
    UserSession.objects.start(workspace, u2, actor="test", client=first.client, at=NOW)
    first = UserSession.objects.in_workspace(workspace).get(pk=first.pk)
    before = UserSession.objects.filter(pk=first.pk).values().get()
    assert first.touch(at=NOW + SECOND) is False
    assert UserSession.objects.filter(pk=first.pk).values().get() == before
    assert Client.objects.get().last_active_session == first


@pytest.mark.parametrize("state", ["ended", "revoked", "removed", "replaced", "expired", "abandoned"])
def test_a_session_that_is_over_cannot_be_touched(workspace, u1, state):
    session = in_state(workspace, u1, state)
    with pytest.raises(NotLive):
        session.touch(at=max(moment_of(state), NOW + DAY))


def test_a_stale_copy_cannot_revive_a_session(workspace, u1):
    session = in_state(workspace, u1, "active")
    stale = UserSession.objects.get(pk=session.pk)
    session.revoke(actor="test", at=NOW)
    with pytest.raises(NotLive):
        stale.touch(at=NOW + DAY)
    assert stale.end(actor="test", at=NOW + DAY) is False
    assert UserSession.objects.get(pk=session.pk).status == "revoked"


def test_a_session_may_live_longer_than_a_month(workspace, u1):
    set_user_session_policy(workspace, lifetime=90 * DAY)
    session = UserSession.objects.start(workspace, u1, actor="test", at=NOW)
    assert session.abandon_at == session.expire_at == NOW + 90 * DAY
    assert session.status_at(NOW + 31 * DAY) == "active"


def test_one_client_can_have_several_sessions(workspace, u1, u2):
    first = UserSession.objects.start(workspace, u1, actor="test")
    second = UserSession.objects.start(workspace, u2, actor="test", client=first.client)
    assert set(first.client.sessions.all()) == {first, second}
    assert Client.objects.count() == 1


@pytest.mark.parametrize("verb", [*OUTCOMES, "touch"])
def test_a_deleted_session_is_not_live(workspace, u1, verb):
    session = in_state(workspace, u1, "active")
    u1.delete()
    with pytest.raises(NotLive):
        session.touch() if verb == "touch" else do(session, verb, actor="test")


def test_a_sign_in_needs_an_active_user_and_a_client_of_the_workspace(workspace, elsewhere, u1):
    client = UserSession.objects.start(elsewhere, u1, actor="test").client
    with pytest.raises(ForeignClient):
        UserSession.objects.start(workspace, u1, actor="test", client=client)
    get_user_model().objects.update(is_active=False)  # the instance is stale
    with pytest.raises(UserInactive):
        UserSession.objects.start(workspace, u1, actor="test")
    assert not UserSession.objects.in_workspace(workspace).exists()


@pytest.mark.parametrize(
    "facts", [{"stored_status": "expired"}, {"stored_status": "ended"}, {"closed_at": NOW}, {"abandon_at": NOW}]
)
def test_the_database_refuses_inconsistent_rows(workspace, u1, facts):
    session = in_state(workspace, u1, "active")
    with pytest.raises(IntegrityError), transaction.atomic():
        UserSession.objects.filter(pk=session.pk).update(**facts)


@pytest.mark.django_db(transaction=True)
def test_a_lock_outside_of_a_transaction_is_refused(workspace):
    client = Client.objects.begin(workspace, at=NOW)
    with pytest.raises(TransactionManagementError, match="inside atomic"):
        client.hold()


@pytest.mark.django_db
def test_closing_sessions_that_a_filter_excludes_closes_none():
    assert UserSession.objects.none().revoke(actor="test") == []
    assert UserSession.objects.filter(pk__in=[]).revoke(actor="test") == []


# Expiry


def test_a_session_left_idle_expires_and_one_in_use_does_not(workspace, u1):
    set_user_session_policy(workspace, idle_lifetime=timedelta(minutes=30))
    session = UserSession.objects.start(workspace, u1, actor="test", at=NOW)
    assert session.expire_at == NOW + timedelta(minutes=30)
    session.touch(at=NOW + timedelta(minutes=20))
    assert session.status_at(NOW + timedelta(minutes=49)) == "active"
    assert session.status_at(NOW + timedelta(minutes=50)) == "expired"
    with pytest.raises(NotLive):
        session.touch(at=NOW + timedelta(minutes=50))


def test_use_never_prolongs_a_session_beyond_its_end(workspace, u1):
    set_user_session_policy(workspace, idle_lifetime=2 * DAY)
    session = UserSession.objects.start(workspace, u1, actor="test", at=NOW)
    for day in range(1, 7):
        session.touch(at=NOW + day * DAY)
    assert session.expire_at == session.latest_expire_at == EXPIRY


def test_without_a_lifetime_a_session_lives_while_it_is_used(workspace, u1):
    set_user_session_policy(workspace, lifetime=None, idle_lifetime=20 * DAY)
    session = UserSession.objects.start(workspace, u1, actor="test", at=NOW)
    for day in range(15, 60, 15):
        session.touch(at=NOW + day * DAY)
    assert session.expire_at == session.abandon_at == NOW + 65 * DAY


def test_minting_counts_as_use_and_is_written_once_per_interval(workspace, u1, django_assert_num_queries):
    set_user_session_policy(workspace, idle_lifetime=timedelta(minutes=30))
    session = UserSession.objects.start(workspace, u1, actor="test", at=NOW)
    with django_assert_num_queries(0):
        session.note_use(at=NOW + timedelta(seconds=50))
    with django_assert_num_queries(2):
        session.note_use(at=NOW + timedelta(seconds=70))
    assert session.expire_at == NOW + timedelta(minutes=31, seconds=10)
    assert session.last_active_at == NOW
    session.revoke(actor="test", at=NOW + timedelta(minutes=2))
    with pytest.raises(NotLive):
        UserSession.objects.in_workspace(workspace).get(pk=session.pk).note_use(at=NOW + timedelta(minutes=5))


def test_minting_writes_nothing_without_an_idle_lifetime(workspace, u1, django_assert_num_queries):
    session = UserSession.objects.start(workspace, u1, actor="test", at=NOW)
    with django_assert_num_queries(0):
        session.note_use(at=NOW + DAY)


def test_a_sign_in_can_have_a_shorter_lifetime(workspace, u1):
    session = UserSession.objects.start(workspace, u1, actor="test", at=NOW, lifetime=timedelta(minutes=30))
    assert session.expire_at == NOW + timedelta(minutes=30)
    assert UserSession.objects.start(workspace, u1, actor="test", at=NOW, lifetime=90 * DAY).expire_at == EXPIRY


@pytest.mark.parametrize(
    "policy",
    [
        {"lifetime": None},
        {"idle_lifetime": 7 * DAY},
        {"idle_lifetime": timedelta(0)},
        {"limit": 0},
    ],
)
def test_a_workspace_that_would_never_end_a_session_is_refused(workspace, policy):
    with pytest.raises(ValidationError):
        UserSessionPolicy(workspace=workspace, **policy).full_clean()


# Tasks


def test_a_session_is_pending_until_its_last_task_is_done(workspace, u1):
    session = UserSession.objects.start(workspace, u1, actor="test", at=NOW, tasks=["setup-mfa", "reset-password"])
    assert session.status_at(NOW) == "pending"
    assert session.fulfil("setup-mfa", actor="test", at=NOW) is True
    assert session.status_at(NOW) == "pending"
    assert session.fulfil("reset-password", actor="test", at=NOW) is True
    assert (session.status_at(NOW), session.tasks) == ("active", [])
    types = list(Event.objects.filter(subject=session.pk).values_list("type", flat=True))
    assert types == ["user_session.activated", "user_session.pending"]


def test_an_active_session_can_be_made_pending_again(workspace, u1):
    session = in_state(workspace, u1, "active")
    assert session.require("reset-password", actor="test", at=NOW) is True
    assert session.require("reset-password", actor="test", at=NOW) is False
    assert session.status_at(NOW) == "pending"
    assert session.fulfil("another", actor="test", at=NOW) is False


def test_a_user_given_by_key_alone_is_read(workspace, u1):
    session = UserSession.objects.start(workspace, get_user_model()(pk=u1.pk), actor="test")
    assert session.user == u1 and session.user.username == u1.username
