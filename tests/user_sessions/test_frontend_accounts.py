"""Several accounts on one client, row by row; who is impersonated, and who copied a credential."""

import pytest
from django.contrib.auth import get_user_model

from tests.policies import set_user_session_policy
from tests.user_sessions.accounts import ACTOR, DEAD, KEPT, MULTI, NEW, SINGLE, Room
from tests.user_sessions.frontend import Browser


@pytest.fixture
def room(somebody, backend):
    users = {name: get_user_model().objects.create_user(name, password="secret") for name in ("ann", "bob", "cat")}
    return Room(somebody, users, {}, backend)


def fate_of(credential, somebody):
    """What became of a client's token, as whoever copied it would find out."""
    if somebody.credential == credential:
        return KEPT
    copy = type(somebody)()
    copy.credential = credential
    assert copy.shown() is None
    return NEW if somebody.credential else DEAD


def check(row, room):
    somebody = room.somebody
    room.begin(row.was)
    assert room.seen() == row.was
    before = somebody.credential
    response = row.do(room)
    answer = "" if response.status_code == 200 else f"{response.status_code} {response.error}"
    tells = somebody.tells_signed_in if isinstance(somebody, Browser) else row.tells_signed_in
    if row.credential == DEAD and not isinstance(somebody, Browser):
        assert somebody.credential == before  # nothing tells an app to forget it
        assert somebody.shown() is None
        somebody.credential = ""
    found = (answer, room.seen(), fate_of(before, somebody) if before else NEW, tells)
    assert found == (row.refused, row.then, row.credential, row.tells_signed_in)


@pytest.mark.parametrize("row", MULTI, ids=lambda row: row.what)
def test_a_client_of_several_accounts(room, row):
    check(row, room)


@pytest.mark.parametrize("row", SINGLE, ids=lambda row: row.what)
def test_a_client_of_one_account(room, at_home, row):
    set_user_session_policy(at_home, single_session_mode=True)
    at_home.save()
    check(row, room)


def test_what_was_planted_in_a_browser_does_not_become_its_users(at_home, u1):
    attacker, victim = Browser(), Browser()
    attacker.post("v1/client")
    victim.credential = attacker.credential
    session = victim.sign_in(u1)
    assert attacker.shown() is None
    assert attacker.verb(session, "tokens").status_code == 401
    assert victim.verb(session, "tokens").status_code == 200


def test_a_stranger_credential_is_never_adopted(somebody, u1):
    somebody.credential = "x.y.z"
    assert somebody.shown() is None
    somebody.sign_in(u1)
    assert somebody.shown()["sessions"] != []


def test_whoever_forgot_the_client_signs_in_at_once_with_the_dead_token_and_gets_another(somebody, u1):
    somebody.sign_in(u1)
    dead = somebody.credential
    assert somebody.post("v1/client", "?_method=DELETE").status_code == 200
    somebody.credential = dead
    assert somebody.get("v1/environment").status_code == 200
    session = somebody.sign_in(u1)
    assert somebody.credential != dead
    assert somebody.verb(session, "tokens").status_code == 200


def test_who_impersonates_leaves_the_users_own_sessions_elsewhere_alone(at_home, u1):
    own, operator = Browser(), Browser()
    session = own.sign_in(u1)
    operator.sign_in(u1, impersonator=ACTOR)
    assert own.verb(session, "tokens").status_code == 200


def test_who_impersonates_signs_the_user_out_elsewhere_in_the_name_of_the_impersonation(at_home, u1):
    own, operator = Browser(), Browser()
    session = own.sign_in(u1)
    impersonation, before = operator.sign_in(u1, impersonator=ACTOR), operator.credential
    assert operator.post(f"v1/me/sessions/{session.pk}/revoke").status_code == 200
    session.refresh_from_db()
    assert (session.status, session.closed_by) == ("revoked", f"user_session:{impersonation.pk}")
    assert operator.credential == before
