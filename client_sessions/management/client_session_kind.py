"""Client sessions as ``manage.py sessions`` shows and ends them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError
from django.db.models import CharField, Count, Value

from client_sessions.models import ClientSession
from client_sessions.models.sessions import Status
from sessions_core.management.session_kinds import LIVE, Rows, Selection, SessionKind

__all__ = ["ClientSessionKind"]


class ClientSessionKind(SessionKind):
    """A user is a user identifier key here."""

    name = "client_sessions"
    columns = ("id", "user", "status", "created_at", "expires_at", "revoked_at")
    statuses = tuple(Status.values)
    ends = ("client_session.revoked", "client_session.deleted")

    def owns(self, id: str) -> bool:
        try:
            UUID(id)
        except ValueError:
            return False
        return True

    def rows(self) -> Rows:
        return ClientSession.objects.all()

    def select(self, selection: Selection) -> Rows:
        if selection.client:
            raise CommandError("A client session belongs to no client: --client is for user sessions.")
        sessions = ClientSession.objects.all()
        if selection.workspace is not None:
            sessions = sessions.in_workspace(selection.workspace)
        try:
            return sessions.of_user(selection.user) if selection.user else sessions
        except ValueError as reason:
            raise CommandError(str(reason)) from None

    def with_status(self, rows: Rows, status: str, *, at: datetime) -> Rows:
        if status == Status.EXPIRED:
            return rows.expired(at=at)
        return rows.live(at=at) if status in (LIVE, Status.LIVE) else rows.revoked()

    def with_facts(self, rows: Rows) -> Rows:
        return rows.select_related("workspace")

    def facts(self, session: Any, *, at: datetime) -> dict[str, Any]:
        return {
            "id": session.pk,
            "user": session.user_identifier_key,
            "workspace": session.workspace.name,
            "workspace_id": session.workspace_id,
            "status": session.status_at(at).value,
            "created_at": session.created_at,
            "expires_at": session.expires_at,
            "revoked_at": session.revoked_at,
        }

    def details(self, session: Any, *, at: datetime) -> dict[str, Any]:
        return {
            "grants": [
                {"type": grant.resource_type, "id": grant.resource_id, "is_live": grant.is_live(at)}
                for grant in session.grants.order_by("resource_type", "resource_id")
            ]
        }

    def revoke(self, rows: Rows, *, actor: str, at: datetime, reason: str) -> int:
        return len(rows.revoke(actor=actor, at=at))

    def check_reason(self, reason: str, *, is_for_all: bool) -> None:
        if reason:
            raise CommandError("A client session records no reason: --reason is for user sessions.")

    def live_by_device(self, rows: Rows, *, at: datetime) -> Rows:
        live = self.with_status(rows, LIVE, at=at)
        unknown = Value("", output_field=CharField())
        return live.values("workspace", of=unknown).annotate(number=Count("pk")).order_by()
