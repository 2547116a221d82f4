"""What goes into a session token: pure functions of facts and time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

__all__ = ["SessionFacts", "session_token_claims"]

# How far before its issue a session token is valid already, for verifiers whose clock is behind.
NOT_BEFORE = timedelta(seconds=10)

NEVER = -1


@dataclass(frozen=True, kw_only=True)
class SessionFacts:
    """What is known of a session when a token is minted for it."""

    issuer: str
    user_id: str
    session_id: str
    status: str
    created_at: datetime
    expire_at: datetime
    actor: Mapping[str, Any] | None


def session_token_claims(facts: SessionFacts, *, at: datetime, lifetime: timedelta, token_id: str) -> dict[str, Any]:
    """Claims of a session token, version 2; times in seconds since the epoch (RFC 7519, section 4.1).

    The token never outlives its session. ``fva`` is minutes since the first and second factor were verified.
    """
    issued = int(at.timestamp())
    claims = {
        "iss": facts.issuer,
        "sub": facts.user_id,
        "sid": facts.session_id,
        "iat": issued,
        "nbf": issued - int(NOT_BEFORE.total_seconds()),
        "exp": min(issued + int(lifetime.total_seconds()), int(facts.expire_at.timestamp())),
        "jti": token_id,
        "sts": facts.status,
        "fva": [int((at - facts.created_at) / timedelta(minutes=1)), NEVER],
        "v": 2,
    }
    return claims if facts.actor is None else {**claims, "act": dict(facts.actor)}
