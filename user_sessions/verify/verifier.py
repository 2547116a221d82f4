"""Whether to believe a session token: form, kind, key, signature, claims, addressee, time, in this order."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from user_sessions.verify.claims import SessionClaims, session_claims
from user_sessions.verify.form import Parts, parse
from user_sessions.verify.keys import Keys
from user_sessions.verify.refusals import (
    BadClaim,
    BadSignature,
    Expired,
    NotYetValid,
    PendingSession,
    UnknownKey,
    WrongAlgorithm,
    WrongAudience,
    WrongIssuer,
    WrongKind,
    WrongParty,
)

__all__ = ["Verifier"]

MAX_SKEW = timedelta(seconds=300)

# Header members that tell a session token from everything else the same key signs.
SESSION_TOKEN = {"typ": "JWT", "cat": "cl_B7d4PD111AAA"}


@dataclass(frozen=True, kw_only=True)
class Verifier:
    """What a service believes. Make one and keep it; threads may share it.

    ``issuer`` is the frontend API of the workspace, letter by letter. With ``authorized_parties`` a token must come
    from one of these origins, so one that a backend asked for is refused. ``audience`` must be among those that the
    token names; without it a token that names any is refused (RFC 7519, section 4.1.3). ``skew`` is how far this clock
    and the server's may be apart.
    """

    keys: Keys
    issuer: str
    authorized_parties: Collection[str] = ()
    audience: str | None = None
    skew: timedelta = timedelta(seconds=5)
    accept_pending: bool = False

    def __post_init__(self) -> None:
        if not self.issuer:
            raise ValueError("issuer is empty")
        if isinstance(self.authorized_parties, str):
            raise ValueError("authorized_parties is a collection of origins")
        if not timedelta(0) <= self.skew <= MAX_SKEW:
            raise ValueError(f"skew is not within {MAX_SKEW}")

    def verify(self, token: str, *, at: datetime | None = None) -> SessionClaims:
        """Raises TokenRejected, a subclass for each reason, and KeysUnavailable if no key could be had."""
        claims = self.authentic(token)
        self._check_addressee(claims)
        self.check_time(claims, at=at or datetime.now(UTC))
        if claims.status == "pending" and not self.accept_pending:
            raise PendingSession
        return claims

    def authentic(self, token: str) -> SessionClaims:
        """What a session token of the issuer says, whoever it is for and whether or not its time is over."""
        parts = parse(token)
        if any(parts.header.get(name) != value for name, value in SESSION_TOKEN.items()):
            raise WrongKind
        self._check_signature(parts)
        claims = session_claims(parts.payload)
        if claims.issuer != self.issuer:
            raise WrongIssuer
        return claims

    def check_time(self, claims: SessionClaims, *, at: datetime) -> None:
        """Raises Expired or NotYetValid."""
        if claims.expires_at <= at - self.skew:
            raise Expired
        if max(claims.not_before, claims.issued_at) > at + self.skew:
            raise NotYetValid

    def _check_signature(self, parts: Parts) -> None:
        key = self.keys.key_for(parts.kid)
        if key is None:
            raise UnknownKey
        if parts.header.get("alg") != key.algorithm:
            raise WrongAlgorithm
        if not key.has_signed(parts.signed, parts.signature):
            raise BadSignature

    def _check_addressee(self, claims: SessionClaims) -> None:
        if self.authorized_parties and claims.authorized_party not in self.authorized_parties:
            raise WrongParty
        if "aud" in claims.claims or self.audience is not None:
            self._check_audience(claims.claims.get("aud", []))

    def _check_audience(self, audiences: object) -> None:
        named = [audiences] if isinstance(audiences, str) else audiences
        if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
            raise BadClaim("aud")
        if self.audience not in named:
            raise WrongAudience
