"""The numbered cases about clients, their sessions and their tokens; each test carries the number of its case."""

from datetime import timedelta

import jwt
import pytest
from django.utils import timezone

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


def test_case_95_a_ticket_signs_in(somebody, u1):
    answer = somebody.show_ticket(somebody.ticket_for(u1)).json()
    attempt, client = answer["response"], answer["client"]
    assert (attempt["object"], attempt["status"]) == ("sign_in_attempt", "complete")
    assert attempt["created_session_id"] == client["last_active_session_id"] == client["sessions"][0]["id"]
    token = verified(client["sessions"][0]["last_active_token"]["jwt"])
    assert (token["sid"], token["sub"]) == (attempt["created_session_id"], user_id(u1.pk))
    assert client["sign_in"] is None
    assert Ticket.objects.get().status == "accepted"


@pytest.mark.parametrize(("kind", "how"), [("sign_in_token", {}), ("actor_token", {"actor": ACTOR})])
def test_cases_96_and_97_a_ticket_that_is_good_no_more_signs_nobody_in(at_home, somebody, u1, kind, how):
    used, revoked = somebody.ticket_for(u1, **how), somebody.ticket_for(u1, **how)
    assert somebody.show_ticket(used).status_code == 200
    Ticket.objects.get(status="pending").revoke(by="test")
    late = somebody.ticket_for(u1, at=timezone.now() - 2 * AGO, **how)
    refusals = {used: f"{kind}_already_used_code", revoked: f"{kind}_revoked_code", late: "ticket_expired_code"}
    refusals |= {used[:-4] + "AAAA": "ticket_invalid_code", "garbage": "ticket_invalid_code"}
    fresh = type(somebody)()
    for ticket, code in refusals.items():
        response = fresh.show_ticket(ticket)
        assert (response.status_code, response.error) == (400, code)
    assert fresh.credential == ""
    assert UserSession.objects.count() == 1


def test_case_99_an_actor_token_signs_in_for_a_short_time_and_says_who_acts(somebody, u1):
    session = somebody.sign_in(u1, actor=ACTOR, session_lifetime=timedelta(minutes=30))
    shown = somebody.get(f"v1/client/sessions/{session.pk}").json()["response"]
    assert (shown["actor"], shown["expire_at"] - shown["created_at"]) == (ACTOR, 1_800_000)
    assert claims_of(somebody.verb(session, "tokens").json()["jwt"])["act"] == ACTOR


def test_case_100_nobody_signs_in_beside_an_impersonation(somebody, u1, u2):
    somebody.sign_in(u1, actor=ACTOR)
    response = somebody.try_to_sign_in(u2)
    assert (response.status_code, response.error) == (409, "session_creation_not_allowed")
    assert Ticket.objects.filter(status="pending").count() == 1  # it was not used up in vain


# 8.8 Clients


def test_case_102_nobody_is_no_error(somebody):
    response = somebody.get("v1/client")
    assert (response.status_code, response.json()) == (200, {"response": None, "client": None})
    assert somebody.credential == ""


