"""The client: one browser or app installation, which may hold several user sessions."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models

from sessions_core.models import Workspace
from sessions_core.tokens import newest_key_id, random_text
from user_sessions.ids import new_id
from user_sessions.models.status import Status

if TYPE_CHECKING:
    from user_sessions.models.sessions import UserSession

__all__ = ["Client"]

# Characters of base58: 58 bits, which name a generation of the token and keep nothing secret.
ROTATION_LENGTH = 10


class ClientQuerySet(models.QuerySet["Client"]):
    def begin(self, workspace: Workspace, *, at: datetime) -> "Client":
        return self.create(
            id=new_id("client", at=at),
            workspace=workspace,
            rotation=random_text(ROTATION_LENGTH),
            token_key=newest_key_id(),
            created_at=at,
            updated_at=at,
        )

    def select(self, session: "UserSession", *, at: datetime) -> bool:
        """Make this session the one that is in use on its client; whether that was news."""
        others = self.filter(pk=session.client_id).exclude(last_active_session=session.pk)
        return bool(others.update(last_active_session=session.pk, updated_at=at))


class Client(models.Model):
    """``rotation`` and ``token_key`` are what its token is derived from; a new ``rotation`` kills the old one."""

    id = models.CharField(primary_key=True, max_length=40, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="clients")
    last_active_session = models.ForeignKey(
        "UserSession", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    rotation = models.CharField(max_length=ROTATION_LENGTH, editable=False)
    token_key = models.CharField(max_length=8, editable=False, help_text="Id of the deriving TOKEN_KEYS.")
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)

    objects = ClientQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="client_page")]

    def __str__(self) -> str:
        return self.pk

    def shows(self, sessions: "Iterable[UserSession]", *, at: datetime) -> "list[UserSession]":
        """Which of its sessions the client still lists: those that left it, or were forgotten, are gone. A revoked
        one stays beside others, so that an account switcher can say so; a client of one session drops it."""
        gone = {Status.REMOVED, Status.ABANDONED, *([Status.REVOKED] if self.workspace.single_session_mode else [])}
        return [session for session in sessions if session.status_at(at) not in gone]

    def active_among(self, sessions: "Iterable[UserSession]", *, at: datetime) -> "UserSession | None":
        """The session in use: the one selected last or, when that is over, the live one that was active last."""
        live = [session for session in sessions if session.is_live(at)]
        selected = [session for session in live if session.pk == self.last_active_session_id]
        return next(iter(selected), max(live, key=lambda session: session.last_active_at, default=None))
