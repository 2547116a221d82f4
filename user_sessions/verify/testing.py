"""A fake issuer of session tokens, for the tests of a service that verifies them. Needs no server and no Django."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from jwt.algorithms import ECAlgorithm

from user_sessions.verify.keys import KeySet
from user_sessions.verify.verifier import SESSION_TOKEN, Verifier

__all__ = ["FakeIssuer"]

ALGORITHM = "ES256"


@dataclass(frozen=True, kw_only=True)
class FakeIssuer:
    """Signs session tokens with a key of its own: ``FakeIssuer().token(user_id="user_7")``.

    ``keys`` and ``verifier`` accept these tokens and no others. Two issuers accept none of each other's.
    """

    issuer: str = "https://issuer.test"
    _key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()), repr=False)
    _kid: str = field(default_factory=lambda: f"ins_{uuid.uuid4().hex}", repr=False)

    @property
    def jwks(self) -> dict[str, Any]:
        """The key set as a server publishes it (RFC 7517), for a service that fetches it."""
        jwk = json.loads(ECAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [{**jwk, "kid": self._kid, "use": "sig", "alg": ALGORITHM}]}

    @property
    def keys(self) -> KeySet:
        return KeySet.from_jwks(self.jwks)

    @property
    def verifier(self) -> Verifier:
        """A verifier with the options that need no decision. Make your own from ``keys`` for others."""
        return Verifier(keys=self.keys, issuer=self.issuer)

    def token(
        self,
        *,
        user_id: str = "user_test",
        session_id: str = "sess_test",
        at: datetime | None = None,
        lifetime: timedelta = timedelta(seconds=60),
        claims: Mapping[str, Any] | None = None,
    ) -> str:
        """Return a session token that was issued at this moment, or now. ``claims`` adds or replaces claims; a claim
        that is None is left out."""
        issued = int((datetime.now(UTC) if at is None else at).timestamp())
        usual = {
            "iss": self.issuer,
            "sub": user_id,
            "sid": session_id,
            "jti": uuid.uuid4().hex,
            "iat": issued,
            "nbf": issued - 10,
            "exp": issued + int(lifetime.total_seconds()),
            "fva": [0, -1],
            "sts": "active",
            "v": 2,
        }
        named = {name: value for name, value in {**usual, **(claims or {})}.items() if value is not None}
        header = {**SESSION_TOKEN, "kid": self._kid, "oiat": issued}
        return jwt.encode(named, self._key, algorithm=ALGORITHM, headers=header)