def test_cases_103_and_104_a_new_client_is_handed_its_token(app):
    created = app.post("v1/client", "?_method=PUT").json()
    said = claims_of(app.credential)
    assert said["id"] == created["response"]["id"]
    assert said["rotating_token"]
    assert created["response"]["sessions"] == []
    assert app.shown()["id"] == said["id"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_cases_103_and_104_a_browsers_client_is_a_cookie_that_no_script_reads(browser, method):
    id = browser.request(method, "v1/client").json()["response"]["id"]
    cookie = browser.client.cookies["__client"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["domain"]) == (True, True, "Lax", "")
    assert browser.shown()["id"] == id
    assert browser.request(method, "v1/client").json()["response"]["id"] == id


def test_case_105_a_sign_in_kills_the_credential_before(somebody, u1):
    somebody.post("v1/client")
    before = somebody.credential
    somebody.sign_in(u1)
    after, id = somebody.credential, somebody.shown()["id"]
    assert claims_of(before)["id"] == claims_of(after)["id"] == id
    somebody.credential = before
    assert somebody.shown() is None
    assert somebody.get("v1/me").status_code == 401


# Sessions


def test_case_108_a_touch_selects_a_session(somebody, u1, u2):
    first, second = somebody.sign_in(u1), somebody.sign_in(u2)
    UserSession.objects.filter(pk=first.pk).update(last_active_at=first.last_active_at - AGO)
    answer = somebody.verb(first, "touch", active_organization_id="", intent="select_session").json()
    now = answer["response"]["last_active_at"] / 1000
    assert first.last_active_at.timestamp() - 1 < now <= timezone.now().timestamp()
    assert answer["client"]["last_active_session_id"] == first.pk
    assert verified(answer["response"]["last_active_token"]["jwt"])["sid"] == first.pk
    assert statuses(answer["client"]) == {first.pk: "active", second.pk: "active"}


def test_case_109_another_clients_session_is_not_found_and_a_revoked_one_is_over(somebody, u1, u2):
    own, other = somebody.sign_in(u1), type(somebody)().sign_in(u2)
    assert somebody.verb(other, "touch").error == "resource_not_found"
    own.revoke(by="test")
    response = somebody.verb(own, "touch")
    assert (response.status_code, response.error) == (401, "authentication_invalid")


def test_case_110_a_token_names_the_page_that_asked(browser, app, u1, u2):
    session = browser.sign_in(u1)
    assert claims_of(browser.verb(session, "tokens").json()["jwt"])["azp"] == PAGE
    assert "azp" not in claims_of(app.verb(app.sign_in(u2), "tokens").json()["jwt"])


def test_case_111_what_nobody_knows_is_ignored(somebody, u1):
    unknown = {"tab_state": "x", "organization_id": "", "token": "ey", "force_origin": "true"}
    response = somebody.verb(somebody.sign_in(u1), "tokens", "?debug=skip_cache&_clerk_js_version=6", **unknown)
    assert response.status_code == 200
    assert response.json().keys() == {"object", "jwt"}


def test_case_112_a_token_of_a_template(at_home, somebody, u1):
    JwtTemplate.objects.define(at_home, Definition(name="t1", claims={"hello": "{{user.first_name}}"}), by="test")
    session = somebody.sign_in(u1)
    assert verified(somebody.verb(session, "tokens/t1").json()["jwt"])["hello"] == "Maria"
    response = somebody.verb(session, "tokens/none")
    assert (response.status_code, response.error) == (404, "resource_not_found")


def test_cases_113_and_114_an_ended_session_stays_and_ends_once(somebody, u1, u2):
    first, second = somebody.sign_in(u1), somebody.sign_in(u2)
    answer = somebody.verb(second, "end").json()
    assert (answer["response"]["id"], answer["response"]["status"]) == (second.pk, "ended")
    assert answer["response"]["last_active_token"] is None
    assert statuses(answer["client"]) == {first.pk: "active", second.pk: "ended"}
    assert answer["client"]["last_active_session_id"] == first.pk
    again = somebody.verb(second, "end")
    assert (again.status_code, again.error) == (400, "invalid_action_for_session")
    assert somebody.verb(first, "end").json()["client"]["last_active_session_id"] is None


def test_case_115_a_removed_session_has_left(somebody, u1):
    session = somebody.sign_in(u1)
    answer = somebody.verb(session, "remove").json()
    assert (answer["response"]["status"], answer["client"]["sessions"]) == ("removed", [])
    response = somebody.get(f"v1/client/sessions/{session.pk}")
    assert (response.status_code, response.error) == (404, "resource_not_found")


def test_case_116_two_users_of_one_client(somebody, u1, u2):
    first, second = somebody.sign_in(u1), somebody.sign_in(u2)
    assert statuses(somebody.shown()) == {first.pk: "active", second.pk: "active"}
    assert somebody.shown()["last_active_session_id"] == second.pk
    assert somebody.verb(first, "touch").json()["client"]["last_active_session_id"] == first.pk
    somebody.verb(first, "remove")
    assert statuses(somebody.shown()) == {second.pk: "active"}


def test_case_117_the_same_user_is_told_their_session(somebody, u1):
    session = somebody.sign_in(u1)
    response = somebody.try_to_sign_in(u1)
    assert (response.status_code, response.error) == (400, "identifier_already_signed_in")
    assert first_error(response)["meta"] == {"session_id": session.pk}


def test_case_118_one_session_at_a_time_where_the_workspace_says_so(at_home, somebody, u1, u2):
    at_home.single_session_mode = True
    at_home.save()
    somebody.sign_in(u1)
    response = somebody.try_to_sign_in(u2)
    assert (response.status_code, response.error) == (400, "session_exists")


def test_case_119_everybody_signs_out_and_the_client_stays(somebody, backend, u1, u2):
    sessions = [somebody.sign_in(u1), somebody.sign_in(u2)]
    id = somebody.shown()["id"]
    assert somebody.post("v1/client/sessions", "?_method=DELETE").json()["response"]["sessions"] == []
    assert (somebody.shown()["id"], somebody.shown()["sessions"]) == (id, [])
    assert [backend.get(f"v1/sessions/{each.pk}").json()["status"] for each in sessions] == ["removed", "removed"]


def test_case_120_a_forgotten_client_is_nobody(somebody, u1):
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


def test_case_123_a_session_revoked_by_a_backend_is_over_here_too(somebody, backend, u1):
    session = somebody.sign_in(u1)
    assert somebody.verb(session, "tokens").status_code == 200
    assert backend.request("POST", f"v1/sessions/{session.pk}/revoke").status_code == 200
    response = somebody.verb(session, "tokens")
    assert (response.status_code, response.error) == (401, "authentication_invalid")
    assert statuses(somebody.shown()) == {session.pk: "revoked"}
    assert somebody.shown()["last_active_session_id"] is None
