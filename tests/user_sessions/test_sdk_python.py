"""The vendor's own Python SDK, unmodified, over real HTTP."""

from collections.abc import Iterator

import jwt
import pytest
from clerk_backend_api import Clerk
from clerk_backend_api.models import ClerkErrors
from clerk_backend_api.security import VerifyTokenOptions, verify_token
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.contrib.auth import get_user_model

from user_sessions.models import SigningKey
from user_sessions.users import user_id

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clerk(live_server, api_key) -> Iterator[Clerk]:
    with Clerk(bearer_auth=api_key, server_url=f"{live_server.url}/v1") as clerk:
        yield clerk


@pytest.fixture
def user() -> str:
    return user_id(get_user_model().objects.create_user("jane_doe").pk)


def test_a_session_lives_as_the_sdk_says(clerk, live_server, api_key, user):
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


def test_the_sdk_reads_the_key_set(clerk, workspace):
    SigningKey.objects.current(workspace)
    (key,) = clerk.jwks.get_jwks().keys
    assert key.kid == SigningKey.objects.get().kid


def test_the_sdk_knows_an_error(clerk, user):
    with pytest.raises(ClerkErrors) as missing:
        clerk.sessions.get(session_id="sess_missing")
    assert missing.value.data.errors[0].code == "resource_not_found"
    with pytest.raises(ClerkErrors) as nobody:
        clerk.sessions.create(request={"user_id": "user_missing"})
    assert nobody.value.data.errors[0].long_message == "No user was found with id user_missing."


def test_case_86_the_sdk_verifies_with_a_pem_and_with_the_key_set(clerk, live_server, api_key, user):
    token = clerk.sessions.create_token(session_id=clerk.sessions.create(request={"user_id": user}).id).jwt
    public = jwt.PyJWK(SigningKey.objects.get().public_jwk).key
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    by_pem = verify_token(token, VerifyTokenOptions(jwt_key=pem))
    by_key_set = verify_token(token, VerifyTokenOptions(secret_key=api_key, api_url=live_server.url))
    assert by_pem == by_key_set
    assert by_pem["sub"] == user
