"""Clerk's JavaScript SDK, unmodified, over real HTTP: its requests, and how it reads our responses."""

from base64 import urlsafe_b64decode
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from django.utils import timezone

from sessions_core.models import WebhookEndpoint
from sessions_core.webhooks.delivery import Worker
from tests.embedded import sdk
from tests.receivers import receiving
from tests.sdks.packages import clerk_sdk
from user_sessions.models import SigningKey, UserSession
from user_sessions.tokens.client_tokens import client_token
from user_sessions.tokens.refresh_tokens import refresh_token
from user_sessions.tokens.session_tokens import session_token
from user_sessions.users import user_id

# What an SDK sends and reads is the same on every database, so once is enough.
pytestmark = [sdk, pytest.mark.django_db(transaction=True)]

ORIGIN = "http://localhost:3000"


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def refused(answer, code, status):
    """Return True if the SDK read every member of the error, and it is this one."""
    assert answer["longMessage"] and answer["message"] and len(answer["trace"]) == 32
    return (answer["code"], answer["status"]) == (code, status)


@pytest.fixture
def five(workspace, u1):
    """Start sessions of one user, a second apart. Return them newest first."""
    now = timezone.now()
    starts = [now - timedelta(seconds=ago) for ago in range(5)]
    return [UserSession.objects.start(workspace, u1, actor="test", at=start) for start in starts]


def test_the_javascript_sdk_creates_reads_and_revokes_a_session(javascript_sdk, u1):
    """It also verifies sessions with an endpoint that its API version no longer has."""
    result = javascript_sdk("sessions", user=user_id(u1.pk))
    created = result["created"]
    assert (created["userId"], created["status"], created["actor"]) == (user_id(u1.pk), "active", None)
    assert result["got"] == result["verified"] == created
    assert claims_of(result["jwt"])["sid"] == created["id"]
    longer = claims_of(result["longer jwt"])
    assert longer["exp"] - longer["iat"] == 120
    assert result["revoked"] == result["again"]
    assert result["revoked"]["status"] == "revoked" and result["revoked"]["updatedAt"] > created["updatedAt"]
    assert refused(result["token after"], "resource_not_found", 404)
    assert refused(result["verified after"], "resource_not_found", 404)


@pytest.mark.wire("C36")
def test_the_javascript_sdk_lists_sessions_with_a_total_count(javascript_sdk, u1, five):
    five[3].revoke(actor="test")
    ids = [session.pk for session in five]
    result = javascript_sdk("lists", user=user_id(u1.pk), client=five[1].client_id)
    assert refused(result.pop("unfiltered"), "missing_query_parameter", 400)
    assert result == {
        "of the user": {"ids": ids, "totalCount": 5},
        "a page": {"ids": ids[1:3], "totalCount": 5},
        "of the client": {"ids": ids[1:2], "totalCount": 1},
        "of both": {"ids": ids[1:2], "totalCount": 1},
        "revoked": {"ids": ids[3:4], "totalCount": 1},
        "of nobody": {"ids": [], "totalCount": 0},
    }


@pytest.fixture
def returning_user(workspace, u1):
    """Return the cookies of a user who was away: an expired session token and a refresh token."""
    away = timezone.now() - timedelta(minutes=2)
    opened = UserSession.objects.start(workspace, u1, actor="test", at=away)
    session = UserSession.objects.for_minting(at=away).select_related("client", "workspace").get(pk=opened.pk)
    expired = session_token(session, at=away, authorized_party=ORIGIN)
    return {"session": session.pk, "expired": expired, "refresh": refresh_token(session)}


@pytest.mark.wire("C130", "C132")
def test_the_javascript_sdk_refreshes_a_token_only_once(javascript_sdk, returning_user):
    result = javascript_sdk("refresh", format="token", **returning_user)
    fresh = claims_of(result["answer"]["jwt"])
    assert (fresh["sid"], fresh["azp"]) == (returning_user["session"], ORIGIN)
    assert refused(result["again"], "session_refresh_expired_session_token_consumed", 401)


@pytest.mark.wire("C131")
def test_the_javascript_sdk_refreshes_a_token_into_cookies(javascript_sdk, returning_user):
    cookies = javascript_sdk("refresh", format="cookie", **returning_user)["answer"]["cookies"]
    plain, suffixed = [cookie.partition(";")[0].partition("=") for cookie in cookies]
    assert plain[0] == "__session" and suffixed[0].startswith("__session_") and plain[2] == suffixed[2]
    assert claims_of(plain[2])["sid"] == returning_user["session"]


def test_the_javascript_sdk_reads_clients(javascript_sdk, session, elsewhere, u2):
    UserSession.objects.start(elsewhere, u2, actor="test")
    client = session.client
    result = javascript_sdk("clients", client=client.pk, client_token=client_token(client))
    assert result["got"] == result["verified"] == result["list"]["data"][0]
    assert result["list"]["totalCount"] == 1
    assert result["got"]["sessionIds"] == [each["id"] for each in result["got"]["sessions"]] == [session.pk]
    assert (result["got"]["id"], result["got"]["lastActiveSessionId"]) == (client.pk, session.pk)
    assert refused(result["not a token"], "cookie_invalid", 400)
    assert refused(result["missing"], "resource_not_found", 404)


