"""Several accounts on one client, row by row, with impersonation and copied tokens."""

import pytest
from django.contrib.auth import get_user_model

from tests.policies import set_user_session_policy
from tests.user_sessions.accounts import ACTOR, DEAD, KEPT, MULTI, NEW, SINGLE, Room
from tests.user_sessions.frontend import Browser


@pytest.fixture
def room(frontend, backend):
    users = {name: get_user_model().objects.create_user(name, password="secret") for name in ("ann", "bob", "cat")}
    return Room(frontend, users, {}, backend)


def token_state(credential, frontend):
    """Return the state of a client's token, as an attacker who copied it would see."""
    if frontend.credential == credential:
        return KEPT
    copy = type(frontend)()
    copy.credential = credential
    assert copy.client_json() is None
    return NEW if frontend.credential else DEAD


def check(row, room):
    frontend = room.frontend
    room.begin(row.was)
    assert room.seen() == row.was
    before = frontend.credential
    response = row.do(room)
    answer = "" if response.status_code == 200 else f"{response.status_code} {response.error}"
    tells = frontend.sets_signed_in_cookie if isinstance(frontend, Browser) else row.sets_signed_in_cookie
    if row.credential == DEAD and not isinstance(frontend, Browser):
        assert frontend.credential == before  # an app keeps a token that is no longer valid
        assert frontend.client_json() is None
        frontend.credential = ""
    found = (answer, room.seen(), token_state(before, frontend) if before else NEW, tells)
    assert found == (row.refused, row.then, row.credential, row.sets_signed_in_cookie)


@pytest.mark.parametrize("row", MULTI, ids=lambda row: row.what)
def test_a_client_of_several_accounts(room, row):
    check(row, room)


@pytest.mark.parametrize("row", SINGLE, ids=lambda row: row.what)
def test_a_client_of_one_account(room, at_home, row):
    set_user_session_policy(at_home, single_session_mode=True)
    at_home.save()
    check(row, room)


def test_a_planted_client_token_does_not_get_the_users_session(at_home, u1):
    attacker, victim = Browser(), Browser()
    attacker.post("v1/client")
    victim.credential = attacker.credential
    session = victim.sign_in(u1)
    assert attacker.client_json() is None
    assert attacker.verb(session, "tokens").status_code == 401
    assert victim.verb(session, "tokens").status_code == 200


def test_an_invalid_client_token_is_never_adopted(frontend, u1):
    frontend.credential = "x.y.z"
    assert frontend.client_json() is None
    frontend.sign_in(u1)
    assert frontend.client_json()["sessions"] != []


def test_after_closing_its_client_a_caller_signs_in_on_a_new_one(frontend, u1):
    frontend.sign_in(u1)
    dead = frontend.credential
    assert frontend.post("v1/client", "?_method=DELETE").status_code == 200
    frontend.credential = dead
    assert frontend.get("v1/environment").status_code == 200
    session = frontend.sign_in(u1)
    assert frontend.credential != dead
    assert frontend.verb(session, "tokens").status_code == 200


def test_an_impersonation_leaves_the_users_other_sessions_alone(at_home, u1):
    own, operator = Browser(), Browser()
    session = own.sign_in(u1)
    operator.sign_in(u1, impersonator=ACTOR)
    assert own.verb(session, "tokens").status_code == 200


def test_an_impersonator_who_revokes_a_session_is_recorded_as_the_actor(at_home, u1):
    own, operator = Browser(), Browser()
    session = own.sign_in(u1)
    impersonation, before = operator.sign_in(u1, impersonator=ACTOR), operator.credential
    assert operator.post(f"v1/me/sessions/{session.pk}/revoke").status_code == 200
    session.refresh_from_db()
    assert (session.status, session.closed_by) == ("revoked", f"user_session:{impersonation.pk}")
    assert operator.credential == before
