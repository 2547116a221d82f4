"""RSA key pairs for signing: made, named, and read back. Where they are kept is not this module's business."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key

__all__ = ["ALGORITHM", "KeyPair", "new_key_pair", "parse"]

ALGORITHM = "RS256"

# Verifiers in the field rebuild the key from a PEM in a way that fits 2048 bits and 65537 only.
BITS = 2048
EXPONENT = 65537


@dataclass(frozen=True)
class KeyPair:
    """``kid`` is the thumbprint of the public key (RFC 7638), ``private`` PKCS #8 in DER."""

    kid: str
    public_jwk: dict[str, str]
    private: bytes

    def __repr__(self) -> str:
        return f"KeyPair({self.kid})"


def new_key_pair() -> KeyPair:
    private = generate_private_key(public_exponent=EXPONENT, key_size=BITS)
    jwk = _jwk(private.public_key())
    kid = _thumbprint(jwk)
    der = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KeyPair(kid=kid, public_jwk={**jwk, "use": "sig", "alg": ALGORITHM, "kid": kid}, private=der)


def parse(private: bytes) -> RSAPrivateKey:
    """The key object. Parsing checks the key and costs as much as a hundred signatures, so keep the result."""
    key = serialization.load_der_private_key(private, password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError(f"{type(key).__name__} does not sign {ALGORITHM}")
    return key


def _jwk(public: RSAPublicKey) -> dict[str, str]:
    """The members that RFC 7638 hashes, in its order."""
    numbers = public.public_numbers()
    return {"e": _base64(_bytes(numbers.e)), "kty": "RSA", "n": _base64(_bytes(numbers.n))}


def _thumbprint(jwk: dict[str, str]) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(f'{{"e":"{jwk["e"]}","kty":"{jwk["kty"]}","n":"{jwk["n"]}"}}'.encode())
    return _base64(digest.finalize())


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
