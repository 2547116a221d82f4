"""Tokens that only this server reads, signed with its own symmetric keys."""

from jwt.algorithms import HMACAlgorithm

from sessions_core.crypto.tokens import DerivedKey
from user_sessions.verify import TokenRejected
from user_sessions.verify.form import Parts, parse

OWN_ALGORITHM = "HS256"


def own_parts(text: str, purpose: DerivedKey) -> Parts | None:
    """Return the parts of a token that this server signed for this purpose, or None."""
    try:
        parts = parse(text)
    except TokenRejected:
        return None
    key = purpose.get(parts.kid or "")
    if key is None or parts.header.get("alg") != OWN_ALGORITHM:
        return None
    is_ours = HMACAlgorithm(HMACAlgorithm.SHA256).verify(parts.signed, key, parts.signature)
    return parts if is_ours else None
