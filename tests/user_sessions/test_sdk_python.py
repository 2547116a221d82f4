"""Clerk's Python SDK, unmodified, over real HTTP."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from clerk_backend_api import Clerk
from clerk_backend_api.models import ClerkErrors, Format, SDKError
from clerk_backend_api.security import (
    AuthenticateRequestOptions,
    VerifyTokenOptions,
    authenticate_request,
    verify_token,
)
from clerk_backend_api.security.types import TokenVerificationError, TokenVerificationErrorReason
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.contrib.auth import get_user_model
from django.utils import timezone

from tests.embedded import sdk
from user_sessions.models import Definition, JwtTemplate, SigningKey, Ticket, UserSession
from user_sessions.tokens.client_tokens import client_token
from user_sessions.tokens.refresh_tokens import refresh_token
from user_sessions.tokens.session_tokens import session_token
from user_sessions.users import user_id

pytestmark = [sdk, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def clerk(live_server, api_key) -> Iterator[Clerk]:
    with Clerk(bearer_auth=api_key, server_url=f"{live_server.url}/v1") as clerk:
        yield clerk


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def refused(call: Callable[..., Any], **arguments: Any) -> tuple[str, int]:
    """Return the code and status of an error that the SDK read completely."""
    with pytest.raises(ClerkErrors) as error:
        call(**arguments)
    (said,) = error.value.data.errors
    assert said.message and said.long_message
    return said.code, error.value.status_code


@pytest.fixture
def user() -> str:
    return user_id(get_user_model().objects.create_user("jane_doe").pk)


def test_the_python_sdk_creates_reads_and_revokes_a_session(clerk, live_server, api_key, user):
    created = clerk.sessions.create(request={"user_id": user})
    assert (created.user_id, created.status) == (user, "active")
    assert clerk.sessions.get(session_id=created.id) == created
    assert [session.id for session in clerk.sessions.list(user_id=user)] == [created.id]

    token = clerk.sessions.create_token(session_id=created.id).jwt
    keys = jwt.PyJWKClient(f"{live_server.url}/v1/jwks", headers={"Authorization": f"Bearer {api_key}"})
    claims = jwt.decode(token, keys.get_signing_key_from_jwt(token), ["RS256"])
    assert (claims["sub"], claims["sid"]) == (user, created.id)

    assert clerk.sessions.revoke(session_id=created.id).status == "revoked"
    with pytest.raises(ClerkErrors) as refused:
        clerk.sessions.create_token(session_id=created.id)
    assert refused.value.data.errors[0].code == "resource_not_found"


@pytest.mark.wire("C36")
def test_the_python_sdk_lists_sessions(clerk, workspace, u1):
    now = timezone.now()
    starts = [now - timedelta(seconds=ago) for ago in range(3)]
    first, second, third = [UserSession.objects.start(workspace, u1, actor="test", at=start) for start in starts]
    second.revoke(actor="test")

    def ids(**filters: Any) -> list[str]:
        return [session.id for session in clerk.sessions.list(**filters)]

    user = user_id(u1.pk)
    assert ids(user_id=user) == [first.pk, second.pk, third.pk]
    assert ids(user_id=user, limit=1, offset=1) == ids(user_id=user, status="revoked") == [second.pk]
    assert ids(client_id=third.client_id) == [third.pk]
    assert refused(clerk.sessions.list) == ("missing_query_parameter", 400)


def test_the_sdk_reads_a_pending_and_an_impersonated_session(clerk, workspace, u1):
    session = UserSession.objects.start(
        workspace, u1, actor="test", impersonator={"sub": "user_0"}, tasks=["setup-mfa"]
    )
    read = clerk.sessions.get(session_id=session.pk)
    assert (read.status, read.tasks[0].key) == ("pending", "setup-mfa")


@pytest.mark.wire("C40", "C41")
def test_the_python_sdk_chooses_the_lifetime_of_a_token(clerk, session):
    claims = claims_of(clerk.sessions.create_token(session_id=session.pk, expires_in_seconds=120).jwt)
    assert claims["exp"] - claims["iat"] == 120
    short = {"session_id": session.pk, "expires_in_seconds": 29}
    with pytest.raises(SDKError) as error:  # a status this call has no model for
        clerk.sessions.create_token(**short)
    assert error.value.status_code == 422


def test_the_python_sdk_mints_a_token_from_a_template(clerk, workspace, session, profiles):
    definition = Definition(name="t1", claims={"name": "{{user.full_name}}"})
    JwtTemplate.objects.define(workspace, definition, actor="test")
    call = clerk.sessions.create_token_from_template
    claims = claims_of(call(session_id=session.pk, template_name="t1").jwt)
    assert (claims["name"], claims["exp"] - claims["iat"]) == ("Maria Doe", 60)
    assert refused(call, session_id=session.pk, template_name="unknown") == ("resource_not_found", 404)


@pytest.mark.wire("C130", "C131")
@pytest.mark.parametrize("form", Format)
def test_the_python_sdk_refreshes_a_token(clerk, workspace, u1, form):
    away, origin = timezone.now() - timedelta(minutes=2), "http://localhost:3000"
    opened = UserSession.objects.start(workspace, u1, actor="test", at=away)
    session = UserSession.objects.for_minting(at=away).get(pk=opened.pk)
    expired = session_token(session, at=away, authorized_party=origin)
    call = {"session_id": session.pk, "expired_token": expired, "request_origin": origin, "format_": form}
    assert refused(clerk.sessions.refresh, refresh_token="rt_no", **call) == ("refresh_token_not_found", 401)
    answer = clerk.sessions.refresh(refresh_token=refresh_token(session), **call)
    fresh = answer.jwt if form == Format.TOKEN else answer.cookies[0].partition("=")[2].partition(";")[0]
    assert (claims_of(fresh)["sid"], claims_of(fresh)["azp"]) == (session.pk, origin)


def test_the_sdk_reads_clients(clerk, session):
    client = clerk.clients.get(client_id=session.client_id)
    assert [each.id for each in client.sessions] == client.session_ids == [session.pk]
    assert client.last_active_session_id == session.pk
    assert clerk.clients.verify(request={"token": client_token(session.client)}) == client
    with pytest.deprecated_call():  # by the SDK, which has no other
        assert clerk.clients.list() == [client]
    assert refused(clerk.clients.verify, request={"token": "x.y.z"}) == ("cookie_invalid", 400)
    assert refused(clerk.clients.get, client_id="client_missing") == ("resource_not_found", 404)


def test_the_python_sdk_manages_templates(clerk):
    """The SDK's model drops the claims, so they arrive empty."""
    templates = clerk.jwt_templates
    made = templates.create(request={"name": "t1", "claims": {"a": 1}, "lifetime": 600})
    assert (made.name, made.lifetime, made.allowed_clock_skew) == ("t1", 600, 5)
    assert (made.custom_signing_key, made.signing_algorithm) == (False, "RS256")
    assert made.created_at == made.updated_at and len(str(made.created_at)) == 13
    assert templates.get(template_id=made.id) == made and templates.list() == [made]
    updated = templates.update(template_id=made.id, name="t2", claims={}, allowed_clock_skew=30)
    assert (updated.name, updated.lifetime, updated.allowed_clock_skew) == ("t2", 600, 30)
    assert updated.created_at == made.created_at and updated.updated_at > made.updated_at
    assert refused(templates.create, request={"name": "t2", "claims": {}}) == ("form_already_exists", 422)
    deleted = templates.delete(template_id=made.id)
    assert (deleted.object, deleted.id, deleted.deleted) == ("jwt_template", made.id, True)
    assert refused(templates.get, template_id=made.id) == ("resource_not_found", 404)


