"""The rules of docs/wire/clerk.md about clients, their sessions and their tokens."""

from datetime import timedelta

import jwt
import pytest
from django.utils import timezone

from tests.policies import set_user_session_policy
from tests.user_sessions.conftest import claims_of, first_error
from tests.user_sessions.frontend import PAGE, Browser
from user_sessions.models import Definition, JwtTemplate, SigningKey, Ticket, UserSession
from user_sessions.users import user_id

AGO = timedelta(hours=1)
ACTOR = {"sub": "user_9", "note": "x"}


def verified(token):
    return jwt.decode(token, jwt.PyJWK(SigningKey.objects.get().public_jwk), ["RS256"])


def statuses(client):
    return {session["id"]: session["status"] for session in client["sessions"]}


# 8.7 Tickets


@pytest.mark.wire("C95")
def test_a_ticket_signs_in(somebody, u1):
    answer = somebody.show_ticket(somebody.ticket_for(u1)).json()
    attempt, client = answer["response"], answer["client"]
    assert (attempt["object"], attempt["status"]) == ("sign_in_attempt", "complete")
    assert attempt["created_session_id"] == client["last_active_session_id"] == client["sessions"][0]["id"]
    token = verified(client["sessions"][0]["last_active_token"]["jwt"])
    assert (token["sid"], token["sub"]) == (attempt["created_session_id"], user_id(u1.pk))
    assert client["sign_in"] is None
    assert Ticket.objects.get().status == "accepted"


@pytest.mark.wire("C96", "C97")
@pytest.mark.parametrize(("kind", "how"), [("sign_in_token", {}), ("actor_token", {"impersonator": ACTOR})])
def test_a_used_revoked_expired_or_forged_ticket_is_refused(at_home, somebody, u1, kind, how):
    used, revoked = somebody.ticket_for(u1, **how), somebody.ticket_for(u1, **how)
    assert somebody.show_ticket(used).status_code == 200
    Ticket.objects.get(stored_status="pending").revoke(actor="test")
    late = somebody.ticket_for(u1, at=timezone.now() - 2 * AGO, **how)
    refusals = {used: f"{kind}_already_used_code", revoked: f"{kind}_revoked_code", late: "ticket_expired_code"}
    refusals |= {used[:-4] + "AAAA": "ticket_invalid_code", "garbage": "ticket_invalid_code"}
    fresh = type(somebody)()
    for ticket, code in refusals.items():
        response = fresh.show_ticket(ticket)
        assert (response.status_code, response.error) == (400, code)
    assert fresh.credential == ""
    assert UserSession.objects.count() == 1


@pytest.mark.wire("C99")
def test_an_impersonation_lasts_half_an_hour_and_names_its_actor(somebody, u1):
    session = somebody.sign_in(u1, impersonator=ACTOR, session_lifetime=timedelta(minutes=30))
    shown = somebody.get(f"v1/client/sessions/{session.pk}").json()["response"]
    assert (shown["actor"], shown["expire_at"] - shown["created_at"]) == (ACTOR, 1_800_000)
    assert claims_of(somebody.verb(session, "tokens").json()["jwt"])["act"] == ACTOR


@pytest.mark.wire("C100")
def test_sign_in_is_disabled_during_an_impersonation(somebody, u1, u2):
    somebody.sign_in(u1, impersonator=ACTOR)
    response = somebody.try_to_sign_in(u2)
    assert (response.status_code, response.error) == (409, "session_creation_not_allowed")
    assert Ticket.objects.filter(stored_status="pending").count() == 1  # it was not used up in vain


# 8.8 Clients


@pytest.mark.wire("C102")
def test_an_anonymous_caller_has_no_client(somebody):
    response = somebody.get("v1/client")
    assert (response.status_code, response.json()) == (200, {"response": None, "client": None})
    assert somebody.credential == ""


