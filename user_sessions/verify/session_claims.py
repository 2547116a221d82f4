"""Parse the claims of a session token and check their types and ranges. The verifier decides if they are valid."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from user_sessions.verify.rejections import BadClaim, MissingClaim

__all__ = ["SessionClaims", "session_claims"]

# Seconds since the epoch: the maximum of a datetime.
LATEST = 253_402_300_799
NEVER = -1
STATUSES = ("active", "pending")


@dataclass(frozen=True, kw_only=True)
class SessionClaims:
    """The user, the session and how they signed in. Version 1 of the claims has no status.

    Use ``token_id`` or ``session_id`` in a denylist, never the text of a token: ECDSA allows two signatures of one
    message.
    """

    user_id: str
    session_id: str
    token_id: str
    issuer: str
    issued_at: datetime
    not_before: datetime
    expires_at: datetime
    status: str | None
    impersonator: Mapping[str, Any] | None
    """Who impersonates the user."""
    authorized_party: str | None
    """The origin of the page that requested the token."""
    first_factor_age: timedelta | None
    """Time from the verification of the first factor to the issue of the token; None if unknown or never verified."""
    second_factor_age: timedelta | None
    claims: Mapping[str, Any] = field(repr=False)
    """All claims, as in the token."""
    key_id: str | None = None
    """The id of the key that signed the token."""


def session_claims(payload: Mapping[str, Any], *, key_id: str | None = None) -> SessionClaims:
    """Return the checked claims. Raise MissingClaim or BadClaim with the name of the claim."""
    first, second = _factor_ages(payload)
    return SessionClaims(
        user_id=_text(payload, "sub"),
        session_id=_text(payload, "sid"),
        token_id=_text(payload, "jti"),
        issuer=_text(payload, "iss"),
        issued_at=_time(payload, "iat"),
        not_before=_time(payload, "nbf"),
        expires_at=_time(payload, "exp"),
        status=_status(payload),
        impersonator=_impersonator(payload),
        authorized_party=_text(payload, "azp") if "azp" in payload else None,
        first_factor_age=first,
        second_factor_age=second,
        claims=payload,
        key_id=key_id,
    )


def _required(payload: Mapping[str, Any], name: str) -> Any:
    try:
        return payload[name]
    except KeyError:
        raise MissingClaim(name) from None


def _text(payload: Mapping[str, Any], name: str) -> str:
    value = _required(payload, name)
    if not isinstance(value, str) or not value:
        raise BadClaim(name)
    return value


def _time(payload: Mapping[str, Any], name: str) -> datetime:
    seconds = _required(payload, name)
    if not _is_number(seconds) or not 0 <= seconds <= LATEST:
        raise BadClaim(name)
    return datetime.fromtimestamp(seconds, UTC)


def _is_number(value: object) -> bool:
    """Return True for an int, but not for a bool or a float."""
    return type(value) is int


def _status(payload: Mapping[str, Any]) -> str | None:
    if "v" not in payload:
        if "sts" in payload:
            raise BadClaim("sts")
        return None
    if not _is_number(payload["v"]) or payload["v"] != 2:
        raise BadClaim("v")
    status = _text(payload, "sts")
    if status not in STATUSES:
        raise BadClaim("sts")
    return status


def _impersonator(payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    impersonator = payload.get("act")
    if "act" in payload and not isinstance(impersonator, dict):
        raise BadClaim("act")
    return impersonator


def _factor_ages(payload: Mapping[str, Any]) -> tuple[timedelta | None, timedelta | None]:
    ages = payload.get("fva", [NEVER, NEVER])
    if not isinstance(ages, list) or len(ages) != 2:
        raise BadClaim("fva")
    return _factor_age(ages[0]), _factor_age(ages[1])


def _factor_age(minutes: Any) -> timedelta | None:
    if not _is_number(minutes) or not NEVER <= minutes <= LATEST:
        raise BadClaim("fva")
    return None if minutes == NEVER else timedelta(minutes=minutes)
