"""Verify session tokens in any Python service. Needs ``pyjwt[crypto]``, but neither Django nor the other packages."""

from user_sessions.verify.keys import Keys, KeySet, VerificationKey
from user_sessions.verify.rejections import (
    BadClaim,
    BadSignature,
    Expired,
    KeysUnavailable,
    Malformed,
    MissingClaim,
    NotYetValid,
    PendingSession,
    TokenRejected,
    UnknownKey,
    WrongAlgorithm,
    WrongAudience,
    WrongIssuer,
    WrongKind,
    WrongParty,
)
from user_sessions.verify.remote import JwksUrl
from user_sessions.verify.session_claims import SessionClaims
from user_sessions.verify.verifier import Verifier

__all__ = [
    "BadClaim",
    "BadSignature",
    "Expired",
    "JwksUrl",
    "KeySet",
    "Keys",
    "KeysUnavailable",
    "Malformed",
    "MissingClaim",
    "NotYetValid",
    "PendingSession",
    "SessionClaims",
    "TokenRejected",
    "UnknownKey",
    "VerificationKey",
    "Verifier",
    "WrongAlgorithm",
    "WrongAudience",
    "WrongIssuer",
    "WrongKind",
    "WrongParty",
]
