"""The documented calls work in both kinds of workspace and refuse invalid arguments."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser

from client_sessions.devices.models import Device
from client_sessions.models import Action, ClientSession, Terms
from client_sessions.scoping import GrantedQuerySet, visible_to
from sessions_core.models import Event
from tests.pages import blocks
from tests.test_moments import SENTENCE, Things, things
from user_sessions.keys.key_sets import verifier_of
from user_sessions.models import NotLive, Ticket, UserSession
from user_sessions.password_changes import keep_session
from user_sessions.tokens.session_tokens import session_token
from user_sessions.tokens.ticket_tokens import ticket_token

__all__ = ["things"]

Call = Callable[[Any, Any], Any]

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)
ZONED = [NOW, NOW.astimezone(timezone(timedelta(hours=-7)))]
NAIVE = [NOW.replace(tzinfo=None), datetime(2026, 7, 1)]


def kept(session: Any) -> None:
    with keep_session(session):
        pass


def checked(a: Any, at: Any) -> None:
    """Check only the time of a token minted now."""
    token = session_token(a.minting, at=NOW)
    verifier = verifier_of(a.workspace, at=NOW)
    verifier.check_time(verifier.authentic(token), at=at)


def verified(a: Any, at: Any) -> None:
    token = session_token(a.minting, at=NOW)
    verifier_of(a.workspace, at=NOW).verify(token, at=at)


def granted_to(a: Any, at: Any) -> list[Any]:
    return list(GrantedQuerySet(Device).granted_to(a.pass_, at=at))


# Every documented call that takes a time, by its name in the page.
TIMED: dict[str, Call] = {
    "ClientSession.start": lambda a, at: ClientSession.objects.start(a.workspace, actor="test", at=at),
    "ClientSession.grant": lambda a, at: a.pass_.grant({}, actor="test", at=at),
    "ClientSession.revoke_access": lambda a, at: a.pass_.revoke_access({}, actor="test", at=at),
    "Terms": lambda a, at: a.pass_.grant({}, terms=Terms(actions=[Action.READ], until=at), actor="test"),
    "visible_to": lambda a, at: list(visible_to(a.key, Device.objects.all(), action=Action.CONTROL, at=at)),
    "granted_to": granted_to,
    "UserSession.start": lambda a, at: UserSession.objects.start(a.workspace, a.user, actor="test", at=at),
    "minting": lambda a, at: UserSession.minting(a.workspace, a.session.pk, at=at),
    "session_token": lambda a, at: session_token(a.minting, at=at),
    "Ticket.issue": lambda a, at: Ticket.objects.issue(a.workspace, a.user, actor="test", lifetime=HOUR, at=at),
    "ticket_token": lambda a, at: ticket_token(a.ticket, at=at),
    "end": lambda a, at: a.session.end(actor="test", at=at),
    "revoke": lambda a, at: a.session.revoke(actor="test", at=at),
    "replace": lambda a, at: a.session.replace(actor="test", at=at),
    "remove": lambda a, at: a.session.remove(actor="test", at=at),
    "require": lambda a, at: a.session.require("setup", actor="test", at=at),
    "fulfil": lambda a, at: a.session.fulfil("setup", actor="test", at=at),
    "touch": lambda a, at: a.session.touch(at=at),
    "record_reauthentication": lambda a, at: a.session.record_reauthentication(actor="test", at=at),
    "of_user": lambda a, at: UserSession.objects.in_workspace(a.workspace).of_user(a.user).revoke(actor="test", at=at),
    "verify": verified,
    "check_time": checked,
}
# Documented calls without a time.
UNTIMED: dict[str, Callable[[Any], Any]] = {
    "of_id": lambda a: UserSession.of_id(a.workspace, a.session.pk),
    "keep_session": lambda a: kept(a.session),
}


# Wrong arguments that a host can easily pass.
WRONG: dict[str, Callable[[Any, Any], Any]] = {
    "ClientSession.start in": lambda a, one: ClientSession.objects.start(one, actor="test"),
    "ClientSession.start_or_match in": lambda a, one: ClientSession.objects.start_or_match(one, actor="test"),
    "UserSession.start in": lambda a, one: UserSession.objects.start(one, a.user, actor="test"),
    "UserSession.start of": lambda a, one: UserSession.objects.start(a.workspace, one, actor="test"),
    "UserSession.start on": lambda a, one: UserSession.objects.start(
        a.workspace, a.user, actor="test", client=one or 0
    ),
    "UserSession.start with": lambda a, one: UserSession.objects.start(a.workspace, a.user, actor="test", tasks=one),
    "of_id in": lambda a, one: UserSession.of_id(one, "sess_1"),
    "minting in": lambda a, one: UserSession.minting(one, "sess_1", at=NOW),
    "Ticket.issue in": lambda a, one: Ticket.objects.issue(one, a.user, actor="test", lifetime=HOUR),
    "Ticket.issue of": lambda a, one: Ticket.objects.issue(a.workspace, one, actor="test", lifetime=HOUR),
    "session_token of": lambda a, one: session_token(one, at=NOW),
    "keep_session of": lambda a, one: kept(one),
    "Terms of": lambda a, one: Terms(actions=one),
    "grant on": lambda a, one: a.pass_.grant({}, terms=one, actor="test"),
    "replace_grants on": lambda a, one: a.pass_.replace_grants({"device": []}, terms=one, actor="test"),
    "start on": lambda a, one: ClientSession.objects.start(a.workspace, actor="test", terms=one),
    "visible_to of": lambda a, one: visible_to(a.key, one),
    "visible_to for": lambda a, one: visible_to(a.pass_, Device.objects.all(), action=one),
}
NOTHING_OF_OURS = [None, "u1", 7, AnonymousUser(), {"sub": "u1"}, Device]

ACTORS = ["user_1", ["user_1"], {}, {"name": "Ann"}, {"sub": ""}, {"sub": 7}, {"sub": "x", "at": float("nan")}]
ACTORS += [{"sub": "x", "of": object}, {"sub": "x", "of": {"\ud800": 1}}]


def test_every_documented_call_is_tested():
    examples = "".join(block for page in ("guarding.md", "user-sessions.md") for block in blocks(page, "python"))
    called = set(re.findall(r"(\w+)\(", examples))
    ours = {name for name in called for place in (ClientSession, UserSession, Ticket) if hasattr(place, name)}
    ours |= called & {"start", "session_token", "keep_session", "visible_to", "Terms"}
    assert ours - {"save"} <= {name.rpartition(".")[2] for name in (*TIMED, *UNTIMED)}


@pytest.mark.parametrize("call", TIMED)
def test_a_documented_call_accepts_a_time_in_any_zone(things: Things, call):
    for at in ZONED:
        TIMED[call](things, at)


@pytest.mark.parametrize("call", TIMED)
def test_a_documented_call_refuses_a_naive_time_and_changes_nothing(things: Things, call):
    for at in NAIVE:
        with pytest.raises(ValueError, match=SENTENCE):
            TIMED[call](things, at)
    assert not Event.objects.exclude(type__endswith="created").exists()


@pytest.mark.parametrize("call", UNTIMED)
def test_a_documented_call_without_a_time_works(things: Things, call):
    UNTIMED[call](things)


@pytest.mark.parametrize("call", WRONG)
def test_a_documented_call_refuses_a_wrong_argument_with_a_message(things: Things, call):
    assert things.pass_ and things.key  # made before the events are counted
    before = Event.objects.count()
    for one in NOTHING_OF_OURS:
        with pytest.raises(ValueError, match=r"must (be|come)|not a valid Action"):
            WRONG[call](things, one)
    assert Event.objects.count() == before


@pytest.mark.parametrize("impersonator", ACTORS, ids=str)
def test_an_invalid_impersonator_is_refused(things: Things, impersonator):
    for start in (
        lambda: UserSession.objects.start(things.workspace, things.user, actor="test", impersonator=impersonator),
        lambda: Ticket.objects.issue(
            things.workspace, things.user, actor="test", lifetime=HOUR, impersonator=impersonator
        ),
    ):
        with pytest.raises(ValueError, match=r"^impersonator must .*\.$"):
            start()
    assert not Event.objects.exists()


@pytest.mark.parametrize("verb", ["revoke", "end", "replace", "remove"])
def test_a_session_that_ended_after_it_was_read_mints_no_token(things: Things, verb):
    getattr(things.minting, verb)(actor="test")
    with pytest.raises(NotLive):
        session_token(things.minting, at=NOW)


def test_a_session_that_has_expired_mints_no_token(things: Things):
    with pytest.raises(NotLive):
        session_token(things.minting, at=things.minting.expire_at)


@pytest.mark.parametrize("id", ["sess_\0", "sess_\ud800", "x" * 5000, "", None, 7])
def test_an_invalid_id_finds_no_session(things: Things, id):
    assert UserSession.of_id(things.workspace, id) is None
    assert UserSession.minting(things.workspace, id, at=NOW) is None


@pytest.mark.parametrize("action", ["read", Action.READ])
def test_an_action_can_be_given_as_a_string(things: Things, action):
    assert list(visible_to(things.pass_, Device.objects, action=action)) == []


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), "now", 0])
def test_a_verifier_accepts_the_same_times_as_the_verbs(things: Things, at):
    for call in (verified, checked):
        with pytest.raises(ValueError, match=SENTENCE):
            call(things, at)
