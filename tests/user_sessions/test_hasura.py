"""Tokens for another service: a Hasura template, created and minted with the JavaScript SDK, previewed, and verified by
a program with only PyJWT and the public key."""

import json
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.embedded import sdk
from user_sessions.models import UserSession
from user_sessions.users import user_id

pytestmark = [sdk, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("profiles")]

NAMESPACE = "https://hasura.io/jwt/claims"
CLAIMS = {
    NAMESPACE: {
        "x-hasura-default-role": "{{user.public_metadata.role || 'reader'}}",
        "x-hasura-allowed-roles": ["reader", "{{user.public_metadata.role || user.unsafe_metadata.role || 'guest'}}"],
        "x-hasura-user-id": "{{user.id}}",
        "x-hasura-org-id": "{{org.id || 'none'}}",
        "x-hasura-age": "{{user.public_metadata.age || 7}}",
        "x-hasura-bar": "bar {{user.unsafe_metadata.foo.bar}}",
    },
    "interests": "{{user.public_metadata.profile.interests || 'none'}}",
    "fullName": "{{user.full_name || 'Unknown'}}",
    "emailVerified": "{{user.email_verified}}",
}

VERIFIER = """
import json, sys, jwt
token, key = json.load(sys.stdin)
print(json.dumps(jwt.decode(token, key, algorithms=["ES256"])))
"""


def expected(user):
    is_maria = user.username == "u1"
    return {
        NAMESPACE: {
            "x-hasura-default-role": "reader",
            "x-hasura-allowed-roles": ["reader", "guest"],
            "x-hasura-user-id": user_id(user.pk),
            "x-hasura-org-id": "none",
            "x-hasura-age": 0 if is_maria else 7,
            "x-hasura-bar": "bar 42" if is_maria else "bar null",
        },
        "interests": ["reading", "climbing"] if is_maria else "none",
        "fullName": "Maria Doe" if is_maria else "Unknown",
        "emailVerified": is_maria,
    }


def own(claims):
    """Return the claims that come from the template."""
    return {name: claims[name] for name in CLAIMS}


def verified(token, key):
    """Verify a token with an independent program. Return the claims, or None if it rejects the token."""
    stdin = json.dumps([token, key])
    program = [sys.executable, "-I", "-c", VERIFIER]
    done = subprocess.run(program, input=stdin, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 or "InvalidSignatureError" in done.stderr, done.stderr
    return json.loads(done.stdout or "null")


def public_pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture
def key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def template(javascript_sdk, key):
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    own_key = {"customSigningKey": True, "signingAlgorithm": "ES256", "signingKey": pem}
    return javascript_sdk("make template", template={"name": "hasura", "claims": CLAIMS, "lifetime": 600} | own_key)


@pytest.fixture(params=["u1", "u2"])
def hasura_user(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def session(workspace, hasura_user):
    return UserSession.objects.start(workspace, hasura_user, actor="test")


def test_the_template_is_stored_unchanged_and_its_key_is_not_returned(template):
    assert template["claims"] == CLAIMS
    assert (template["customSigningKey"], template["signingAlgorithm"]) == (True, "ES256")
    assert "PRIVATE" not in json.dumps(template)


def test_a_preview_shows_the_claims_of_the_token(template, backend, session, hasura_user):
    preview = backend.post("v1/jwt_templates/preview", session_id=session.pk, template_id=template["id"]).json()
    assert own(preview["claims"]) == expected(hasura_user)
    assert preview["claims"]["exp"] - preview["claims"]["iat"] == 600


def test_a_token_is_verified_by_a_program_with_the_public_key_alone(
    template, javascript_sdk, backend, session, hasura_user, key
):
    token = javascript_sdk("mint", session=session.pk, template="hasura")["template"]
    claims = verified(token, public_pem(key))
    preview = backend.post("v1/jwt_templates/preview", session_id=session.pk, name="hasura").json()
    assert own(claims) == own(preview["claims"]) == expected(hasura_user)
    assert set(claims) == set(preview["claims"]) == {*CLAIMS, "iss", "sub", "iat", "nbf", "exp", "jti"}
    assert (claims["iss"], claims["sub"]) == ("https://here.example.com", user_id(hasura_user.pk))
    assert verified(token, public_pem(ec.generate_private_key(ec.SECP256R1()))) is None
