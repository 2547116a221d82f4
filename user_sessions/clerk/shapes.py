"""JSON shapes of both APIs. Times are milliseconds since the epoch."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from user_sessions.models import UserSession
from user_sessions.models.session_rows import SessionRow
from user_sessions.profiles import UserProfile, profile_of
from user_sessions.users import user_id

__all__ = ["latest_activity", "milliseconds", "plain", "session_object", "token_object", "user_object"]

# Members of phone numbers. A phone is never a second factor here.
PHONE_NUMBER_MEMBERS = {"reserved_for_second_factor": False, "default_second_factor": False}

# Members that the vendor's schemas require of a user, and that Gatepass has nothing for.
NO_OTHER_ACCOUNTS: dict[str, Any] = {
    "web3_wallets": [],
    "passkeys": [],
    "external_accounts": [],
    "saml_accounts": [],
    "enterprise_accounts": [],
    "organization_memberships": [],
}
NO_TOTP = {"totp_enabled": False, "backup_code_enabled": False, "mfa_enabled_at": None, "mfa_disabled_at": None}
NO_LOCKOUT = {"locked": False, "lockout_expires_in_seconds": None, "verification_attempts_remaining": None}


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def session_object(session: UserSession | SessionRow, *, at: datetime) -> dict[str, Any]:
    """Return the common part of a session object, with the status at this moment."""
    return {
        "object": "session",
        "id": session.id,
        "actor": session.impersonator,
        "status": session.status_at(at),
        "tasks": [{"key": task} for task in session.tasks] or None,
        "last_active_organization_id": None,
        "last_active_at": milliseconds(session.last_active_at),
        "expire_at": milliseconds(session.expire_at),
        "abandon_at": milliseconds(session.abandon_at),
        "updated_at": milliseconds(session.updated_at),
        "created_at": milliseconds(session.created_at),
    }


def latest_activity(session: UserSession | SessionRow) -> dict[str, Any]:
    """Return the member ``latest_activity``: device, address and place of the latest use.

    Without an activity there is no such member, because Clerk's schemas allow no null there. Unknown values are left
    out too.
    """
    activity = session.latest_activity
    if activity is None:
        return {}
    values = {
        "device_type": activity.device_type,
        "browser_name": activity.browser_name,
        "browser_version": activity.browser_version,
        "ip_address": activity.ip_address,
        "city": activity.city,
        "country": activity.country,
    }
    known = {name: value for name, value in values.items() if value}
    member = {"object": "session_activity", "id": activity.id, "is_mobile": activity.is_mobile, **known}
    return {"latest_activity": member}


def token_object(jwt: str) -> dict[str, Any]:
    return {"object": "token", "jwt": jwt}


def user_object(user: Any) -> dict[str, Any]:
    """Return the user object without private metadata. Values that Gatepass does not have are null or empty."""
    profile = profile_of(user)
    id = user_id(user.pk)
    email = _address(profile, id, "email_address", profile.primary_email_address, profile.email_verified)
    phone = _address(profile, id, "phone_number", profile.primary_phone_number, profile.phone_number_verified)
    return {
        "object": "user",
        "id": id,
        "external_id": profile.external_id,
        "username": profile.username,
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "image_url": profile.image_url,
        "profile_image_url": profile.image_url,
        "has_image": profile.has_image,
        "primary_email_address_id": email and email["id"],
        "primary_phone_number_id": phone and phone["id"],
        "primary_web3_wallet_id": None,
        "email_addresses": [email] if email else [],
        "phone_numbers": [phone] if phone else [],
        **NO_OTHER_ACCOUNTS,
        "password_enabled": profile.password_enabled,
        "two_factor_enabled": profile.two_factor_enabled,
        **NO_TOTP,
        "public_metadata": plain(profile.public_metadata),
        "unsafe_metadata": plain(profile.unsafe_metadata),
        "banned": not user.is_active,
        **NO_LOCKOUT,
        "delete_self_enabled": False,
        "create_organization_enabled": False,
        "last_sign_in_at": profile.last_sign_in_at and milliseconds(profile.last_sign_in_at),
        "last_active_at": None,
        "legal_accepted_at": None,
        "created_at": milliseconds(profile.created_at),
        "updated_at": milliseconds(profile.updated_at),
    }


def plain(metadata: Mapping[str, Any]) -> Any:
    """Return metadata as JSON: other types become strings, NaN and infinity null; keys must be strings."""
    if not metadata:
        return {}
    text = json.dumps(dict(metadata), default=str, skipkeys=True)
    return json.loads(text, parse_constant=lambda _: None)


def _address(profile: UserProfile, user: str, kind: str, value: str | None, is_verified: bool) -> dict[str, Any] | None:
    """Return an e-mail address or phone number. The host has no id for it, so its id contains the user's."""
    if value is None:
        return None
    verification = {
        "object": "verification_admin",
        "status": "verified",
        "strategy": "admin",
        "attempts": None,
        "expire_at": None,
    }
    return {
        "object": kind,
        "id": f"idn_{user}_{kind}",
        kind: value,
        "reserved": False,
        **(PHONE_NUMBER_MEMBERS if kind == "phone_number" else {}),
        "verification": verification if is_verified else None,
        "linked_to": [],
        "created_at": milliseconds(profile.created_at),
        "updated_at": milliseconds(profile.updated_at),
    }
