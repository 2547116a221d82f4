"""Limits for kinds of sign-ins: the function in ``USER_SESSIONS["SESSION_LIMITS"]``."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from sessions_core.models import Workspace
from tests.embedded import examples
from tests.policies import set_user_session_policy
from tests.user_sessions.test_races import live, tally
from user_sessions.limits import Limits
from user_sessions.models import NotLive, TooManySessions, UserSession
from user_sessions.user_agents import Device, device_of

NOW = timezone.now()
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PHONE, LAPTOP = (device_of(agent, "192.0.2.7") for agent in ("Mozilla/5.0 (iPhone)", "Mozilla/5.0 (X11; Linux)"))


def by_kind(user: Any, device: Device | None, workspace: Workspace) -> Limits:
    """Let staff sign in once for an hour at most, and anyone idle for ten minutes on a phone only."""
    if user.is_staff:
        return Limits(lifetime=HOUR, limit=1)
    return Limits() if device and device.is_mobile else Limits(idle_lifetime=10 * MINUTE)


def two(user: Any, device: Device | None, workspace: Workspace) -> Limits:
    return Limits(limit=2)


def nothing(user: Any, device: Device | None, workspace: Workspace) -> None: ...


@pytest.fixture
def kinds(settings: Any) -> None:
    settings.USER_SESSIONS = {"SESSION_LIMITS": f"{__name__}.by_kind"}


@pytest.fixture
def staff(db: None) -> Any:
    return get_user_model().objects.create_user("ann", is_staff=True)


def start(workspace: Workspace, user: Any, **how: Any) -> UserSession:
    return UserSession.objects.start(workspace, user, actor="test", at=NOW, **how)


@pytest.mark.usefixtures("kinds")
def test_a_role_has_its_own_lifetime(workspace, staff, u1):
    assert start(workspace, staff).expire_at == NOW + HOUR
    assert start(workspace, u1, device=PHONE).expire_at == NOW + 7 * DAY


@pytest.mark.usefixtures("kinds")
def test_the_role_is_that_of_the_database(workspace, staff):
    type(staff).objects.update(is_staff=False)
    assert start(workspace, staff, device=PHONE).expire_at == NOW + 7 * DAY


@pytest.mark.usefixtures("kinds")
def test_a_kind_of_device_has_its_own_idle_lifetime_as_long_as_the_session_lives(workspace, u1):
    session = start(workspace, u1, device=LAPTOP)
    assert session.expire_at == NOW + 10 * MINUTE
    session.touch(at=NOW + 5 * MINUTE)
    assert session.expire_at == NOW + 15 * MINUTE
    session.note_use(at=NOW + 14 * MINUTE)
    assert session.expire_at == NOW + 24 * MINUTE
    with pytest.raises(NotLive):
        session.touch(at=NOW + 24 * MINUTE)


@pytest.mark.usefixtures("kinds")
@pytest.mark.parametrize(("policy", "expected"), [(5 * MINUTE, 5 * MINUTE), (HOUR, 10 * MINUTE)])
def test_the_narrower_of_the_two_idle_lifetimes_applies_also_later(workspace, u1, policy, expected):
    session = start(workspace, u1, device=LAPTOP)
    set_user_session_policy(workspace, idle_lifetime=policy)
    session.touch(at=NOW + 2 * MINUTE)
    assert session.expire_at == NOW + 2 * MINUTE + expected


@pytest.mark.usefixtures("kinds")
def test_a_limit_never_extends_the_policy(workspace, staff):
    set_user_session_policy(workspace, lifetime=MINUTE)
    assert start(workspace, staff).expire_at == NOW + MINUTE


@pytest.mark.usefixtures("kinds")
def test_a_user_who_is_not_remembered_gets_a_shorter_lifetime(workspace, staff):
    assert start(workspace, staff, lifetime=MINUTE).expire_at == NOW + MINUTE
    UserSession.objects.all().revoke(actor="test", at=NOW)
    assert start(workspace, staff, lifetime=DAY).expire_at == NOW + HOUR


@pytest.mark.usefixtures("kinds")
@pytest.mark.parametrize("policy", ["refuse", "end_oldest"])
def test_a_role_has_its_own_limit_and_the_policy_says_what_happens_at_it(workspace, staff, u1, policy):
    set_user_session_policy(workspace, limit=3, limit_policy=policy)
    first = start(workspace, staff)
    for _ in range(2):
        start(workspace, u1)
    if policy == "refuse":
        with pytest.raises(TooManySessions):
            start(workspace, staff)
    else:
        start(workspace, staff)
        assert UserSession.objects.get(pk=first.pk).status == "ended"


def test_the_limit_counts_sessions_of_every_kind(workspace, u1, settings):
    start(workspace, u1, device=PHONE)
    start(workspace, u1, device=LAPTOP)
    settings.USER_SESSIONS = {"SESSION_LIMITS": f"{__name__}.two"}
    with pytest.raises(TooManySessions):
        start(workspace, u1, device=PHONE)


def test_an_impersonation_is_not_counted(workspace, u1, settings):
    settings.USER_SESSIONS = {"SESSION_LIMITS": f"{__name__}.two"}
    for _ in range(3):
        start(workspace, u1, impersonator={"sub": "agent"})


@pytest.mark.django_db(transaction=True)
def test_concurrent_sign_ins_do_not_exceed_the_limit_of_a_kind(workspace, u1, at_once, settings):
    settings.USER_SESSIONS = {"SESSION_LIMITS": f"{__name__}.two"}
    for _ in range(examples(6)):
        started = tally(at_once(*[partial(UserSession.objects.start, workspace, u1, actor="test")] * 6))
        assert started == {"UserSession": 2, "TooManySessions": 4}
        assert live(workspace) == 2
        UserSession.objects.all().revoke(actor="test")


@pytest.mark.parametrize(
    "wrong",
    [{"lifetime": 60}, {"lifetime": timedelta(0)}, {"idle_lifetime": "1 day"}, {"limit": 0}, {"limit": True}],
)
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=rf"^{next(iter(wrong))} must be"):
        Limits(**wrong)


def test_a_function_that_returns_something_else_starts_no_session(workspace, u1, settings):
    settings.USER_SESSIONS = {"SESSION_LIMITS": f"{__name__}.nothing"}
    with pytest.raises(TypeError, match=r"nothing must return user_sessions\.limits\.Limits, not None\.$"):
        start(workspace, u1)
    assert not UserSession.objects.exists()
