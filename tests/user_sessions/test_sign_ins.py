"""Which sign-ins are allowed, and which sessions they replace: per client, user and workspace."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import UserManager
from django.db.models import F
from django.utils import timezone

from sessions_core.models import Event
from tests.policies import set_user_session_policy
from user_sessions.models import (
    AlreadySignedIn,
    Client,
    Epoch,
    Impersonated,
    SessionExists,
    TooManySessions,
    UserSession,
)

NOW = timezone.now()
SECOND = timedelta(seconds=1)
ACTOR = {"sub": "user_9"}


@pytest.fixture
def first(workspace, u1):
    return UserSession.objects.start(workspace, u1, actor="test", at=NOW)


def sign_in(first, user, **how):
    """Return a function that signs a user in on the same client."""
    return UserSession.objects.start(first.workspace, user, actor="test", client=first.client, at=NOW + SECOND, **how)


def status(session):
    return UserSession.objects.get(pk=session.pk).status_at(NOW + SECOND)


def test_single_session_mode_refuses_a_second_session(workspace, first, u1, u2):
    set_user_session_policy(workspace, single_session_mode=True)
    for user in (u1, u2):
        with pytest.raises(SessionExists):
            sign_in(first, user)
    first.end(actor="test", at=NOW)
    assert status(sign_in(first, u2)) == "active"


def test_a_client_takes_each_user_once(first, u1, u2):
    second = sign_in(first, u2)
    with pytest.raises(AlreadySignedIn) as refused:
        sign_in(first, u1)
    assert refused.value.session == first
    assert status(first) == status(second) == "active"


def test_replacing_ends_the_conflicting_session(workspace, first, u1, u2):
    other = sign_in(first, u2)
    sign_in(first, u1, replacing=True)
    assert (status(first), status(other)) == ("replaced", "active")
    set_user_session_policy(workspace, single_session_mode=True)
    sign_in(first, u2, replacing=True)
    assert status(other) == "replaced"
    assert UserSession.objects.live(at=NOW + SECOND).count() == 1


def test_an_impersonation_signs_others_out_and_blocks_sign_ins(first, u1, u2):
    impersonation = sign_in(first, u2, impersonator=ACTOR)
    assert status(first) == "replaced"
    for how in ({}, {"replacing": True}, {"impersonator": ACTOR}):
        with pytest.raises(Impersonated):
            sign_in(first, u1, **how)
    impersonation.end(actor="test", at=NOW + SECOND)
    assert status(sign_in(first, u1)) == "active"


def test_the_latest_sign_in_is_the_one_in_use(first, u2):
    assert Client.objects.get().last_active_session == first
    second = sign_in(first, u2)
    assert Client.objects.get().last_active_session == second
    first.touch(at=NOW + 2 * SECOND)
    assert Client.objects.get().last_active_session == first


# Limit of live sessions


def test_beyond_the_limit_a_sign_in_is_refused(workspace, first, u1, u2):
    set_user_session_policy(workspace, limit=1)
    with pytest.raises(TooManySessions):
        UserSession.objects.start(workspace, u1, actor="test", at=NOW)
    assert UserSession.objects.count() == 1
    UserSession.objects.start(workspace, u2, actor="test", at=NOW)
    first.revoke(actor="test", at=NOW)
    UserSession.objects.start(workspace, u1, actor="test", at=NOW)


def test_beyond_the_limit_the_oldest_is_ended(workspace, u1):
    sessions = [UserSession.objects.start(workspace, u1, actor="test", at=NOW + n * SECOND) for n in range(4)]
    set_user_session_policy(workspace, limit=2, limit_policy="end_oldest")
    UserSession.objects.start(workspace, u1, actor="sign_in", at=NOW + 5 * SECOND)
    now = [UserSession.objects.get(pk=session.pk) for session in sessions]
    assert [session.status for session in now] == ["ended", "ended", "ended", "active"]
    assert (now[0].closed_by, now[0].close_reason) == ("sign_in", "the user's limit of live sessions was reached")
    assert Event.objects.filter(type="user_session.ended").count() == 3


def test_ended_sessions_and_impersonations_do_not_count_towards_the_limit(workspace, u1):
    set_user_session_policy(workspace, limit=1)
    UserSession.objects.start(workspace, u1, actor="test", at=NOW - timedelta(days=8))
    UserSession.objects.start(workspace, u1, actor="test", at=NOW)
    UserSession.objects.start(workspace, u1, actor="test", at=NOW, impersonator=ACTOR)


def test_the_api_reports_the_session_limit(backend, workspace, sign_in_user):
    set_user_session_policy(workspace, limit=1)
    workspace.save()
    assert sign_in_user().status_code == 200
    refused = sign_in_user()
    assert (refused.status_code, refused.error) == (409, "session_creation_not_allowed")


@pytest.fixture
def sign_in_user(backend, u1):
    return lambda: backend.post("v1/sessions", user_id=f"user_{u1.pk}")


# Epochs


def test_an_epoch_revokes_every_live_session_with_one_row(workspace, elsewhere, u1, django_assert_num_queries):
    live, ended = (UserSession.objects.start(workspace, u1, actor="test", at=NOW) for _ in "ab")
    ended.end(actor="test", at=NOW)
    other = UserSession.objects.start(elsewhere, u1, actor="test", at=NOW)
    before = UserSession.objects.filter(pk=live.pk).values("stored_status", "updated_at").get()
    with django_assert_num_queries(5):  # the latest sign-in, and a savepoint around the row and its event
        Epoch.objects.begin(workspace, actor="operator:1", at=NOW + SECOND, reason="a leak")
    assert UserSession.objects.filter(pk=live.pk).values("stored_status", "updated_at").get() == before
    assert (status(live), status(ended), status(other)) == ("revoked", "ended", "active")
    later = UserSession.objects.start(workspace, u1, actor="test", at=NOW + 2 * SECOND)
    assert later.is_live(NOW + 2 * SECOND)


def test_an_epoch_covers_sign_ins_of_a_server_with_a_fast_clock(workspace, u1):
    ahead = UserSession.objects.start(workspace, u1, actor="test", at=NOW + SECOND)
    Epoch.objects.begin(workspace, actor="test", at=NOW)
    assert status(ahead) == "revoked"


def test_a_session_of_an_older_epoch_stays_revoked_whatever_comes_later(workspace, u1):
    session = UserSession.objects.start(workspace, u1, actor="test", at=NOW)
    Epoch.objects.begin(workspace, actor="test", at=NOW + SECOND)
    Epoch.objects.begin(workspace, actor="test", at=NOW + timedelta(days=20))
    session = UserSession.objects.get(pk=session.pk)
    for days in (0, 10, 40):
        at = NOW + timedelta(days=days)
        assert session.status_at(at) == "revoked"
        assert session in UserSession.objects.with_status("revoked", at=at)
        assert session not in UserSession.objects.live(at=at)


def test_a_session_expired_before_an_epoch_stays_expired(workspace, u1):
    session = UserSession.objects.start(workspace, u1, actor="test", at=NOW - timedelta(days=8))
    Epoch.objects.begin(workspace, actor="test", at=NOW)
    assert status(session) == "expired"


def test_a_session_revoked_by_an_epoch_can_only_be_removed(workspace, u1):
    session = UserSession.objects.start(workspace, u1, actor="test", at=NOW)
    Epoch.objects.begin(workspace, actor="operator:1", at=NOW + SECOND, reason="a leak")
    later = NOW + 2 * SECOND
    assert [getattr(session, verb)(actor="x", at=later) for verb in ("end", "revoke", "replace")] == [False] * 3
    assert session.remove(actor="x", at=later) is True
    assert (session.status, session.closed_at) == ("removed", NOW + SECOND)
    assert (session.closed_by, session.close_reason) == ("operator:1", "a leak")


def test_a_session_reached_through_its_client_knows_its_epoch(workspace, u1):
    UserSession.objects.start(workspace, u1, actor="test", at=NOW)
    Epoch.objects.begin(workspace, actor="test", at=NOW + SECOND)
    assert Client.objects.get().last_active_session.status_at(NOW + SECOND) == "revoked"
    assert UserSession._base_manager.get().status_at(NOW + SECOND) == "revoked"


def test_an_epoch_applies_to_the_next_request(backend, workspace, u1):
    session = UserSession.objects.start(workspace, u1, actor="test")
    assert backend.request("POST", f"v1/sessions/{session.pk}/tokens").status_code == 200
    Epoch.objects.begin(workspace, actor="test")
    assert backend.request("POST", f"v1/sessions/{session.pk}/tokens").status_code == 404
    assert backend.get(f"v1/sessions/{session.pk}").json()["status"] == "revoked"


class Joining(UserManager):
    """A manager that joins a row that not every user has."""

    def get_queryset(self):
        return super().get_queryset().annotate(group=F("groups__name"))


class Hiding(UserManager):
    """A manager that hides users."""

    def get_queryset(self):
        return super().get_queryset().filter(is_staff=True)


@pytest.mark.parametrize("which", ["default_manager", "base_manager"])
@pytest.mark.parametrize("manager", [Joining, Hiding])
def test_users_sign_in_with_any_host_manager(workspace, u1, monkeypatch, manager, which):
    managing = manager()
    managing.model = get_user_model()
    monkeypatch.setattr(get_user_model()._meta, which, managing)
    session = UserSession.objects.start(workspace, u1, actor="test")
    assert session.user == u1
    assert status(session) == "active"
