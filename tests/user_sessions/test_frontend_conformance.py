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
def test_a_ticket_signs_in(frontend, u1):
    answer = frontend.use_ticket(frontend.ticket_for(u1)).json()
    attempt, client = answer["response"], answer["client"]
    assert (attempt["object"], attempt["status"]) == ("sign_in_attempt", "complete")
    assert attempt["created_session_id"] == client["last_active_session_id"] == client["sessions"][0]["id"]
    token = verified(client["sessions"][0]["last_active_token"]["jwt"])
    assert (token["sid"], token["sub"]) == (attempt["created_session_id"], user_id(u1.pk))
    assert client["sign_in"] is None
    assert Ticket.objects.get().status == "accepted"


@pytest.mark.wire("C96", "C97")
@pytest.mark.parametrize(("kind", "how"), [("sign_in_token", {}), ("actor_token", {"impersonator": ACTOR})])
def test_a_used_revoked_expired_or_forged_ticket_is_refused(at_home, frontend, u1, kind, how):
    used, revoked = frontend.ticket_for(u1, **how), frontend.ticket_for(u1, **how)
    assert frontend.use_ticket(used).status_code == 200
    Ticket.objects.get(stored_status="pending").revoke(actor="test")
    late = frontend.ticket_for(u1, at=timezone.now() - 2 * AGO, **how)
    refusals = {used: f"{kind}_already_used_code", revoked: f"{kind}_revoked_code", late: "ticket_expired_code"}
    refusals |= {used[:-4] + "AAAA": "ticket_invalid_code", "garbage": "ticket_invalid_code"}
    fresh = type(frontend)()
    for ticket, code in refusals.items():
        response = fresh.use_ticket(ticket)
        assert (response.status_code, response.error) == (400, code)
    assert fresh.credential == ""
    assert UserSession.objects.count() == 1


@pytest.mark.wire("C99")
def test_an_impersonation_lasts_half_an_hour_and_names_its_actor(frontend, u1):
    session = frontend.sign_in(u1, impersonator=ACTOR, session_lifetime=timedelta(minutes=30))
    shown = frontend.get(f"v1/client/sessions/{session.pk}").json()["response"]
    assert (shown["actor"], shown["expire_at"] - shown["created_at"]) == (ACTOR, 1_800_000)
    assert claims_of(frontend.verb(session, "tokens").json()["jwt"])["act"] == ACTOR


@pytest.mark.wire("C100")
def test_sign_in_is_disabled_during_an_impersonation(frontend, u1, u2):
    frontend.sign_in(u1, impersonator=ACTOR)
    response = frontend.try_to_sign_in(u2)
    assert (response.status_code, response.error) == (409, "session_creation_not_allowed")
    assert Ticket.objects.filter(stored_status="pending").count() == 1  # it was not used up in vain


# 8.8 Clients


@pytest.mark.wire("C102")
def test_an_anonymous_caller_has_no_client(frontend):
    response = frontend.get("v1/client")
    assert (response.status_code, response.json()) == (200, {"response": None, "client": None})
    assert frontend.credential == ""


@pytest.mark.wire("C103", "C104")
def test_a_new_client_of_an_app_gets_its_token_in_a_header(app):
    created = app.post("v1/client", "?_method=PUT").json()
    said = claims_of(app.credential)
    assert said["id"] == created["response"]["id"]
    assert said["rotating_token"]
    assert created["response"]["sessions"] == []
    assert app.client_json()["id"] == said["id"]


@pytest.mark.wire("C103", "C104")
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_new_client_of_a_browser_gets_a_cookie_that_scripts_cannot_read(browser, method):
    id = browser.request(method, "v1/client").json()["response"]["id"]
    cookie = browser.client.cookies["__client"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["domain"]) == (True, True, "Lax", "")
    assert browser.client_json()["id"] == id
    assert browser.request(method, "v1/client").json()["response"]["id"] == id


@pytest.mark.wire("C105")
@pytest.mark.promise("P11")
def test_a_sign_in_invalidates_the_earlier_client_token(frontend, u1):
    frontend.post("v1/client")
    before = frontend.credential
    frontend.sign_in(u1)
    after, id = frontend.credential, frontend.client_json()["id"]
    assert claims_of(before)["id"] == claims_of(after)["id"] == id
    frontend.credential = before
    assert frontend.client_json() is None
    assert frontend.get("v1/me").status_code == 401


# Sessions


@pytest.mark.wire("C108")
def test_a_touch_makes_the_session_the_active_one(frontend, u1, u2):
    first, second = frontend.sign_in(u1), frontend.sign_in(u2)
    UserSession.objects.filter(pk=first.pk).update(last_active_at=first.last_active_at - AGO)
    answer = frontend.verb(first, "touch", active_organization_id="", intent="select_session").json()
    now = answer["response"]["last_active_at"] / 1000
    assert first.last_active_at.timestamp() - 1 < now <= timezone.now().timestamp()
    assert answer["client"]["last_active_session_id"] == first.pk
    assert verified(answer["response"]["last_active_token"]["jwt"])["sid"] == first.pk
    assert statuses(answer["client"]) == {first.pk: "active", second.pk: "active"}


@pytest.mark.wire("C109")
def test_a_touch_of_another_client_s_session_is_404_and_of_a_revoked_one_401(frontend, u1, u2):
    own, other = frontend.sign_in(u1), type(frontend)().sign_in(u2)
    assert frontend.verb(other, "touch").error == "resource_not_found"
    own.revoke(actor="test")
    response = frontend.verb(own, "touch")
    assert (response.status_code, response.error) == (401, "authentication_invalid")


