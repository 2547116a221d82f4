"""Public keys, parsed once, each for one algorithm (RFC 8725, section 3.1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

__all__ = ["KeySet", "Keys", "VerificationKey"]

MIN_RSA_BITS = 2048

ALGORITHMS: dict[str, Algorithm] = {
    "RS256": RSAAlgorithm(RSAAlgorithm.SHA256),
    "ES256": ECAlgorithm(ECAlgorithm.SHA256),
    "EdDSA": OKPAlgorithm(),
}


@dataclass(frozen=True)
class VerificationKey:
    """A public key and its algorithm: RS256, ES256 or EdDSA.

    Raise ValueError for a key that does not fit the algorithm: an RSA key under 2048 bits, a curve other than P-256 or
    Ed25519, or any private key.
    """

    algorithm: str
    public: RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey = field(repr=False)

    def __post_init__(self) -> None:
        if not _suits(self.public, self.algorithm):
            raise ValueError(f"The key is not a public key for {self.algorithm}.")

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        return ALGORITHMS[self.algorithm].verify(message, self.public, signature)


class Keys(Protocol):
    """A source of keys for a verifier."""

    def key_for(self, kid: str | None) -> VerificationKey | None:
        """Return the key with this ``kid``, which is untrusted text, or None."""


@dataclass(frozen=True)
class KeySet:
    """Keys in memory: by id, or one key for every id."""

    by_kid: Mapping[str, VerificationKey]
    for_every_kid: VerificationKey | None = None

    @classmethod
    def from_pem(cls, pem: str | bytes, *, algorithm: str) -> Self:
        """Return a set of one public key in PEM. It ignores the ``kid`` of a token. Raise ValueError."""
        try:
            public: Any = load_pem_public_key(pem.encode() if isinstance(pem, str) else pem)
        except UnsupportedAlgorithm as error:
            raise ValueError("pem has an unsupported key type.") from error
        return cls({}, VerificationKey(algorithm, public))

    @classmethod
    def from_jwks(cls, jwks: object) -> Self:
        """Return the keys of a JWK set (RFC 7517, section 5) that can verify session tokens; skip all others.

        Raise ValueError if ``jwks`` is not a JWK set.
        """
        jwks = jwks.get("keys") if isinstance(jwks, Mapping) else None
        if not isinstance(jwks, list):
            raise ValueError("jwks must be a JWK set: an object with a list of keys.")
        suitable = (jwk for jwk in jwks if isinstance(jwk, dict) and _is_for_signatures(jwk))
        found = ((jwk["kid"], _from_jwk(jwk)) for jwk in suitable)
        return cls({kid: key for kid, key in found if key is not None})

    def key_for(self, kid: str | None) -> VerificationKey | None:
        return self.for_every_kid if kid is None else self.by_kid.get(kid, self.for_every_kid)


def _suits(public: object, algorithm: str) -> bool:
    match algorithm:
        case "RS256":
            return isinstance(public, RSAPublicKey) and public.key_size >= MIN_RSA_BITS
        case "ES256":
            return isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1)
        case "EdDSA":
            return isinstance(public, Ed25519PublicKey)
    return False


def _is_for_signatures(jwk: dict[str, Any]) -> bool:
    """Return True for a public key with an id, for signatures. ``use`` is optional (RFC 7517, section 4.2)."""
    return isinstance(jwk.get("kid"), str) and jwk.get("use", "sig") == "sig" and "d" not in jwk


def _from_jwk(jwk: dict[str, Any]) -> VerificationKey | None:
    try:
        algorithm = jwk["alg"]
        public: Any = ALGORITHMS[algorithm].from_jwk(jwk)
        return VerificationKey(algorithm, public)
    except (InvalidKeyError, UnsupportedAlgorithm, KeyError, TypeError, ValueError):
        return None
