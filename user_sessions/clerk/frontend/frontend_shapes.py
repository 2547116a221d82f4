"""JSON shapes of the Frontend API. Times are milliseconds since the epoch."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from user_sessions.clerk import shapes
from user_sessions.clerk.shapes import latest_activity, milliseconds, token_object, user_object
from user_sessions.models import Client, SignIn, UserSession
from user_sessions.models.reverification import Factors
from user_sessions.models.session_rows import SessionRow
from user_sessions.passwords import can_have_password
from user_sessions.second_factors import FactorKind
from user_sessions.tokens.claims import factor_verification_age
from user_sessions.users import sign_in_identifiers

__all__ = [
    "LEVELS",
    "STRATEGIES",
    "client_object",
    "session_object",
    "session_with_activity",
    "sign_in_object",
    "verification_object",
]

# The only first factor that this API verifies.
PASSWORD = {"strategy": "password"}

# Clerk's words for second factors, and for what a reverification asks for.
STRATEGIES = {"totp": FactorKind.TOTP, "backup_code": FactorKind.RECOVERY_CODE}
LEVELS = {"first_factor": Factors.FIRST, "second_factor": Factors.SECOND, "multi_factor": Factors.BOTH}

SIGNING_IN = (SignIn.Status.NEEDS_FIRST_FACTOR, SignIn.Status.NEEDS_SECOND_FACTOR)


def session_object(session: UserSession, *, at: datetime, token: str | None) -> dict[str, Any]:
    """Return a session with its user; ``token`` is an attached session token."""
    return _with_token(session, at=at, token=token) | {
        "user": (user := user_object(session.user)),
        "public_user_data": _public_user_data(user),
        "factor_verification_age": factor_verification_age(session.verified_at, session.second_factor_at, at=at),
    }


def session_with_activity(session: SessionRow, *, at: datetime, token: str | None) -> dict[str, Any]:
    return _with_token(session, at=at, token=token) | latest_activity(session)


def client_object(
    client: Client,
    sessions: Sequence[UserSession],
    active: UserSession | None,
    *,
    at: datetime,
    sign_in: SignIn | None,
    tokens: Mapping[str, str | None],
) -> dict[str, Any]:
    """Return a client with its listed sessions and the active one; ``tokens`` maps session ids to session tokens."""
    is_open = sign_in is not None and sign_in.status_at(at) in SIGNING_IN
    return {
        "object": "client",
        "id": client.pk,
        "sessions": [session_object(session, at=at, token=tokens[session.pk]) for session in sessions],
        "sign_in": sign_in_object(sign_in, at=at) if sign_in and is_open else None,
        "sign_up": None,
        "last_active_session_id": active and active.pk,
        "last_authentication_strategy": None,
        "cookie_expires_at": None,
        "captcha_bypass": False,
        "created_at": milliseconds(client.created_at),
        "updated_at": milliseconds(client.updated_at),
    }


def sign_in_object(sign_in: SignIn, *, at: datetime) -> dict[str, Any]:
    """Return a sign-in attempt. It contains only what the user typed, because they are not authenticated yet."""
    status = sign_in.status_at(at)
    needs_password = status == SignIn.Status.NEEDS_FIRST_FACTOR and can_have_password(sign_in.user)
    needs_code = status == SignIn.Status.NEEDS_SECOND_FACTOR
    return {
        "object": "sign_in_attempt",
        "id": sign_in.id,
        "status": status,
        "supported_identifiers": sign_in_identifiers(),
        "supported_first_factors": [PASSWORD] if needs_password else [],
        "supported_second_factors": _strategies(sign_in.second_factors) if needs_code else None,
        "first_factor_verification": _verified("password") if needs_code else None,
        "second_factor_verification": None,
        "identifier": sign_in.identifier or None,
        "user_data": None,
        "created_session_id": sign_in.created_session_id,
        "abandon_at": milliseconds(sign_in.abandon_at),
    }


def verification_object(
    session: UserSession, shown: dict[str, Any], *, factors: Iterable[str], strategy: str = ""
) -> dict[str, Any]:
    """Return the reverification of a session; ``shown`` is the session object.

    ``factors`` are the second factors that the user can enter, and ``strategy`` is the one that they did enter. The
    level is the one that applies to this user, whatever the caller requested.
    """
    missing, asked = session.missing_factor, session.reverification_factors
    has_first, has_second = asked != Factors.SECOND, asked != Factors.FIRST
    return {
        "object": "session_reverification",
        "id": session.reverification_id,
        "level": next(level for level, factors in LEVELS.items() if factors == asked),
        "status": f"needs_{missing}_factor" if missing else "complete",
        "supported_first_factors": [PASSWORD] if missing == Factors.FIRST else None,
        "supported_second_factors": _strategies(factors) if missing and has_second else None,
        "first_factor_verification": _verified("password") if has_first and missing != Factors.FIRST else None,
        "second_factor_verification": _verified(strategy) if has_second and not missing else None,
        "session": shown,
    }


def _strategies(factors: Iterable[str]) -> list[dict[str, Any]]:
    kinds = set(factors)
    return [{"strategy": strategy} for strategy, kind in STRATEGIES.items() if kind in kinds]


def _verified(strategy: str) -> dict[str, Any]:
    return {
        "object": f"verification_{strategy}",
        "status": "verified",
        "strategy": strategy,
        "attempts": 1,
        "expire_at": None,
    }


def _with_token(session: UserSession | SessionRow, *, at: datetime, token: str | None) -> dict[str, Any]:
    return shapes.session_object(session, at=at) | {"last_active_token": token_object(token) if token else None}


def _public_user_data(user: dict[str, Any]) -> dict[str, Any]:
    """Return the public part of a user object."""
    names = ("first_name", "last_name", "image_url", "has_image", "profile_image_url", "username", "banned")
    addresses = [address["email_address"] for address in user["email_addresses"]]
    return {name: user[name] for name in names} | {
        "identifier": next(iter(addresses), None) or user["username"] or user["id"],
        "user_id": user["id"],
        "deprovisioned": False,
    }
