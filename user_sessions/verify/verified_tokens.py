"""The tokens that a verifier accepted lately, so that a token that comes again costs no second signature check."""

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from threading import Lock
from typing import Any, NamedTuple

from user_sessions.verify.form import MAX_CHARACTERS
from user_sessions.verify.keys import VerificationKey
from user_sessions.verify.rejections import Malformed
from user_sessions.verify.session_claims import SessionClaims

__all__ = ["Verified", "VerifiedTokens", "digest_of"]

# Tokens that one verifier remembers, about half a MiB. The least recently used one is dropped first.
MOST = 256

CONTAINERS = (dict, list)


class Verified(NamedTuple):
    """The claims of a token, the key that signed it, and the names of the claims that are objects or arrays."""

    claims: SessionClaims
    key: VerificationKey
    containers: Sequence[str]

    @classmethod
    def of(cls, claims: SessionClaims, key: VerificationKey) -> "Verified":
        return cls(claims, key, [name for name, value in claims.claims.items() if isinstance(value, CONTAINERS)])

    def claims_of_caller(self) -> SessionClaims:
        """Return a copy that shares no container with others, so that no caller changes what the next one gets."""
        payload = {**self.claims.claims}
        for name in self.containers:
            payload[name] = _copied(payload[name])
        claims = object.__new__(SessionClaims)
        values = vars(claims)
        values |= vars(self.claims)
        values["claims"], values["impersonator"] = payload, payload.get("act")
        return claims


class VerifiedTokens:
    """Verified tokens by their digest. Threads can share it.

    An entry proves only that its key has signed the token: origin, audience, time and key are checked on every use.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_digest: OrderedDict[bytes, Verified] = OrderedDict()

    def get(self, digest: bytes) -> Verified | None:
        with self._lock:
            verified = self._by_digest.get(digest)
            if verified is not None:
                self._by_digest.move_to_end(digest)
        return verified

    def add(self, digest: bytes, verified: Verified) -> None:
        with self._lock:
            self._by_digest[digest] = verified
            self._by_digest.move_to_end(digest)
            if len(self._by_digest) > MOST:
                self._by_digest.popitem(last=False)


def digest_of(token: object) -> bytes:
    """Return SHA-256 of the text of a token. Raise Malformed for a value that is not the text of any token."""
    if not isinstance(token, str) or len(token) > MAX_CHARACTERS or not token.isascii():
        raise Malformed
    return sha256(token.encode()).digest()


def _copied(value: Any) -> Any:
    """Return a copy of a JSON value."""
    if isinstance(value, list):
        return [_copied(inner) if isinstance(inner, CONTAINERS) else inner for inner in value]
    return {name: _copied(inner) if isinstance(inner, CONTAINERS) else inner for name, inner in value.items()}
