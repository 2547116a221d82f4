"""Which user sessions, and how one begins."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db import models, transaction
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from sessions_core.models import Event, Workspace
from user_sessions.ids import new_id
from user_sessions.models.clients import Client
from user_sessions.models.refusals import ForeignClient, UserInactive
from user_sessions.models.signing_keys import SigningKey
from user_sessions.models.status import OPEN, Status

if TYPE_CHECKING:
    from user_sessions.models.sessions import UserSession

__all__ = ["UserSessionQuerySet"]

# Measured from the start of the session, unless it may live longer than that.
ABANDONED_AFTER = timedelta(days=30)


class UserSessionQuerySet(models.QuerySet["UserSession"]):
    def in_workspace(self, workspace: Workspace) -> Self:
        return self.filter(workspace=workspace)

    def live(self, *, at: datetime) -> Self:
        """Those that may mint tokens and be touched at this moment."""
        return self.filter(status__in=OPEN, expire_at__gt=at)

    def with_status(self, status: str, *, at: datetime) -> Self:
        """Those of which ``UserSession.status_at`` says this."""
        match status:
            case Status.PENDING | Status.ACTIVE:
                return self.live(at=at).filter(status=status)
            case Status.EXPIRED:
                return self.filter(status__in=OPEN, expire_at__lte=at, abandon_at__gt=at)
            case Status.ABANDONED:
                return self.filter(~Q(status__in=(Status.REVOKED, Status.REMOVED)), abandon_at__lte=at)
            case Status.ENDED | Status.REPLACED:
                return self.filter(status=status, abandon_at__gt=at)
        return self.filter(status=status)

    def for_minting(self) -> Self:
        """With user, workspace and the id of the active signing key, in one query."""
        active = SigningKey.objects.active().filter(workspace=OuterRef("workspace"))
        return self.select_related("user", "workspace").annotate(signing_kid=Subquery(active.values("kid")[:1]))

    @transaction.atomic
    def start(
        self,
        workspace: Workspace,
        user: Any,
        *,
        by: str,
        client: Client | None = None,
        at: datetime | None = None,
        actor: dict[str, Any] | None = None,
    ) -> "UserSession":
        """Sign the user in: an active session on the given client, or on one of its own. ``actor`` impersonates.

        Raises UserInactive, ForeignClient.
        """
        if not user.is_active:
            raise UserInactive
        if client is not None and client.workspace_id != workspace.pk:
            raise ForeignClient
        at = at or timezone.now()
        expire_at = at + workspace.user_session_lifetime
        session = self.create(
            id=new_id("sess", at=at),
            workspace=workspace,
            client=client or Client.objects.begin(workspace, at=at),
            user=user,
            status=Status.ACTIVE,
            actor=actor,
            created_at=at,
            updated_at=at,
            last_active_at=at,
            expire_at=expire_at,
            abandon_at=max(at + ABANDONED_AFTER, expire_at),
        )
        Event.objects.record("user_session.created", subject=session.pk, workspace_id=workspace.pk, by=by, at=at)
        return session
