"""Custom signing keys: which are accepted, and why others are refused."""

import base64
import json
import traceback
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.embedded import embedded
from tests.fuzz import fuzz
from user_sessions.keys.custom_keys import ALGORITHMS, MAX_SIZE, KeyRefused, parse_key, validate_key

pytestmark = embedded

SECRET = "correct horse battery staple: " + "k" * 34
MAKERS: dict[str, Any] = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "RSA 1024": lambda: rsa.generate_private_key(65537, 1024),
    "RSA e=3": lambda: rsa.generate_private_key(3, 2048),
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
    "X25519": x25519.X25519PrivateKey.generate,
    "DSA": lambda: dsa.generate_private_key(2048),
}
KIND = {"RS": "RSA", "ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}
PEM_ALGORITHMS = [algorithm for algorithm in ALGORITHMS if not algorithm.startswith("HS")]


@cache
def key(kind: str) -> Any:
    return MAKERS[kind]()


def kind_for(algorithm: str) -> str:
    return KIND.get(algorithm) or KIND[algorithm[:2]]


def pem(kind: str, form: PrivateFormat = PrivateFormat.PKCS8, passphrase: bytes | None = None) -> str:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    text: bytes = key(kind).private_bytes(Encoding.PEM, form, encryption)
    return text.decode()


def public(
    kind: str, encoding: Encoding = Encoding.PEM, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo
) -> bytes:
    data: bytes = key(kind).public_key().public_bytes(encoding, form)
    return data


@cache
def certificate() -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "example.com")])
    builder = x509.CertificateBuilder(name, name, key("P-256").public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(
        datetime(2040, 1, 1, tzinfo=UTC)
    )
    signed = builder.sign(key("P-256"), SHA256())
    return signed.public_bytes(Encoding.PEM).decode()


def made_up_rsa(bits: int, exponent: int) -> str:
    """Return a PEM with numbers of the right size that are not prime."""

    def der(tag: int, body: bytes) -> bytes:
        length = len(body).to_bytes((len(body).bit_length() + 7) // 8)
        return bytes([tag, 0x80 | len(length)]) + length + body if len(body) > 127 else bytes([tag, len(body)]) + body

    half = (1 << bits // 2) - 1
    numbers = [0, half * half, exponent, half * half - 2, half, half, half - 2, half - 2, half - 2]
    body = b"".join(der(2, number.to_bytes(number.bit_length() // 8 + 1)) for number in numbers)
    text = base64.encodebytes(der(0x30, body)).decode()
    return f"-----BEGIN RSA PRIVATE KEY-----\n{text}-----END RSA PRIVATE KEY-----\n"


def refusal(signing_key: str, algorithm: str) -> str:
    with pytest.raises(KeyRefused) as refused:
        validate_key(signing_key, algorithm)
    return refused.value.code


@pytest.mark.parametrize("algorithm", PEM_ALGORITHMS)
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_private_key_signs_what_its_public_half_verifies(algorithm, form):
    form = PrivateFormat.PKCS8 if algorithm == "EdDSA" else form
    stored = validate_key(pem(kind_for(algorithm), form), algorithm)
    token = jwt.encode({"a": 1}, parse_key(stored, algorithm), algorithm)
    assert jwt.decode(token, public(kind_for(algorithm)), [algorithm]) == {"a": 1}


@pytest.mark.parametrize(("algorithm", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_must_be_at_least_as_long_as_the_hash(algorithm, size):
    stored = validate_key("k" * size, algorithm)
    token = jwt.encode({"a": 1}, parse_key(stored, algorithm), algorithm)
    assert jwt.decode(token, "k" * size, [algorithm]) == {"a": 1}
    assert refusal("k" * (size - 1), algorithm) == "too_short"


@pytest.mark.parametrize(
    "secret",
    [
        *(SECRET, f" {SECRET}\n", "é" * 32, base64.b64encode(bytes(64)).decode(), "0" * 64, f'"{SECRET}"', "{" * 64),
        *("ssh" + SECRET, "MII" + "A" * 61, "sk-proj-" + SECRET, "1e400" + " " * 60, "-" * 64, "BEGIN " * 11),
    ],
)
def test_a_secret_is_stored_unchanged(secret):
    assert validate_key(secret, "HS512") == secret.encode()
    assert jwt.encode({}, parse_key(validate_key(secret, "HS512"), "HS512"), "HS512")


NOT_SECRETS = {
    "public PEM": lambda: public("RSA").decode(),
    "PKCS #1 public PEM": lambda: public("RSA", form=PublicFormat.PKCS1).decode(),
    "private PEM": lambda: pem("P-256"),
    "PEM after blanks": lambda: "\n\n  " + public("P-256").decode(),
    "PEM after text": lambda: "key: " + public("P-256").decode(),
    "PEM on one line": lambda: public("P-256").decode().replace("\n", ""),
    "PEM with its newlines escaped": lambda: public("P-256").decode().replace("\n", "\\n"),
    "PEM in Base64": lambda: base64.b64encode(public("RSA")).decode(),
    "body of a PEM": lambda: "\n".join(public("RSA").decode().splitlines()[1:-1]),
    "DER in Base64": lambda: base64.b64encode(public("P-256", Encoding.DER)).decode(),
    "certificate": certificate,
    "SSH": lambda: public("RSA", Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
    "SSH, elliptic": lambda: "\n" + public("P-256", Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
    "SSH, RFC 4716": lambda: "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA" + "A" * 64,
    "JWK": lambda: json.dumps({"kty": "RSA", "n": "x" * 64, "e": "AQAB"}),
    "symmetric JWK": lambda: ' {"k":"' + "x" * 64 + '", "kty":"oct"}',
    "JWKS": lambda: json.dumps({"keys": [{"kty": "EC", "x": "y" * 64}]}),
    "JWK in Base64": lambda: base64.b64encode(json.dumps({"kty": "EC", "x": "y" * 64}).encode()).decode(),
    "JSON with a long number": lambda: '{"kty": ' + "9" * 5000 + "}",
    "deep JSON": lambda: '{"a":' * 2500 + "1" + "}" * 2500,
}


@pytest.mark.parametrize("name", NOT_SECRETS)
def test_public_data_or_a_key_is_refused_as_a_secret(name):
    assert refusal(NOT_SECRETS[name](), "HS256") == "not_a_secret"


@pytest.mark.parametrize("algorithm", PEM_ALGORITHMS)
@pytest.mark.parametrize("kind", ["RSA", "P-256", "P-384", "P-521", "secp256k1", "Ed25519", "Ed448", "X25519", "DSA"])
def test_a_key_of_another_type_or_curve_is_refused(algorithm, kind):
    if kind != kind_for(algorithm):
        assert refusal(pem(kind), algorithm) == "wrong_type"


REFUSED = {
    "RSA of 1024 bits": ("wrong_size", lambda: pem("RSA 1024")),
    "RSA of 8200 bits": ("wrong_size", lambda: made_up_rsa(8200, 65537)),
    "RSA of 16384 bits": ("wrong_size", lambda: made_up_rsa(16384, 65537)),
    "RSA with exponent 3": ("weak_exponent", lambda: pem("RSA e=3")),
    "RSA of no primes": ("unreadable", lambda: made_up_rsa(2048, 65537)),
    "encrypted PKCS #8": ("encrypted", lambda: pem("RSA", passphrase=b"x")),
    "encrypted PKCS #1": ("encrypted", lambda: pem("RSA", PrivateFormat.TraditionalOpenSSL, b"x")),
    "public": ("public_key", lambda: public("RSA").decode()),
    "public PKCS #1": ("public_key", lambda: public("RSA", form=PublicFormat.PKCS1).decode()),
    "certificate": ("certificate", certificate),
    "certificate and key": ("certificate", lambda: certificate() + pem("RSA")),
    "both halves": ("public_key", lambda: pem("RSA") + public("RSA").decode()),
    "two keys": ("unreadable", lambda: pem("RSA") * 2),
    "SSH": ("unreadable", lambda: public("RSA", Encoding.OpenSSH, PublicFormat.OpenSSH).decode()),
    "private SSH": ("unreadable", lambda: pem("RSA", PrivateFormat.OpenSSH)),
    "JWK": ("unreadable", lambda: json.dumps({"kty": "RSA", "d": "x" * 64})),
    "DER in Base64": ("unreadable", lambda: "".join(pem("RSA").splitlines()[1:-1])),
    "cut off": ("unreadable", lambda: pem("RSA")[:-100]),
    "cut out": ("unreadable", lambda: pem("RSA").replace(pem("RSA")[400:500], "")),
    "a PEM of nothing": ("unreadable", lambda: "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----"),
    "a PEM of something": ("unreadable", lambda: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"),
    "with a NUL": ("not_text", lambda: pem("RSA") + "\0"),
    "with half a character": ("not_text", lambda: pem("RSA") + "\ud800"),
    "with a letter of another script": ("unreadable", lambda: pem("RSA").replace("A", "А")),
    "oversized": ("too_large", lambda: pem("RSA") + "\n" * MAX_SIZE),
    "text": ("unreadable", lambda: SECRET),
    "nothing": ("unreadable", lambda: ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_key_that_does_not_sign_is_refused_with_its_reason(name):
    code, make = REFUSED[name]
    assert refusal(make(), "RS256") == code


@pytest.mark.parametrize("exponent", [1, 2, 65536, 65535])
def test_an_exponent_that_is_even_or_small_is_refused(exponent):
    assert refusal(made_up_rsa(2048, exponent), "RS256") in ("weak_exponent", "unreadable")


@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA"])
@pytest.mark.parametrize(("key_text", "code"), [("k" * 40 + "\0", "not_text"), ("\udfff" * 40, "not_text")])
def test_a_key_that_is_not_text_is_refused(algorithm, key_text, code):
    assert refusal(key_text, algorithm) == code


def test_a_secret_has_a_largest_size():
    assert validate_key("é" * (MAX_SIZE // 2), "HS256")
    assert refusal("é" * (MAX_SIZE // 2) + "k", "HS256") == "too_large"


@pytest.mark.parametrize("algorithm", ["none", "", "hs256", "HS1", "PS256", "ES256K", "RS256 "])
def test_another_algorithm_is_refused(algorithm):
    assert refusal(SECRET, algorithm) == "unsupported_algorithm"


@pytest.mark.parametrize("kind", ["RSA", "P-256", "Ed25519"])
def test_a_pem_may_come_from_any_system_and_with_blanks_around_it(kind):
    algorithm = {"RSA": "RS256", "P-256": "ES256", "Ed25519": "EdDSA"}[kind]
    text = pem(kind)
    for spelling in (text.replace("\n", "\r\n"), f"\n \t{text}\r\n ", text.strip()):
        assert validate_key(spelling, algorithm) == validate_key(text, algorithm)


def test_curve_parameters_before_a_key_are_ignored():
    text = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    traditional = pem("P-256", PrivateFormat.TraditionalOpenSSL)
    assert validate_key(text + traditional, "ES256") == validate_key(pem("P-256"), "ES256")


@pytest.mark.parametrize("algorithm", ["RS256", "HS256"])
@pytest.mark.parametrize("name", sorted(REFUSED.keys() - {"text", "DER in Base64"}))
def test_an_error_message_does_not_quote_the_key(name, algorithm):
    text = REFUSED[name][1]()
    with pytest.raises(KeyRefused) as refused:
        validate_key(text, algorithm)
    reason, cause = refused.value, refused.value.__context__
    said = repr(reason) + repr(vars(reason)) + repr(cause) + "".join(traceback.format_exception_only(cause))
    assert not any(line in said for line in text.splitlines() if len(line) >= 20 and "-----" not in line)
    assert not hasattr(cause, "object") and not hasattr(cause, "doc")


@pytest.mark.parametrize("algorithm", PEM_ALGORITHMS)
def test_a_key_stored_for_another_algorithm_is_parsed_only_where_it_fits(algorithm):
    stored = validate_key(pem("RSA"), "RS256")
    if algorithm.startswith("RS"):
        assert parse_key(stored, algorithm)
    else:
        with pytest.raises(KeyRefused, match=f"{algorithm} needs"):
            parse_key(stored, algorithm)


@fuzz
@given(st.text(st.characters(), max_size=200), st.sampled_from(ALGORITHMS))
def test_garbage_is_refused_or_a_secret(text, algorithm):
    try:
        assert validate_key(text, algorithm) == text.encode()
    except KeyRefused:
        return
    assert jwt.encode({}, parse_key(text.encode(), algorithm), algorithm)


@fuzz
@given(st.binary(max_size=200), st.sampled_from(["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"]), st.data())
def test_a_pem_of_garbage_is_refused(body, label, data):
    algorithm = data.draw(st.sampled_from(PEM_ALGORITHMS))
    text = f"-----BEGIN {label}-----\n{base64.b64encode(body).decode()}\n-----END {label}-----"
    assert refusal(text, algorithm)
