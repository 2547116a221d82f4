"""Which keys of a key set or a PEM file are used."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from tests.embedded import embedded
from tests.fuzz import fuzz, values
from tests.user_sessions.test_verify import JWKS, PRIVATE, jwk, pem, token, verify
from user_sessions.verify import KeySet, UnknownKey, VerificationKey

pytestmark = embedded

WEAK = rsa.generate_private_key(65537, 1024)
P384 = ec.generate_private_key(ec.SECP384R1())
LEFT_OUT = [
    {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": "RS256", "use": "sig"},
    {"kty": "oct", "k": "c2VjcmV0", "alg": "RS256", "kid": "RS256", "use": "sig"},
    jwk("RS256", use="enc"),
    jwk("RS256", use=None),
    jwk("RS256", alg="RS384"),
    jwk("RS256", alg="none"),
    jwk("RS256", alg=None),
    jwk("RS256", alg=["RS256"]),
    jwk("RS256", alg="ES256"),
    jwk("RS256", kty="EC"),
    jwk("RS256", kid=None),
    jwk("RS256", kid=["RS256"]),
    jwk("RS256", d="AQAB"),
    jwk("RS256", n=1),
    jwk("RS256", n="%"),
    jwk("RS256", e="AQ"),
    jwk("RS256", WEAK),
    jwk("ES256", d="AQAB"),
    jwk("ES256", crv="P-384"),
    jwk("ES256", x=jwk("ES256")["y"]),
    jwk("ES256", P384),
    jwk("EdDSA", crv="Ed448"),
    jwk("EdDSA", ed448.Ed448PrivateKey.generate()),
    {key: value for key, value in jwk("RS256").items() if key != "alg"},
    {key: value for key, value in jwk("RS256").items() if key != "n"},
    "RS256",
    None,
]


@pytest.mark.parametrize("other", LEFT_OUT)
def test_an_unsuitable_key_is_skipped_and_the_others_stay(other):
    keys = KeySet.from_jwks({"keys": [other, jwk("ES256", kid="good")]})
    assert list(keys.by_kid) == ["good"]


def test_the_use_of_a_key_is_optional():
    keys = KeySet.from_jwks({"keys": [{name: value for name, value in jwk("RS256").items() if name != "use"}]})
    assert verify(token(), keys=keys)


@pytest.mark.parametrize("jwks", [None, [], "keys", {}, {"keys": None}, {"keys": {}}, {"keys": "x"}])
def test_an_invalid_key_set_is_refused(jwks):
    with pytest.raises(ValueError):
        KeySet.from_jwks(jwks)


@fuzz
@given(members=st.dictionaries(st.sampled_from(["kid", "alg", "kty", "use", "n", "e", "x", "y", "crv"]), values))
def test_any_member_of_a_key_is_used_or_ignored(members):
    KeySet.from_jwks({"keys": [key | members for key in JWKS["keys"]]})


SECRET = PRIVATE["RS256"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("text", "algorithm"),
    [(pem("RS256"), "HS256"), (pem("RS256"), "RS512"), (pem("RS256"), "ES256"), (SECRET, "RS256"), ("", "RS256")],
)
def test_a_pem_must_fit_its_algorithm(text, algorithm):
    with pytest.raises(ValueError):
        KeySet.from_pem(text, algorithm=algorithm)


@pytest.mark.parametrize(("private", "algorithm"), [(WEAK, "RS256"), (P384, "ES256")])
def test_a_weak_key_is_refused(private, algorithm):
    with pytest.raises(ValueError):
        VerificationKey(algorithm, private.public_key())


def test_a_set_without_keys_rejects_every_token():
    with pytest.raises(UnknownKey):
        verify(token(), keys=KeySet.from_jwks({"keys": []}))
