"""The download of the list of user sessions."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sessions_core.console.downloads import Downloads
from user_sessions.models import UserSession
from user_sessions.models.endings import endings
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
        }

    def lines_of(self, rows: Sequence[UserSession], at: datetime) -> Iterable[Mapping[str, Any]]:
        """Add what ended each session. One query reads the epochs of a batch."""
        for row, ending in zip(rows, endings(rows, at=at), strict=True):
            closed_at = ending.at.isoformat() if ending.at else ""
            yield {**self.line_of(row, at), "closed_at": closed_at, "closed_by": ending.by, "reason": ending.reason}
