"""Generate key pairs for signing, name them and parse them. Storage is the model's task."""

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

__all__ = ["KeyPair", "PrivateKey", "new_key_pair", "parse"]

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

# Some verifiers rebuild an RSA key from a PEM in a way that works for 2048 bits and 65537 only.
BITS = 2048
EXPONENT = 65537

P256_BYTES = 32


@dataclass(frozen=True)
class KeyPair:
    """``kid`` is the thumbprint of the public key (RFC 7638), ``private`` PKCS #8 in DER."""

    kid: str
    public_jwk: dict[str, str]
    private: bytes

    def __repr__(self) -> str:
        return f"KeyPair({self.kid})"


def new_key_pair(algorithm: str) -> KeyPair:
    """Return a new key pair for RS256, ES256 or EdDSA (Ed25519)."""
    private = _generate(algorithm)
    jwk = _jwk(private)
    kid = _thumbprint(jwk)
    if kid.startswith("-"):  # a shell command would parse it as an option
        return new_key_pair(algorithm)
    der = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KeyPair(kid=kid, public_jwk={**jwk, "use": "sig", "alg": algorithm, "kid": kid}, private=der)


def parse(private: bytes) -> PrivateKey:
    """Return the key object. Parsing validates the key and costs as much as a hundred signatures: cache it."""
    key = serialization.load_der_private_key(private, password=None)
    if not isinstance(key, PrivateKey):
        raise TypeError(f"{type(key).__name__} is not a supported private key.")
    return key


def _generate(algorithm: str) -> PrivateKey:
    match algorithm:
        case "RS256":
            return rsa.generate_private_key(public_exponent=EXPONENT, key_size=BITS)
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
    raise ValueError(f"algorithm must be RS256, ES256 or EdDSA, not {algorithm}.")


def _jwk(private: PrivateKey) -> dict[str, str]:
    """Return the members that RFC 7638 hashes."""
    match private.public_key():
        case rsa.RSAPublicKey() as public:
            numbers = public.public_numbers()
            return {"kty": "RSA", "n": _base64(_bytes(numbers.n)), "e": _base64(_bytes(numbers.e))}
        case ec.EllipticCurvePublicKey() as public:
            point = public.public_numbers()
            x, y = (_base64(number.to_bytes(P256_BYTES)) for number in (point.x, point.y))
            return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        case ed25519.Ed25519PublicKey() as public:
            return {"kty": "OKP", "crv": "Ed25519", "x": _base64(public.public_bytes_raw())}
    raise TypeError(type(private).__name__)


def _thumbprint(jwk: dict[str, str]) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode())
    return _base64(digest.finalize())


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
