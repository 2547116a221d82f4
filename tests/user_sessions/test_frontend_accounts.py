"""Several accounts on one client, row by row; who is impersonated, and who copied a credential."""

import pytest
from django.contrib.auth import get_user_model

from tests.user_sessions.accounts import ACTOR, DEAD, KEPT, MULTI, NEW, SINGLE, Room
from tests.user_sessions.frontend import Browser
from user_sessions.models import UserSession


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
    response = copy.get("v1/client")
    assert response.status_code == 401 or response.json()["response"] is None
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
        assert somebody.get("v1/client").error == "authentication_invalid"
        somebody.credential = ""
    found = (answer, room.seen(), fate_of(before, somebody) if before else NEW, tells)
    assert found == (row.refused, row.then, row.credential, row.tells_signed_in)


@pytest.mark.parametrize("row", MULTI, ids=lambda row: row.what)
def test_a_client_of_several_accounts(room, row):
    check(row, room)


@pytest.mark.parametrize("row", SINGLE, ids=lambda row: row.what)
def test_a_client_of_one_account(room, at_home, row):
    at_home.single_session_mode = True
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


def test_of_two_sign_ins_with_one_credential_the_second_is_late(app, u1, u2):
    app.post("v1/client")
    twin = type(app)()
    twin.credential = app.credential
    app.sign_in(u1)
    response = twin.try_to_sign_in(u2)
    assert (response.status_code, response.error) == (401, "authentication_invalid")
    assert UserSession.objects.count() == 1


def test_a_stranger_credential_is_never_adopted(browser, u1):
    browser.credential = "x.y.z"
    assert browser.shown() is None
    browser.sign_in(u1)
    assert browser.shown()["sessions"] != []


def test_who_impersonates_leaves_the_users_own_sessions_elsewhere_alone(at_home, u1):
    own, operator = Browser(), Browser()
    session = own.sign_in(u1)
    operator.sign_in(u1, actor=ACTOR)
    assert own.verb(session, "tokens").status_code == 200


def test_who_impersonates_signs_the_user_out_elsewhere_in_the_name_of_the_impersonation(at_home, u1):
    own, operator = Browser(), Browser()
    session = own.sign_in(u1)
    impersonation, before = operator.sign_in(u1, actor=ACTOR), operator.credential
    assert operator.post(f"v1/me/sessions/{session.pk}/revoke").status_code == 200
    session.refresh_from_db()
    assert (session.status, session.closed_by) == ("revoked", f"user_session:{impersonation.pk}")
    assert operator.credential == before
