"""The download of the list of user sessions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sessions_core.console.downloads import Downloads
from user_sessions.models import UserSession
from user_sessions.users import user_id

__all__ = ["SessionDownloads"]


class SessionDownloads(Downloads):
    """What a line says was true at the time of the download."""

    exported = "user sessions"
    columns = (
        "id",
        "created_at",
        "workspace",
        "user",
        "user_name",
        "client",
        "status",
        "browser",
        "device",
        "address",
        "city",
        "country",
        "signed_in_with",
        "impersonator",
        "last_active_at",
        "expire_at",
        "closed_at",
        "closed_by",
        "reason",
    )

    def line_of(self, obj: UserSession, at: datetime) -> Mapping[str, Any]:
        activity = obj.latest_activity
        return {
            "id": obj.pk,
            "created_at": obj.created_at.isoformat(),
            "workspace": str(obj.workspace_id),
            "user": user_id(obj.user_id),
            "user_name": obj.user.get_username(),
            "client": obj.client_id,
            "status": str(obj.status_at(at).value),
            "browser": f"{activity.browser_name} {activity.browser_version}".strip() if activity else "",
            "device": activity.device_type if activity else "",
            "address": (activity.ip_address or "") if activity else "",
            "city": activity.city if activity else "",
            "country": activity.country if activity else "",
            "signed_in_with": " ".join(obj.amr),
            "impersonator": str((obj.impersonator or {}).get("sub", "")),
            "last_active_at": obj.last_active_at.isoformat(),
            "expire_at": obj.expire_at.isoformat(),
            "closed_at": obj.closed_at.isoformat() if obj.closed_at else "",
            "closed_by": obj.closed_by,
            "reason": obj.close_reason or obj.void_reason or "",
        }
