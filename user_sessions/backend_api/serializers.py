"""How sessions and tokens look on the wire. Shapes only; times are milliseconds since the epoch."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from user_sessions.backend_api.versions import WITH_TASKS
from user_sessions.models import UserSession
from user_sessions.users import user_id

__all__ = ["list_object", "session_object", "token_object"]


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def session_object(session: UserSession, *, at: datetime, version: str) -> dict[str, Any]:
    """A session as it is at this moment."""
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
        **({"tasks": None} if version >= WITH_TASKS else {}),
    }


def token_object(jwt: str) -> dict[str, Any]:
    return {"object": "token", "jwt": jwt}


def list_object(rows: Sequence[dict[str, Any]], *, total: int | None) -> Any:
    """A bare list, or with the total count if the caller asked for pages."""
    return list(rows) if total is None else {"data": list(rows), "total_count": total}