@pytest.mark.wire("C92", "C94")
def test_the_python_sdk_creates_and_revokes_a_sign_in_token(clerk, user):
    tokens = clerk.sign_in_tokens
    made = tokens.create(request={"user_id": user})
    assert (made.user_id, made.status, claims_of(made.token)["sid"]) == (user, "pending", made.id)
    assert urlsplit(made.url).netloc == "here.example.com"
    revoked = tokens.revoke(sign_in_token_id=made.id)
    assert (revoked.id, revoked.status) == (made.id, "revoked")
    again = refused(tokens.revoke, sign_in_token_id=made.id)
    assert again == ("sign_in_token_cannot_be_revoked_code", 400)


@pytest.mark.wire("C98", "C101")
def test_the_python_sdk_creates_and_revokes_an_actor_token(clerk, user):
    """The SDK sends the actor but does not read it back."""
    tokens, actor = clerk.actor_tokens, {"sub": "user_0", "note": {"deep": [1, None]}}
    made = tokens.create(request={"user_id": user, "actor": actor, "session_max_duration_in_seconds": 600})
    assert (made.user_id, made.status, claims_of(made.token)["sid"]) == (user, "pending", made.id)
    assert Ticket.objects.get().impersonator == actor
    revoked = tokens.revoke(actor_token_id=made.id)
    assert (revoked.id, revoked.status) == (made.id, "revoked")
    assert refused(tokens.revoke, actor_token_id=made.id) == ("actor_token_cannot_be_revoked_code", 400)


