"""Build the claims of a token: pure functions of facts and time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from user_sessions.templating.shortcodes import RESERVED, RESERVED_IN_SESSION_TOKENS
from user_sessions.verify.session_claims import NEVER

__all__ = [
    "SessionFacts",
    "factor_verification_age",
    "is_audience",
    "session_token_claims",
    "template_token_claims",
    "ticket_claims",
]

# ``nbf`` is this much before ``iat``, for verifiers with a slow clock.
NOT_BEFORE = timedelta(seconds=10)

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class SessionFacts:
    """The facts about a session that go into its tokens. ``authorized_party`` is the origin of the calling page, or
    None."""

    issuer: str
    user_id: str
    session_id: str
    status: str
    verified_at: datetime
    second_factor_at: datetime | None
    expire_at: datetime
    impersonator: Mapping[str, Any] | None
    authorized_party: str | None = None


def session_token_claims(
    facts: SessionFacts,
    *,
    at: datetime,
    lifetime: timedelta,
    token_id: str,
    version: int = 2,
    own: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the claims of a session token; times in seconds since the epoch (RFC 7519, section 4.1).

    ``fva`` is minutes since the first and second factor were verified. Version 1 leaves out ``sts`` and ``v``.
    """
    return {
        **_registered(facts, at=at, lifetime=lifetime, skew=NOT_BEFORE, token_id=token_id),
        "sid": facts.session_id,
        "fva": factor_verification_age(facts.verified_at, facts.second_factor_at, at=at),
        **({"sts": facts.status, "v": version} if version > 1 else {}),
        **({"act": dict(facts.impersonator)} if facts.impersonator is not None else {}),
        **_unreserved(own or {}, RESERVED_IN_SESSION_TOKENS),
    }


def template_token_claims(
    facts: SessionFacts,
    *,
    at: datetime,
    lifetime: timedelta,
    skew: timedelta,
    token_id: str,
    own: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the claims of a token from a template: the template's claims and the registered ones."""
    return {**_registered(facts, at=at, lifetime=lifetime, skew=skew, token_id=token_id), **_unreserved(own, RESERVED)}


def ticket_claims(
    *, workspace_id: str, ticket_id: str, kind: str, lifetime: timedelta, end: datetime
) -> dict[str, Any]:
    """Return the claims of a ticket: its workspace, id, kind and lifetime in seconds."""
    return {
        "eis": int(lifetime.total_seconds()),
        "exp": int(end.timestamp()),
        "iid": workspace_id,
        "sid": ticket_id,
        "st": kind,
    }


def factor_verification_age(verified_at: datetime, second_factor_at: datetime | None, *, at: datetime) -> list[int]:
    """Return the minutes since the first and second factor were verified. The second is NEVER without a time."""
    second = NEVER if second_factor_at is None else _minutes_since(second_factor_at, at)
    return [_minutes_since(verified_at, at), second]


def _minutes_since(then: datetime, at: datetime) -> int:
    return max((at - then) // MINUTE, 0)


def is_audience(value: Any) -> bool:
    """Return True for a valid ``aud``: a string, or a list of strings (RFC 7519, section 4.1.3)."""
    return all(isinstance(name, str) for name in (value if isinstance(value, list) else [value]))


def _registered(
    facts: SessionFacts, *, at: datetime, lifetime: timedelta, skew: timedelta, token_id: str
) -> dict[str, Any]:
    """Return the claims that only the server sets. The token never outlives its session."""
    issued = int(at.timestamp())
    return {
        "iss": facts.issuer,
        "sub": facts.user_id,
        "iat": issued,
        "nbf": issued - int(skew.total_seconds()),
        "exp": min(issued + int(lifetime.total_seconds()), int(facts.expire_at.timestamp())),
        "jti": token_id,
        **({"azp": facts.authorized_party} if facts.authorized_party else {}),
    }


def _unreserved(claims: Mapping[str, Any], reserved: frozenset[str]) -> dict[str, Any]:
    """Return the claims without reserved ones. Saving refuses those too; this also covers rows written directly."""
    return {name: value for name, value in claims.items() if name.casefold() not in reserved}
