"""JSON shapes of the Frontend API. Times are milliseconds since the epoch."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from user_sessions.clerk import shapes
from user_sessions.clerk.shapes import latest_activity, milliseconds, token_object, user_object
from user_sessions.models import Client, SignIn, UserSession
from user_sessions.passwords import can_have_password
from user_sessions.tokens.claims import factor_verification_age
from user_sessions.users import sign_in_identifiers

__all__ = [
    "client_object",
    "session_object",
    "session_with_activity",
    "sign_in_object",
    "verification_object",
]

# The only factor that this API verifies.
PASSWORD = {"strategy": "password"}


def session_object(session: UserSession, *, at: datetime, token: str | None) -> dict[str, Any]:
    """Return a session with its user; ``token`` is an attached session token."""
    return _with_token(session, at=at, token=token) | {
        "user": (user := user_object(session.user)),
        "public_user_data": _public_user_data(user),
        "factor_verification_age": factor_verification_age(session.verified_at, at=at),
    }


def session_with_activity(session: UserSession, *, at: datetime, token: str | None) -> dict[str, Any]:
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
    is_open = sign_in is not None and sign_in.status_at(at) == SignIn.Status.NEEDS_FIRST_FACTOR
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
    return {
        "object": "sign_in_attempt",
        "id": sign_in.id,
        "status": status,
        "supported_identifiers": sign_in_identifiers(),
        "supported_first_factors": [PASSWORD] if needs_password else [],
        "supported_second_factors": None,
        "first_factor_verification": None,
        "second_factor_verification": None,
        "identifier": sign_in.identifier or None,
        "user_data": None,
        "created_session_id": sign_in.created_session_id,
        "abandon_at": milliseconds(sign_in.abandon_at),
    }


def verification_object(id: str, session: dict[str, Any], *, is_complete: bool) -> dict[str, Any]:
    """Return a reverification. Its level is always the first factor, whatever the caller requested."""
    verified = {"object": "verification_password", "status": "verified", **PASSWORD, "attempts": 1, "expire_at": None}
    return {
        "object": "session_reverification",
        "id": id,
        "level": "first_factor",
        "status": "complete" if is_complete else "needs_first_factor",
        "supported_first_factors": None if is_complete else [PASSWORD],
        "supported_second_factors": None,
        "first_factor_verification": verified if is_complete else None,
        "second_factor_verification": None,
        "session": session,
    }


def _with_token(session: UserSession, *, at: datetime, token: str | None) -> dict[str, Any]:
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
