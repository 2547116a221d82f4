"""Signing keys that a customer supplies for a JWT template: validated when stored, then only parsed.

No error message quotes any part of a key. RFC 7518, section 3; RFC 8725, section 3.5.
"""

import binascii
import json
import re
from base64 import b64decode
from contextlib import suppress

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from user_sessions.keys.key_pairs import PrivateKey

__all__ = ["ALGORITHMS", "KeyRefused", "parse_key", "validate_key"]

# Least bytes of a secret: the length of the hash. Curves have their OpenSSL names.
SECRET_SIZES = {"HS256": 32, "HS384": 48, "HS512": 64}
CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
ALGORITHMS = (*SECRET_SIZES, "RS256", "RS384", "RS512", *CURVES, "EdDSA")

# Most bytes of the given text, and bits of an RSA modulus: with more, one signature takes a second.
MAX_SIZE = 16 * 1024
RSA_BITS = range(2048, 8192 + 1)
MIN_EXPONENT = 65537

_NOT_STORABLE = re.compile(r"[\0\ud800-\udfff]")
_LABEL = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
# How public keys begin: OpenSSL, SSH (RFC 4716 has four dashes and a space) and authorized_keys.
_MARKS = re.compile(rb"----[- ]BEGIN |\A\s*(?:ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-)")


class KeyRefused(ValueError):
    """The key cannot be used for signing; ``code`` is the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def validate_key(signing_key: str, algorithm: str) -> bytes:
    """Return the bytes to store: the secret itself for HMAC, else PKCS #8 in DER. Raise KeyRefused."""
    if algorithm not in ALGORITHMS:
        raise KeyRefused("unsupported_algorithm", f"The algorithm is none of {', '.join(ALGORITHMS)}.")
    if _NOT_STORABLE.search(signing_key):
        raise KeyRefused("not_text", "The key holds a NUL or half a character.")
    data = signing_key.encode()
    if len(data) > MAX_SIZE:
        raise KeyRefused("too_large", f"The key has more than {MAX_SIZE} bytes.")
    return _validate_secret(data, algorithm) if algorithm in SECRET_SIZES else _validate_pem(signing_key, algorithm)


def parse_key(stored: bytes, algorithm: str) -> bytes | PrivateKey:
    """Return the key to sign with. ``stored`` comes from ``validate_key`` for an algorithm that takes the same keys.

    Parsing an RSA key costs as much as a hundred signatures, so cache the result.
    """
    if algorithm in SECRET_SIZES:
        return stored
    return _require_type(serialization.load_der_private_key(stored, password=None), algorithm)


def _validate_secret(secret: bytes, algorithm: str) -> bytes:
    """Return the secret unchanged, blanks included. Refuse public data as a secret, even in Base64."""
    if len(secret) < SECRET_SIZES[algorithm]:
        raise KeyRefused("too_short", f"{algorithm} needs a secret of {SECRET_SIZES[algorithm]} bytes or more.")
    try:
        decoded = b64decode(b"".join(secret.split()), validate=True)
    except binascii.Error:
        decoded = b""
    if _looks_like_key(secret) or _looks_like_key(decoded):
        raise KeyRefused("not_a_secret", f"{algorithm} needs a secret, and this is a key or a certificate.")
    return secret


def _looks_like_key(data: bytes) -> bool:
    """Return True for a key of OpenSSL or SSH, as text or DER. Any JSON object or array counts as a JSON Web Key."""
    if _MARKS.search(data):
        return True
    try:
        return isinstance(json.loads(data, parse_int=str), dict | list)
    except RecursionError:
        return True
    except ValueError:
        pass
    with suppress(ValueError, UnsupportedAlgorithm):
        serialization.load_der_public_key(data)
        return True
    return False


def _validate_pem(text: str, algorithm: str) -> bytes:
    labels = " ".join(_LABEL.findall(text))
    if "CERTIFICATE" in labels:
        raise KeyRefused("certificate", "This is a certificate; the private key is needed.")
    if "PUBLIC" in labels:
        raise KeyRefused("public_key", "This is a public key; the private key is needed.")
    if labels.count("PRIVATE KEY") != 1:
        raise KeyRefused("unreadable", "One private key is needed, as PEM.")
    pem = text.strip().encode()
    # Validating the primes of a huge key takes long, so check size and type first.
    _require_type(_load_pem(pem, unsafe_skip_rsa_key_validation=True), algorithm)
    return _load_pem(pem).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load_pem(pem: bytes, **options: bool) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(pem, password=None, **options)
    except TypeError:
        raise KeyRefused("encrypted", "The key is encrypted; it is needed without a passphrase.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused("unreadable", "This is no private key that can be read.") from None


def _require_type(key: PrivateKeyTypes, algorithm: str) -> PrivateKey:
    """Return the key if the algorithm accepts it. Raise KeyRefused otherwise."""
    if algorithm in CURVES:
        if isinstance(key, EllipticCurvePrivateKey) and key.curve.name == CURVES[algorithm]:
            return key
        raise KeyRefused("wrong_type", f"{algorithm} needs a key on the curve {CURVES[algorithm]}.")
    if algorithm == "EdDSA":
        if isinstance(key, Ed25519PrivateKey):
            return key
        raise KeyRefused("wrong_type", "EdDSA needs an Ed25519 key.")
    if not isinstance(key, RSAPrivateKey):
        raise KeyRefused("wrong_type", f"{algorithm} needs an RSA key.")
    if key.key_size not in RSA_BITS:
        raise KeyRefused("wrong_size", f"An RSA key has {RSA_BITS.start} to {RSA_BITS.stop - 1} bits.")
    exponent = key.public_key().public_numbers().e
    if exponent < MIN_EXPONENT or exponent % 2 == 0:
        raise KeyRefused("weak_exponent", f"The public exponent must be odd and {MIN_EXPONENT} or more.")
    return key
