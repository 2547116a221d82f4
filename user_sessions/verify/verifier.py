"""Verify a session token: form, kind, key, signature, claims, origin and audience, time, in this order."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from user_sessions.verify.form import Parts, parse
from user_sessions.verify.keys import Keys, VerificationKey
from user_sessions.verify.rejections import (
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
from user_sessions.verify.session_claims import SessionClaims, session_claims
from user_sessions.verify.verified_tokens import Verified, VerifiedTokens, digest_of

__all__ = ["Verifier"]

MAX_SKEW = timedelta(seconds=300)

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)

# A scheme and a host, as browsers send them in Origin. ``azp`` never contains anything else.
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\sA-Z]+|null")

# Header members that distinguish a session token from other tokens of the same key.
SESSION_TOKEN = {"typ": "JWT", "cat": "cl_B7d4PD111AAA"}


@dataclass(frozen=True, kw_only=True)
class Verifier:
    """Verifies the session tokens of one workspace. Create one instance and reuse it; threads can share it.

    It remembers the tokens that it verified lately: the signature of a token that comes again is not checked twice, all
    else is.

    ``issuer`` is exactly the frontend API of the workspace. With ``authorized_parties`` a token must come from a page
    of one of these origins, so a token that a backend requested is rejected. ``audience`` must be one of the token's
    audiences; without it a token that has any is rejected (RFC 7519, section 4.1.3). ``skew`` is the tolerated clock
    difference.
    """

    keys: Keys
    issuer: str
    authorized_parties: Collection[str] = ()
    audience: str | None = None
    skew: timedelta = timedelta(seconds=5)
    accept_pending: bool = False
    _verified: VerifiedTokens = field(default_factory=VerifiedTokens, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _is_text(self.issuer) or self.issuer.endswith("/"):
            raise ValueError("issuer must be the frontend API of the workspace, as a string without a trailing slash.")
        if isinstance(self.authorized_parties, str) or not isinstance(self.authorized_parties, Collection):
            raise ValueError("authorized_parties must be a collection of origins, such as a list.")
        if not all(_is_text(party) and ORIGIN.fullmatch(party) for party in self.authorized_parties):
            raise ValueError("authorized_parties must be origins, such as https://app.example.com, without a path.")
        if self.audience is not None and not _is_text(self.audience):
            raise ValueError("audience must be one string. Leave it out to reject tokens that have an audience.")
        skew: object = self.skew
        if not isinstance(skew, timedelta) or not timedelta(0) <= skew <= MAX_SKEW:
            raise ValueError(f"skew must be a timedelta between 0 and {MAX_SKEW}.")
        if not isinstance(self.accept_pending, bool):
            raise ValueError("accept_pending must be True or False.")
        if not callable(getattr(self.keys, "key_for", None)):
            raise ValueError("keys must have a method key_for, such as KeySet and JwksUrl.")

    def verify(self, token: str, *, at: datetime | None = None) -> SessionClaims:
        """Return the claims of a valid token.

        Raise a subclass of TokenRejected for each reason, KeysUnavailable if the keys cannot be fetched, and ValueError
        for an ``at`` that ``check_time`` refuses.
        """
        at = datetime.now(UTC) if at is None else _moment(at)
        claims = self.authentic(token)
        self._check_recipient(claims)
        self._check_time(claims, at)
        if claims.status == "pending" and not self.accept_pending:
            raise PendingSession
        return claims

    def authentic(self, token: str) -> SessionClaims:
        """Return the claims of an authentic token of the issuer, without checking origin, audience and time."""
        digest = digest_of(token)
        verified = self._verified.get(digest)
        if verified is None or self.keys.key_for(verified.claims.key_id) is not verified.key:
            verified = self._verify(token)
            self._verified.add(digest, verified)
        return verified.claims_of_caller()

    def check_time(self, claims: SessionClaims, *, at: datetime) -> None:
        """Raise Expired or NotYetValid. Raise ValueError for an ``at`` without a time zone or outside 1970 to 9000."""
        self._check_time(claims, _moment(at))

    def _check_time(self, claims: SessionClaims, at: datetime) -> None:
        if claims.expires_at <= at - self.skew:
            raise Expired
        latest_start = at + self.skew
        if claims.not_before > latest_start or claims.issued_at > latest_start:
            raise NotYetValid

    def _verify(self, token: str) -> Verified:
        """Verify the signature and the issuer."""
        parts = parse(token)
        if not SESSION_TOKEN.items() <= parts.header.items():
            raise WrongKind
        key = self._signing_key(parts)
        claims = session_claims(parts.payload, key_id=parts.kid)
        if claims.issuer != self.issuer:
            raise WrongIssuer
        return Verified.of(claims, key)

    def _signing_key(self, parts: Parts) -> VerificationKey:
        """Return the key that signed the token."""
        key = self.keys.key_for(parts.kid)
        if key is None:
            raise UnknownKey
        if parts.header.get("alg") != key.algorithm:
            raise WrongAlgorithm
        if not key.has_signed(parts.signed, parts.signature):
            raise BadSignature
        return key

    def _check_recipient(self, claims: SessionClaims) -> None:
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


def _moment(at: datetime) -> datetime:
    """Check ``at`` like ``sessions_core.moments``, which this package must not import. Raise ValueError."""
    given: object = at
    if not isinstance(given, datetime) or given.utcoffset() is None:
        raise ValueError("at must be a datetime with a time zone, such as datetime.now(UTC).")
    if not EARLIEST <= given <= LATEST:
        raise ValueError(f"at must be between the years {EARLIEST.year} and {LATEST.year}.")
    return at


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
