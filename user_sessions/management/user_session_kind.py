"""User sessions as ``manage.py sessions`` shows and ends them."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandError
from django.db.models import Count, F, Value
from django.db.models.functions import Coalesce

from sessions_core.management.databases import ready_database
from sessions_core.management.lengths import check_length
from sessions_core.management.session_kinds import LIVE, Rows, Selection, SessionKind
from sessions_core.management.users import user_named
from sessions_core.models import Workspace
from user_sessions.models import Client, Epoch, Status, UserSession
from user_sessions.models.endings import endings
from user_sessions.users import user_id

__all__ = ["UserSessionKind"]


class UserSessionKind(SessionKind):
    name = "user_sessions"
    columns = ("id", "user", "status", "device", "created_at", "last_active_at", "expires_at")
    statuses = tuple(Status.values)
    ends = tuple(
        f"user_session.{end}" for end in (Status.ENDED, Status.REVOKED, Status.REPLACED, Status.REMOVED, Status.EXPIRED)
    )
    is_default = True

    def owns(self, id: str) -> bool:
        return id.startswith("sess_")

    def rows(self) -> Rows:
        return UserSession.objects.all()

    def select(self, selection: Selection) -> Rows:
        sessions = UserSession.objects.all()
        if selection.workspace is not None:
            sessions = sessions.in_workspace(selection.workspace)
        if selection.user:
            sessions = sessions.of_user(user_named(selection.user).pk)
        if selection.client:
            client = _client(selection.client, selection.workspace)
            sessions = sessions.filter(client=client, workspace=client.workspace_id)
        return sessions

    def with_status(self, rows: Rows, status: str, *, at: datetime) -> Rows:
        return rows.live(at=at) if status == LIVE else rows.with_status(status, at=at)

    def with_facts(self, rows: Rows) -> Rows:
        return rows.with_status_facts().select_related("user", "workspace", "latest_activity")

    def facts(self, session: Any, *, at: datetime) -> dict[str, Any]:
        activity = session.latest_activity
        return {
            "id": session.pk,
            "user": session.user.get_username(),
            "user_id": user_id(session.user_id),
            "workspace": session.workspace.name,
            "workspace_id": session.workspace_id,
            "client_id": session.client_id,
            "status": session.status_at(at).value,
            "device": "" if activity is None else str(activity.device),
            "created_at": session.created_at,
            "last_active_at": session.last_active_at,
            "expires_at": session.expire_at,
        }

    def details(self, session: Any, *, at: datetime) -> dict[str, Any]:
        impersonator = session.impersonator or {}
        (ending,) = endings([session], at=at)
        return {
            "authentication_methods": ", ".join(session.amr),
            "impersonator": impersonator.get("sub", ""),
            "tasks": ", ".join(session.tasks),
            "closed_at": ending.at,
            "closed_by": ending.by,
            "close_reason": ending.reason,
            "activities": [
                {"at": each.created_at, "device": str(each.device), "city": each.city, "country": each.country}
                for each in session.activities.all()
            ],
        }

    def revoke(self, rows: Rows, *, actor: str, at: datetime, reason: str) -> int:
        return len(rows.revoke(actor=actor, at=at, reason=reason))

    def revoke_all(self, workspace: Workspace, *, actor: str, at: datetime, reason: str) -> datetime:
        return Epoch.objects.begin(workspace, actor=actor, at=at, reason=reason).not_before

    def check_reason(self, reason: str, *, is_for_all: bool) -> None:
        if is_for_all:
            check_length(reason, Epoch, "reason", what="--reason")
        else:
            check_length(reason, UserSession, "close_reason", what="--reason")

    def live_by_device(self, rows: Rows, *, at: datetime) -> Rows:
        # ``recorded_ends`` is 0 for every live session: the condition makes an index of those usable.
        live = self.with_status(rows.filter(recorded_ends=0, expire_at__gt=at), LIVE, at=at)
        device = Coalesce(F("latest_activity__device_type"), Value(""))
        return live.values("workspace", of=device).annotate(number=Count("pk")).order_by("of")


def _client(id: str, workspace: Workspace | None) -> Client:
    clients = Client.objects.filter(pk=id)
    with ready_database():
        client = (clients if workspace is None else clients.filter(workspace=workspace)).first()
    if client is None:
        raise CommandError(f"{workspace or 'No workspace'} has {'no' if workspace else 'a'} client {id!r}.")
    return client
