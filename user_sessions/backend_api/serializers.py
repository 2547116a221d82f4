"""How things look on the wire. Shapes only; times are milliseconds since the epoch."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from user_sessions.backend_api.versions import WITH_TASKS
from user_sessions.models import Client, JwtTemplate, Ticket, UserSession
from user_sessions.previews import Preview
from user_sessions.profiles import UserProfile, profile_of
from user_sessions.users import user_id

__all__ = [
    "client_object",
    "cookies_object",
    "deleted_object",
    "jwt_template_object",
    "list_object",
    "preview_object",
    "session_object",
    "ticket_object",
    "token_object",
    "user_object",
]


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def session_object(session: UserSession, *, at: datetime, version: str) -> dict[str, Any]:
    """A session as it is at this moment."""
    tasks = [{"key": task} for task in session.tasks] or None
    return {
        "object": "session",
        "id": session.pk,
        "user_id": user_id(session.user_id),
        "client_id": session.client_id,
        "actor": session.actor,
        "status": session.status_at(at),
        "last_active_organization_id": None,
        "last_active_at": milliseconds(session.last_active_at),
        "latest_activity": None,
        "expire_at": milliseconds(session.expire_at),
        "abandon_at": milliseconds(session.abandon_at),
        "updated_at": milliseconds(session.updated_at),
        "created_at": milliseconds(session.created_at),
        **({"tasks": tasks} if version >= WITH_TASKS else {}),
    }


def client_object(client: Client, *, at: datetime, version: str) -> dict[str, Any]:
    """A client with the sessions that it lists."""
    every = list(client.sessions.all())
    sessions, active = client.shows(every, at=at), client.active_among(every, at=at)
    return {
        "object": "client",
        "id": client.pk,
        "session_ids": [session.pk for session in sessions],
        "sessions": [session_object(session, at=at, version=version) for session in sessions],
        "sign_in_id": None,
        "sign_up_id": None,
        "last_active_session_id": active and active.pk,
        "last_authentication_strategy": None,
        "updated_at": milliseconds(client.updated_at),
        "created_at": milliseconds(client.created_at),
    }


def token_object(jwt: str) -> dict[str, Any]:
    return {"object": "token", "jwt": jwt}


def cookies_object(directives: Sequence[str]) -> dict[str, Any]:
    return {"object": "cookies", "cookies": list(directives)}


def jwt_template_object(template: JwtTemplate) -> dict[str, Any]:
    """A template; its key is never shown. Lifetime and skew are seconds."""
    return {
        "object": "jwt_template",
        "id": template.pk,
        "name": template.name,
        "claims": template.claims_object(),
        "lifetime": template.lifetime,
        "allowed_clock_skew": template.allowed_clock_skew,
        "custom_signing_key": template.has_own_key,
        "signing_algorithm": template.signing_algorithm or template.workspace.signing_algorithm,
        "created_at": milliseconds(template.created_at),
        "updated_at": milliseconds(template.updated_at),
    }


def preview_object(preview: Preview) -> dict[str, Any]:
    """Ours alone: ``size`` is bytes of the token, ``path`` a JSON pointer into the template's claims."""
    return {
        "object": "jwt_template_preview",
        "session_id": preview.session_id,
        "claims": preview.claims,
        "size": preview.size,
        "lint": [{"code": found.code, "path": found.path, "message": found.message} for found in preview.findings],
    }


def ticket_object(ticket: Ticket, *, token: str | None = None) -> dict[str, Any]:
    """A sign-in token or actor token. Its text is shown to whoever makes it, and not again."""
    front = ticket.workspace.frontend_api
    url = f"{front}/v1/tickets/accept?{urlencode({'ticket': token})}" if front and token else None
    return {
        "object": ticket.kind,
        "id": ticket.pk,
        "status": ticket.status,
        "user_id": user_id(ticket.user_id),
        **({"actor": ticket.actor} if ticket.kind == Ticket.Kind.ACTOR_TOKEN else {}),
        **({"token": token, "url": url} if token else {}),
        "created_at": milliseconds(ticket.created_at),
        "updated_at": milliseconds(ticket.updated_at),
    }


def user_object(user: Any) -> dict[str, Any]:
    """A user of the host, as its profile tells. What Gatepass does not keep is null or empty."""
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
        "web3_wallets": [],
        "passkeys": [],
        "external_accounts": [],
        "saml_accounts": [],
        "enterprise_accounts": [],
        "organization_memberships": [],
        "password_enabled": profile.password_enabled,
        "two_factor_enabled": profile.two_factor_enabled,
        "totp_enabled": False,
        "backup_code_enabled": False,
        "mfa_enabled_at": None,
        "mfa_disabled_at": None,
        "public_metadata": _plain(profile.public_metadata),
        "private_metadata": _plain(profile.private_metadata),
        "unsafe_metadata": _plain(profile.unsafe_metadata),
        "banned": not user.is_active,
        "locked": False,
        "lockout_expires_in_seconds": None,
        "verification_attempts_remaining": None,
        "delete_self_enabled": False,
        "create_organization_enabled": False,
        "last_sign_in_at": profile.last_sign_in_at and milliseconds(profile.last_sign_in_at),
        "last_active_at": None,
        "legal_accepted_at": None,
        "created_at": milliseconds(profile.created_at),
        "updated_at": milliseconds(profile.updated_at),
    }


def _plain(metadata: Mapping[str, Any]) -> Any:
    """As JSON: what has no form there becomes its text, NaN and infinity null; a key that is no text is left out."""
    text = json.dumps(dict(metadata), default=str, skipkeys=True)
    return json.loads(text, parse_constant=lambda _: None)


def _address(profile: UserProfile, user: str, kind: str, value: str | None, is_verified: bool) -> dict[str, Any] | None:
    """An e-mail address or a phone number; the host has no id for it, so it is known by its user."""
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
        "reserved_for_second_factor": False,
        "default_second_factor": False,
        "verification": verification if is_verified else None,
        "linked_to": [],
        "created_at": milliseconds(profile.created_at),
        "updated_at": milliseconds(profile.updated_at),
    }


def deleted_object(kind: str, id: str) -> dict[str, Any]:
    return {"object": kind, "id": id, "deleted": True}


def list_object(rows: Sequence[dict[str, Any]], *, total: int | None) -> Any:
    """A bare list, or with the total count if the caller asked for pages."""
    return list(rows) if total is None else {"data": list(rows), "total_count": total}
