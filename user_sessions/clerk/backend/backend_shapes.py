"""JSON shapes of the Backend API. Times are milliseconds since the epoch."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from user_sessions.clerk import shapes
from user_sessions.clerk.shapes import latest_activity, milliseconds, plain
from user_sessions.clerk.versions import WITH_TASKS
from user_sessions.models import Client, JwtTemplate, Ticket, UserSession, UserSessionPolicy
from user_sessions.models.session_rows import SessionRow
from user_sessions.profiles import profile_of
from user_sessions.templating.previews import Preview
from user_sessions.tokens.ticket_tokens import ticket_url
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
    "user_object",
]


def session_object(session: UserSession | SessionRow, *, at: datetime, version: str) -> dict[str, Any]:
    """Return a session with its status at this moment."""
    shown = shapes.session_object(session, at=at)
    if version < WITH_TASKS:
        del shown["tasks"]
    shown["user_id"], shown["client_id"] = user_id(session.user_id), session.client_id
    return shown | latest_activity(session)


def client_object(client: Client, candidates: Sequence[UserSession], *, at: datetime, version: str) -> dict[str, Any]:
    """Return a client with those of its sessions that it lists."""
    sessions, active = client.listed_sessions(candidates, at=at), client.active_among(candidates, at=at)
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


def cookies_object(directives: Sequence[str]) -> dict[str, Any]:
    return {"object": "cookies", "cookies": list(directives)}


def jwt_template_object(template: JwtTemplate) -> dict[str, Any]:
    """Return a template without its key. Lifetime and clock skew are seconds."""
    return {
        "object": "jwt_template",
        "id": template.pk,
        "name": template.name,
        "claims": template.claims_object(),
        "lifetime": template.lifetime,
        "allowed_clock_skew": template.allowed_clock_skew,
        "custom_signing_key": template.has_own_key,
        "signing_algorithm": template.signing_algorithm or UserSessionPolicy.of(template.workspace).signing_algorithm,
        "created_at": milliseconds(template.created_at),
        "updated_at": milliseconds(template.updated_at),
    }


def preview_object(preview: Preview) -> dict[str, Any]:
    """Return a preview, which Clerk does not have: ``size`` is bytes of the token, ``path`` a JSON pointer."""
    return {
        "object": "jwt_template_preview",
        "session_id": preview.session_id,
        "claims": preview.claims,
        "size": preview.size,
        "lint": [{"code": found.code, "path": found.path, "message": found.message} for found in preview.findings],
    }


def ticket_object(ticket: Ticket, *, token: str | None = None) -> dict[str, Any]:
    """Return a sign-in token or actor token. Only the response that creates it contains its text."""
    return {
        "object": ticket.kind,
        "id": ticket.pk,
        "status": ticket.stored_status,
        "user_id": user_id(ticket.user_id),
        **({"actor": ticket.impersonator} if ticket.kind == Ticket.Kind.ACTOR_TOKEN else {}),
        **({"token": token, "url": ticket_url(ticket, token)} if token else {}),
        "created_at": milliseconds(ticket.created_at),
        "updated_at": milliseconds(ticket.updated_at),
    }


def user_object(user: Any) -> dict[str, Any]:
    """Return a user with the private metadata, which only backends see."""
    return shapes.user_object(user) | {"private_metadata": plain(profile_of(user).private_metadata)}


def deleted_object(kind: str, id: str) -> dict[str, Any]:
    return {"object": kind, "id": id, "deleted": True}


def list_object(rows: Sequence[dict[str, Any]], *, total: int | None) -> Any:
    """Return a plain list, or an object with the total count if the caller asked for pages."""
    return list(rows) if total is None else {"data": list(rows), "total_count": total}
