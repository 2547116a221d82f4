"""Sign-in tokens and actor tokens in the Backend API, and the sessions they start."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from django.utils import timezone

from tests.policies import address_of, set_user_session_policy
from tests.user_sessions.conftest import claims_of, first_error
from user_sessions.models import Epoch, NotPending, SigningKey, Ticket, TicketExpired, UserSession
from user_sessions.tokens.session_tokens import session_token
from user_sessions.users import user_id

KINDS = ["sign_in_token", "actor_token"]


@pytest.fixture
def issue(backend, u1, u2):
    """Return a function that issues a ticket through the API and returns the response."""

    def issue(kind, **body):
        actor = {"actor": {"sub": user_id(u2.pk), "note": "x"}} if kind == "actor_token" else {}
        return backend.post(f"v1/{kind}s", **{"user_id": user_id(u1.pk), **actor, **body})

    return issue


@pytest.mark.wire("C92")
@pytest.mark.parametrize(("kind", "prefix"), [("sign_in_token", "sit"), ("actor_token", "act")])
def test_a_new_ticket_has_a_token_and_a_url(issue, workspace, u1, kind, prefix):
    ticket = issue(kind).json()
    assert (ticket["object"], ticket["status"], ticket["user_id"]) == (kind, "pending", user_id(u1.pk))
    assert ticket["id"].startswith(f"{prefix}_")
    url = urlsplit(ticket["url"])
    assert (f"{url.scheme}://{url.netloc}", url.path) == (address_of(workspace), "/v1/tickets/accept")
    assert parse_qs(url.query) == {"ticket": [ticket["token"]]}


@pytest.mark.parametrize(("kind", "lifetime"), [("sign_in_token", 2_592_000), ("actor_token", 3600)])
def test_a_ticket_is_signed_and_states_its_kind(issue, workspace, kind, lifetime):
    ticket = issue(kind).json()
    claims = jwt.decode(ticket["token"], jwt.PyJWK(SigningKey.objects.get().public_jwk), ["RS256"])
    kid = SigningKey.objects.get().kid
    assert jwt.get_unverified_header(ticket["token"]) == {"alg": "RS256", "typ": "JWT", "kid": kid}
    assert claims.pop("exp") == ticket["created_at"] // 1000 + lifetime
    assert claims == {"eis": lifetime, "iid": str(workspace.pk), "sid": ticket["id"], "st": kind}


def test_without_a_frontend_api_a_ticket_has_no_url(issue, workspace):
    set_user_session_policy(workspace, frontend_api=None)
    workspace.save()
    assert issue("sign_in_token").json()["url"] is None


@pytest.mark.wire("C93")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"user_id": None}, 422, "form_param_nil"),
        ({"expires_in_seconds": 0}, 422, "form_param_value_invalid"),
        ({"expires_in_seconds": 315_360_001}, 422, "form_param_value_invalid"),
        ({"expires_in_seconds": "60"}, 422, "form_param_type_invalid"),
    ],
)
def test_a_ticket_with_invalid_parameters_is_refused(issue, kind, body, status, code):
    response = issue(kind, **body)
    assert (response.status_code, response.error) == (status, code)
    assert not Ticket.objects.exists()


@pytest.mark.wire("C93")
@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("sign_in_token", 404, "resource_not_found"), ("actor_token", 422, "form_resource_not_found")],
)
def test_a_ticket_for_an_unknown_user_is_refused(issue, kind, status, code):
    response = issue(kind, user_id="user_missing")
    assert (response.status_code, response.error) == (status, code)


@pytest.mark.parametrize("kind", KINDS)
def test_a_banned_user_gets_no_ticket(issue, u1, kind):
    u1.is_active = False
    u1.save()
    assert (issue(kind).status_code, issue(kind).error) == (403, "user_banned")


@pytest.mark.wire("C94", "C101")
@pytest.mark.parametrize("kind", KINDS)
def test_a_ticket_is_revoked_once_and_only_while_it_is_pending(backend, issue, kind):
    revoked, used = (issue(kind).json()["id"] for _ in "ab")
    answer = backend.request("POST", f"v1/{kind}s/{revoked}/revoke").json()
    assert (answer["status"], "token" in answer) == ("revoked", False)
    Ticket.objects.get(pk=used).accept(actor="test")
    for id in (revoked, used):
        response = backend.request("POST", f"v1/{kind}s/{id}/revoke")
        assert (response.status_code, response.error) == (400, f"{kind}_cannot_be_revoked_code")
    assert Ticket.objects.get(pk=used).status == "accepted"


def test_a_ticket_for_an_organisation_is_refused(backend, issue, u1):
    assert issue("sign_in_token", org_id="org_1").error == "form_resource_not_found"
    created = backend.post("v1/sessions", user_id=user_id(u1.pk), active_organization_id="org_1")
    assert (created.status_code, created.error) == (422, "form_resource_not_found")
    assert backend.post("v1/sessions", user_id=user_id(u1.pk), active_organization_id=None).status_code == 200


def test_a_ticket_belongs_to_one_kind_and_one_workspace(backend, foreign_backend, issue):
    id = issue("sign_in_token").json()["id"]
    for caller, kind in ((backend, "actor_token"), (foreign_backend, "sign_in_token")):
        assert caller.request("POST", f"v1/{kind}s/{id}/revoke").status_code == 404
    assert Ticket.objects.get().status == "pending"


@pytest.mark.wire("C98")
def test_an_actor_token_returns_its_actor_unchanged(issue, u2):
    actor = {"sub": user_id(u2.pk), "note": "x", "deep": {"a": [1, None]}}
    assert issue("actor_token", actor=actor).json()["actor"] == actor


@pytest.mark.wire("C98")
@pytest.mark.parametrize(
    "actor",
    [{}, {"sub": ""}, {"sub": 5}, None, [], "user_1", {"sub": "a", "x": "\x00"}, {"sub": "a", "x": "y" * 20_000}],
)
def test_an_actor_must_be_a_json_object_with_a_sub(issue, actor):
    response = issue("actor_token", actor=actor)
    assert response.status_code == 422
    assert first_error(response)["meta"]["param_name"].startswith("actor")
    assert not Ticket.objects.exists()


def test_an_actor_token_refuses_unknown_parameters(issue):
    response = issue("actor_token", is_admin=True)
    assert (response.status_code, response.error) == (422, "form_param_unknown")


def test_an_actor_token_sets_the_lifetime_of_its_session(issue):
    assert issue("actor_token").status_code == 200
    assert Ticket.objects.get().session_lifetime == timedelta(seconds=1800)
    assert issue("actor_token", session_max_duration_in_seconds=60).status_code == 200
    assert Ticket.objects.first().session_lifetime == timedelta(seconds=60)


@pytest.mark.wire("C97")
def test_an_expired_ticket_is_refused(issue):
    issue("sign_in_token", expires_in_seconds=60)
    ticket = Ticket.objects.get()
    with pytest.raises(TicketExpired):
        ticket.accept(actor="test", at=ticket.expire_at)
    assert Ticket.objects.get().status == "pending"


def test_a_ticket_does_not_outlive_an_epoch_nor_its_users_deactivation(issue, workspace, u1):
    issue("sign_in_token")
    Epoch.objects.begin(workspace, actor="test")
    with pytest.raises(TicketExpired):
        Ticket.objects.get().accept(actor="test")
    u1.is_active = False
    u1.save()
    assert Ticket.objects.get().status == "revoked"


@pytest.mark.wire("C99")
def test_an_actor_token_gives_a_session_of_half_an_hour_that_names_its_actor(issue, workspace, u1, u2):
    issue("actor_token")
    ticket = Ticket.objects.get()
    ticket.accept(actor="test")
    session = UserSession.objects.start(
        workspace, ticket.user, actor="test", impersonator=ticket.impersonator, lifetime=ticket.session_lifetime
    )
    assert session.expire_at - session.created_at == timedelta(minutes=30)
    token = session_token(UserSession.minting(workspace, session.pk, at=session.created_at), at=session.created_at)
    assert claims_of(token)["act"] == {"sub": user_id(u2.pk), "note": "x"}


@pytest.mark.wire("C96")
def test_a_ticket_is_used_only_once(issue):
    issue("sign_in_token")
    ticket = Ticket.objects.get()
    ticket.accept(actor="test", at=timezone.now())
    with pytest.raises(NotPending):
        ticket.accept(actor="test")