@pytest.mark.wire("C58", "C59", "C60", "C61", "C62")
def test_the_javascript_sdk_manages_templates(javascript_sdk, session, profiles):
    claims = {"camelCase": {"innerCase": [1, None, True]}, "https://x.example/y": "{{user.first_name}}", "aud": "x"}
    result = javascript_sdk("templates", session=session.pk, template={"name": "t 1", "claims": claims})
    made, updated = result["made"], result["updated"]
    assert made["claims"] == claims and list(made["claims"]) == list(claims)
    assert (made["lifetime"], made["allowedClockSkew"], made["signingAlgorithm"]) == (60, 5, "RS256")
    assert result["got"] == made and not made["customSigningKey"]
    own = claims | {"https://x.example/y": "Maria"}
    assert {name: claims_of(result["jwt"])[name] for name in own} == own
    assert (updated["name"], updated["claims"], updated["lifetime"]) == ("other", {"b": 2}, 90)
    assert updated["allowedClockSkew"] == 0
    assert updated["createdAt"] == made["createdAt"] and updated["updatedAt"] > made["updatedAt"]
    assert result["list"] == {"ids": [made["id"]], "totalCount": 1}
    assert refused(result["reserved"], "jwt_template_reserved_claim", 400)
    assert refused(result["taken"], "form_already_exists", 422) and result["taken"]["param"] == "name"
    assert (result["deleted"]["id"], result["deleted"]["deleted"]) == (made["id"], True)
    assert refused(result["missing"], "resource_not_found", 404)


@pytest.mark.wire("C92", "C94")
def test_the_javascript_sdk_creates_and_revokes_a_sign_in_token(javascript_sdk, u1):
    result = javascript_sdk("tickets", user=user_id(u1.pk), actor={"sub": "user_0"})
    made, revoked = result["sign in"], result["sign in revoked"]
    assert (made["userId"], made["status"], revoked["status"]) == (user_id(u1.pk), "pending", "revoked")
    url = urlsplit(made["url"])
    assert (url.netloc, url.path) == ("here.example.com", "/v1/tickets/accept")
    assert parse_qs(url.query) == {"ticket": [made["token"]]}
    assert claims_of(made["token"])["sid"] == made["id"] == revoked["id"]
    assert refused(result["sign in revoked again"], "sign_in_token_cannot_be_revoked_code", 400)


@pytest.mark.wire("C98", "C101")
def test_the_javascript_sdk_creates_and_revokes_an_actor_token(javascript_sdk, u1):
    actor = {"sub": "user_0", "additionalProperties": {"camelCase": {"snake_case": [1, {"deep": None}]}}}
    result = javascript_sdk("tickets", user=user_id(u1.pk), actor=actor)
    made, revoked = result["actor"], result["actor revoked"]
    assert made["actor"] == revoked["actor"] == actor
    assert (made["userId"], made["status"], revoked["status"]) == (user_id(u1.pk), "pending", "revoked")
    assert claims_of(made["token"])["sid"] == made["id"]
    assert refused(result["actor revoked again"], "actor_token_cannot_be_revoked_code", 400)


def test_the_javascript_sdk_reads_a_user(javascript_sdk, u1, profiles):
    found = javascript_sdk("user", user=user_id(u1.pk))
    assert (found["id"], found["fullName"], found["username"]) == (user_id(u1.pk), "Maria Doe", None)
    assert found["email"]["emailAddress"] == "maria@example.com"
    assert found["email"]["verification"]["status"] == "verified"
    assert found["publicMetadata"] == {"profile": {"interests": ["reading", "climbing"]}, "age": 0}
    assert found["unsafeMetadata"] == {"foo": {"bar": 42}}
    assert (found["passwordEnabled"], found["banned"], found["phoneNumbers"]) == (True, False, [])


@pytest.mark.wire("C83")
def test_the_javascript_sdk_reads_the_key_set(javascript_sdk, workspace):
    kid = SigningKey.objects.current(workspace).kid
    (key,) = javascript_sdk("jwks")["keys"]
    assert (key["kid"], key["alg"], key["kty"], key["use"], key["e"]) == (kid, "RS256", "RSA", "sig", "AQAB")
    assert len(urlsafe_b64decode(key["n"] + "==")) == 256


def test_the_javascript_sdk_reads_each_kind_of_error(javascript_sdk, u1):
    result = javascript_sdk("errors", user=user_id(u1.pk))
    assert refused(result["missing session"], "resource_not_found", 404)
    assert refused(result["missing user"], "resource_not_found", 404)
    assert result["missing user"]["longMessage"] == "No user was found with id user_missing."
    assert refused(result["no user"], "form_param_missing", 422) and result["no user"]["param"] == "user_id"
    assert refused(result["bad limit"], "form_param_value_invalid", 422) and result["bad limit"]["param"] == "limit"
    assert refused(result["bad key"], "clerk_key_invalid", 401)
    assert refused(result["no such route"], "resource_not_found", 404)


@pytest.mark.wire("C134")
def test_the_javascript_sdk_accepts_a_webhook_and_refuses_a_changed_byte(javascript, workspace, u1):
    with receiving() as receiver:
        _, secret = WebhookEndpoint.objects.add(workspace, receiver.url, actor="test")
        UserSession.objects.start(workspace, u1, actor="test")
        Worker().run(once=True)
    (received,) = receiver.received
    given = {"headers": dict(received.headers), "body": received.body.decode(), "secret": secret}
    result = clerk_sdk().play("webhooks", **given, api_key="", endpoint="", publishable_key="")
    assert result["whole"] == {"type": "session.created", "status": "active", "user": user_id(u1.pk)}
    assert result["changed"] == "refused"