@pytest.mark.wire("C110")
def test_a_token_names_the_origin_of_the_page(browser, app, u1, u2):
    session = browser.sign_in(u1)
    assert claims_of(browser.verb(session, "tokens").json()["jwt"])["azp"] == PAGE
    assert "azp" not in claims_of(app.verb(app.sign_in(u2), "tokens").json()["jwt"])


@pytest.mark.wire("C111")
def test_minting_ignores_unknown_parameters(frontend, u1):
    unknown = {"tab_state": "x", "organization_id": "", "token": "ey", "force_origin": "true"}
    response = frontend.verb(frontend.sign_in(u1), "tokens", "?debug=skip_cache&_clerk_js_version=6", **unknown)
    assert response.status_code == 200
    assert response.json().keys() == {"object", "jwt"}


@pytest.mark.wire("C112")
def test_a_browser_mints_a_token_from_a_template(at_home, frontend, u1):
    JwtTemplate.objects.define(at_home, Definition(name="t1", claims={"hello": "{{user.first_name}}"}), actor="test")
    session = frontend.sign_in(u1)
    assert verified(frontend.verb(session, "tokens/t1").json()["jwt"])["hello"] == "Maria"
    response = frontend.verb(session, "tokens/none")
    assert (response.status_code, response.error) == (404, "resource_not_found")


@pytest.mark.wire("C113", "C114")
def test_an_ended_session_stays_in_the_client_and_ends_only_once(frontend, u1, u2):
    first, second = frontend.sign_in(u1), frontend.sign_in(u2)
    answer = frontend.verb(second, "end").json()
    assert (answer["response"]["id"], answer["response"]["status"]) == (second.pk, "ended")
    assert answer["response"]["last_active_token"] is None
    assert statuses(answer["client"]) == {first.pk: "active", second.pk: "ended"}
    assert answer["client"]["last_active_session_id"] == first.pk
    again = frontend.verb(second, "end")
    assert (again.status_code, again.error) == (400, "invalid_action_for_session")
    assert frontend.verb(first, "end").json()["client"]["last_active_session_id"] is None


@pytest.mark.wire("C115")
def test_a_removed_session_leaves_the_client(frontend, u1):
    session = frontend.sign_in(u1)
    answer = frontend.verb(session, "remove").json()
    assert (answer["response"]["status"], answer["client"]["sessions"]) == ("removed", [])
    response = frontend.get(f"v1/client/sessions/{session.pk}")
    assert (response.status_code, response.error) == (404, "resource_not_found")


@pytest.mark.wire("C116")
def test_a_client_can_have_two_users(frontend, u1, u2):
    first, second = frontend.sign_in(u1), frontend.sign_in(u2)
    assert statuses(frontend.client_json()) == {first.pk: "active", second.pk: "active"}
    assert frontend.client_json()["last_active_session_id"] == second.pk
    assert frontend.verb(first, "touch").json()["client"]["last_active_session_id"] == first.pk
    frontend.verb(first, "remove")
    assert statuses(frontend.client_json()) == {second.pk: "active"}


@pytest.mark.wire("C117")
def test_a_second_sign_in_of_the_same_user_names_the_existing_session(frontend, u1):
    session = frontend.sign_in(u1)
    response = frontend.try_to_sign_in(u1)
    assert (response.status_code, response.error) == (400, "identifier_already_signed_in")
    assert first_error(response)["meta"] == {"session_id": session.pk}


@pytest.mark.wire("C118")
def test_single_session_mode_refuses_a_second_sign_in(at_home, frontend, u1, u2):
    set_user_session_policy(at_home, single_session_mode=True)
    at_home.save()
    frontend.sign_in(u1)
    response = frontend.try_to_sign_in(u2)
    assert (response.status_code, response.error) == (400, "session_exists")


@pytest.mark.wire("C119")
def test_signing_all_users_out_keeps_the_client(frontend, backend, u1, u2):
    sessions = [frontend.sign_in(u1), frontend.sign_in(u2)]
    id = frontend.client_json()["id"]
    assert frontend.post("v1/client/sessions", "?_method=DELETE").json()["response"]["sessions"] == []
    assert (frontend.client_json()["id"], frontend.client_json()["sessions"]) == (id, [])
    assert [backend.get(f"v1/sessions/{each.pk}").json()["status"] for each in sessions] == ["removed", "removed"]


@pytest.mark.wire("C120")
def test_a_deleted_client_is_anonymous(frontend, u1):
    session = frontend.sign_in(u1)
    before = frontend.credential
    assert frontend.post("v1/client", "?_method=DELETE").json() == {"response": None, "client": None}
    session.refresh_from_db()
    assert session.status == "removed"
    if isinstance(frontend, Browser):
        assert frontend.credential == ""
        assert frontend.client_json() is None
    frontend.credential = before
    assert frontend.client_json() is None


@pytest.mark.wire("C123")
def test_a_session_revoked_by_a_backend_is_over_for_its_client(frontend, backend, u1):
    session = frontend.sign_in(u1)
    assert frontend.verb(session, "tokens").status_code == 200
    assert backend.request("POST", f"v1/sessions/{session.pk}/revoke").status_code == 200
    response = frontend.verb(session, "tokens")
    assert (response.status_code, response.error) == (401, "authentication_invalid")
    assert statuses(frontend.client_json()) == {session.pk: "revoked"}
    assert frontend.client_json()["last_active_session_id"] is None