@pytest.mark.wire("C103", "C104")
def test_a_new_client_of_an_app_gets_its_token_in_a_header(app):
    created = app.post("v1/client", "?_method=PUT").json()
    said = claims_of(app.credential)
    assert said["id"] == created["response"]["id"]
    assert said["rotating_token"]
    assert created["response"]["sessions"] == []
    assert app.shown()["id"] == said["id"]


@pytest.mark.wire("C103", "C104")
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_new_client_of_a_browser_gets_a_cookie_that_scripts_cannot_read(browser, method):
    id = browser.request(method, "v1/client").json()["response"]["id"]
    cookie = browser.client.cookies["__client"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["domain"]) == (True, True, "Lax", "")
    assert browser.shown()["id"] == id
    assert browser.request(method, "v1/client").json()["response"]["id"] == id


@pytest.mark.wire("C105")
@pytest.mark.promise("P11")
def test_a_sign_in_invalidates_the_earlier_client_token(somebody, u1):
    somebody.post("v1/client")
    before = somebody.credential
    somebody.sign_in(u1)
    after, id = somebody.credential, somebody.shown()["id"]
    assert claims_of(before)["id"] == claims_of(after)["id"] == id
    somebody.credential = before
    assert somebody.shown() is None
    assert somebody.get("v1/me").status_code == 401


# Sessions


@pytest.mark.wire("C108")
def test_a_touch_makes_the_session_the_active_one(somebody, u1, u2):
    first, second = somebody.sign_in(u1), somebody.sign_in(u2)
    UserSession.objects.filter(pk=first.pk).update(last_active_at=first.last_active_at - AGO)
    answer = somebody.verb(first, "touch", active_organization_id="", intent="select_session").json()
    now = answer["response"]["last_active_at"] / 1000
    assert first.last_active_at.timestamp() - 1 < now <= timezone.now().timestamp()
    assert answer["client"]["last_active_session_id"] == first.pk
    assert verified(answer["response"]["last_active_token"]["jwt"])["sid"] == first.pk
    assert statuses(answer["client"]) == {first.pk: "active", second.pk: "active"}


@pytest.mark.wire("C109")
def test_a_touch_of_another_client_s_session_is_404_and_of_a_revoked_one_401(somebody, u1, u2):
    own, other = somebody.sign_in(u1), type(somebody)().sign_in(u2)
    assert somebody.verb(other, "touch").error == "resource_not_found"
    own.revoke(actor="test")
    response = somebody.verb(own, "touch")
    assert (response.status_code, response.error) == (401, "authentication_invalid")


@pytest.mark.wire("C110")
def test_a_token_names_the_origin_of_the_page(browser, app, u1, u2):
    session = browser.sign_in(u1)
    assert claims_of(browser.verb(session, "tokens").json()["jwt"])["azp"] == PAGE
    assert "azp" not in claims_of(app.verb(app.sign_in(u2), "tokens").json()["jwt"])


@pytest.mark.wire("C111")
def test_minting_ignores_unknown_parameters(somebody, u1):
    unknown = {"tab_state": "x", "organization_id": "", "token": "ey", "force_origin": "true"}
    response = somebody.verb(somebody.sign_in(u1), "tokens", "?debug=skip_cache&_clerk_js_version=6", **unknown)
    assert response.status_code == 200
    assert response.json().keys() == {"object", "jwt"}


@pytest.mark.wire("C112")
def test_a_browser_mints_a_token_from_a_template(at_home, somebody, u1):
    JwtTemplate.objects.define(at_home, Definition(name="t1", claims={"hello": "{{user.first_name}}"}), actor="test")
    session = somebody.sign_in(u1)
    assert verified(somebody.verb(session, "tokens/t1").json()["jwt"])["hello"] == "Maria"
    response = somebody.verb(session, "tokens/none")
    assert (response.status_code, response.error) == (404, "resource_not_found")