def test_the_sdk_reads_a_user_with_a_verified_address(clerk, u1, profiles):
    maria = clerk.users.get(user_id=user_id(u1.pk))
    assert (maria.first_name, maria.last_name, maria.username) == ("Maria", "Doe", None)
    (address,) = maria.email_addresses
    assert (address.email_address, address.id) == ("maria@example.com", maria.primary_email_address_id)
    assert address.verification.status == "verified"
    assert maria.public_metadata == {"profile": {"interests": ["reading", "climbing"]}, "age": 0}
    assert maria.unsafe_metadata == {"foo": {"bar": 42}}


def test_the_python_sdk_reads_a_user_with_few_fields(clerk, u2, user, profiles):
    jane = clerk.users.get(user_id=user)
    assert (jane.username, jane.banned, jane.email_addresses) == ("jane_doe", False, [])
    unknown = clerk.users.get(user_id=user_id(u2.pk))
    assert (unknown.first_name, unknown.email_addresses, unknown.phone_numbers) == (None, [], [])
    assert refused(clerk.users.get, user_id="user_missing") == ("resource_not_found", 404)


def test_the_sdk_reads_the_key_set(clerk, workspace):
    SigningKey.objects.current(workspace)
    (key,) = clerk.jwks.get_jwks().keys
    assert key.kid == SigningKey.objects.get().kid


def test_the_python_sdk_reads_an_error(clerk, user):
    with pytest.raises(ClerkErrors) as missing:
        clerk.sessions.get(session_id="sess_missing")
    assert missing.value.data.errors[0].code == "resource_not_found"
    with pytest.raises(ClerkErrors) as unknown:
        clerk.sessions.create(request={"user_id": "user_missing"})
    assert unknown.value.data.errors[0].long_message == "No user was found with id user_missing."


@pytest.mark.wire("C86")
def test_the_python_sdk_verifies_a_token_by_pem_and_by_key_set(clerk, live_server, api_key, user):
    token = clerk.sessions.create_token(session_id=clerk.sessions.create(request={"user_id": user}).id).jwt
    public = jwt.PyJWK(SigningKey.objects.get().public_jwk).key
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    by_pem = verify_token(token, VerifyTokenOptions(jwt_key=pem))
    by_key_set = verify_token(token, VerifyTokenOptions(secret_key=api_key, api_url=live_server.url))
    assert by_pem == by_key_set
    assert by_pem["sub"] == user
    # With a secret key this SDK always calls Clerk's server; the address is not configurable.
    request = httpx.Request("GET", "https://app.example.com/", headers={"Authorization": f"Bearer {token}"})
    state = authenticate_request(request, AuthenticateRequestOptions(jwt_key=pem))
    assert state.is_signed_in and state.payload == by_pem


@pytest.mark.wire("C88", "C89")
def test_the_python_sdk_gives_the_reason_of_a_refusal(clerk, api_key, live_server, session):
    def reason(token: str, **options: Any) -> TokenVerificationErrorReason:
        with pytest.raises(TokenVerificationError) as error:
            verify_token(token, VerifyTokenOptions(secret_key=api_key, api_url=live_server.url, **options))
        return error.value.reason

    reasons = TokenVerificationErrorReason
    token = clerk.sessions.create_token(session_id=session.pk).jwt
    away = timezone.now() - timedelta(seconds=66)
    expired = session_token(UserSession.objects.for_minting(at=away).get(), at=away)
    assert reason(token, authorized_parties=["https://a.example"]) == reasons.TOKEN_INVALID_AUTHORIZED_PARTIES
    assert reason(expired) == reasons.TOKEN_EXPIRED
    assert reason(token[:-8] + "AAAAAAAA") == reasons.TOKEN_INVALID_SIGNATURE