@pytest.mark.wire("C113", "C114")
def test_an_ended_session_stays_in_the_client_and_ends_only_once(somebody, u1, u2):
    first, second = somebody.sign_in(u1), somebody.sign_in(u2)
    answer = somebody.verb(second, "end").json()
    assert (answer["response"]["id"], answer["response"]["status"]) == (second.pk, "ended")
    assert answer["response"]["last_active_token"] is None
    assert statuses(answer["client"]) == {first.pk: "active", second.pk: "ended"}
    assert answer["client"]["last_active_session_id"] == first.pk
    again = somebody.verb(second, "end")
    assert (again.status_code, again.error) == (400, "invalid_action_for_session")
    assert somebody.verb(first, "end").json()["client"]["last_active_session_id"] is None


@pytest.mark.wire("C115")
def test_a_removed_session_leaves_the_client(somebody, u1):
    session = somebody.sign_in(u1)
    answer = somebody.verb(session, "remove").json()
    assert (answer["response"]["status"], answer["client"]["sessions"]) == ("removed", [])
    response = somebody.get(f"v1/client/sessions/{session.pk}")
    assert (response.status_code, response.error) == (404, "resource_not_found")


@pytest.mark.wire("C116")
def test_a_client_can_have_two_users(somebody, u1, u2):
    first, second = somebody.sign_in(u1), somebody.sign_in(u2)
    assert statuses(somebody.shown()) == {first.pk: "active", second.pk: "active"}
    assert somebody.shown()["last_active_session_id"] == second.pk
    assert somebody.verb(first, "touch").json()["client"]["last_active_session_id"] == first.pk
    somebody.verb(first, "remove")
    assert statuses(somebody.shown()) == {second.pk: "active"}


@pytest.mark.wire("C117")
def test_a_second_sign_in_of_the_same_user_names_the_existing_session(somebody, u1):
    session = somebody.sign_in(u1)
    response = somebody.try_to_sign_in(u1)
    assert (response.status_code, response.error) == (400, "identifier_already_signed_in")
    assert first_error(response)["meta"] == {"session_id": session.pk}


@pytest.mark.wire("C118")
def test_single_session_mode_refuses_a_second_sign_in(at_home, somebody, u1, u2):
    set_user_session_policy(at_home, single_session_mode=True)
    at_home.save()
    somebody.sign_in(u1)
    response = somebody.try_to_sign_in(u2)
    assert (response.status_code, response.error) == (400, "session_exists")


@pytest.mark.wire("C119")
def test_signing_all_users_out_keeps_the_client(somebody, backend, u1, u2):
    sessions = [somebody.sign_in(u1), somebody.sign_in(u2)]
    id = somebody.shown()["id"]
    assert somebody.post("v1/client/sessions", "?_method=DELETE").json()["response"]["sessions"] == []
    assert (somebody.shown()["id"], somebody.shown()["sessions"]) == (id, [])
    assert [backend.get(f"v1/sessions/{each.pk}").json()["status"] for each in sessions] == ["removed", "removed"]


@pytest.mark.wire("C120")
def test_a_deleted_client_is_anonymous(somebody, u1):
    session = somebody.sign_in(u1)
    before = somebody.credential
    assert somebody.post("v1/client", "?_method=DELETE").json() == {"response": None, "client": None}
    session.refresh_from_db()
    assert session.status == "removed"
    if isinstance(somebody, Browser):
        assert somebody.credential == ""
        assert somebody.shown() is None
    somebody.credential = before
    assert somebody.shown() is None


@pytest.mark.wire("C123")
def test_a_session_revoked_by_a_backend_is_over_for_its_client(somebody, backend, u1):
    session = somebody.sign_in(u1)
    assert somebody.verb(session, "tokens").status_code == 200
    assert backend.request("POST", f"v1/sessions/{session.pk}/revoke").status_code == 200
    response = somebody.verb(session, "tokens")
    assert (response.status_code, response.error) == (401, "authentication_invalid")
    assert statuses(somebody.shown()) == {session.pk: "revoked"}
    assert somebody.shown()["last_active_session_id"] is None
