"""The user session: one sign-in on one client, and the verbs that change it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings as django_settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from sessions_core.arguments import require_instance
from sessions_core.db.asynchronous import twin_of
from sessions_core.db.compiled import CompiledQuery
from sessions_core.db.transactions import atomic
from sessions_core.labels import USER, WORKSPACE
from sessions_core.models import Event, Workspace
from sessions_core.models.policies import with_policies
from sessions_core.moments import moment
from user_sessions.exceptions import NotLive
from user_sessions.ids import can_be_looked_up
from user_sessions.models.clients import CLIENT, Client
from user_sessions.models.json_text import IMPERSONATOR, JsonTextField
from user_sessions.models.lifetimes import Lifetime
from user_sessions.models.other_sessions import OtherSessions
from user_sessions.models.policies import UserSessionPolicy
from user_sessions.models.querysets import UserSessionManager
from user_sessions.models.refreshing import Refreshing
from user_sessions.models.reverification import Reverification
from user_sessions.models.session_changes import SessionChanges
from user_sessions.models.start_arguments import task_name
from user_sessions.models.status import CLOSED, OPEN, Status, StatusModel, look_up
from user_sessions.models.voiding import binds

__all__ = ["CHANGES", "UserSession"]


class UserSession(OtherSessions, Reverification, Refreshing, Lifetime, StatusModel):
    """``stored_status`` stores transitions only. ``status`` and ``status_at`` also derive expiry and revocation.

    ``closed_at``, ``closed_by`` and ``close_reason`` describe the first transition that closed the session.
    ``expire_at`` moves with use if the workspace has an idle lifetime, never beyond ``latest_expire_at``.
    """

    id = models.CharField(primary_key=True, max_length=40, editable=False)
    # The indexes of the pages serve the keys as well. With others, PostgreSQL sorts, and each change writes them.
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, db_index=False, related_name="user_sessions", verbose_name=WORKSPACE
    )
    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, db_index=False, related_name="sessions", verbose_name=CLIENT
    )
    user = models.ForeignKey(
        django_settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, related_name="+", verbose_name=USER
    )
    tasks = models.JSONField(default=list, blank=True, help_text=_("Names of the tasks the user must complete."))
    impersonator = JsonTextField(
        IMPERSONATOR, null=True, blank=True, help_text=_("Who impersonates the user, if anyone.")
    )
    amr = models.JSONField(
        _("authentication methods"),
        default=list,
        editable=False,
        help_text=_("How the user signed in, as values of RFC 8176 such as pwd, otp and mfa. Empty if unknown."),
    )
    updated_at = models.DateTimeField(editable=False)
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_by = models.CharField(max_length=200, blank=True, editable=False)
    close_reason = models.CharField(max_length=200, blank=True, editable=False)
    # Without an index and a constraint: an activity that is the latest one goes only with its session.
    latest_activity = models.ForeignKey(
        "Activity",
        on_delete=models.DO_NOTHING,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        db_index=False,
        db_constraint=False,
    )
    # An expired or ended session can be removed later: only the first of its ends is announced as its end.
    recorded_ends = models.PositiveSmallIntegerField(default=0, editable=False)

    objects = UserSessionManager()

    # Set by ``with_token_facts`` and ``read_token_facts``: None without a signing key, or without custom claims.
    signing_kid: str | None
    own_claims: str | None

    class Meta:
        verbose_name = _("user session")
        verbose_name_plural = _("user sessions")
        ordering = ("-created_at", "-id")
        permissions = [
            (f"{act}_usersession", f"Can {act} user session") for act in ("end", "revoke", "bulk_revoke", "export")
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="user_sessions_newest"),
            models.Index(fields=["workspace", "-created_at", "-id"], name="user_sessions_page"),
            models.Index(fields=["user", "workspace", "-created_at", "-id"], name="user_sessions_page_of_user"),
            models.Index(fields=["client", "workspace", "-created_at", "-id"], name="user_sessions_page_of_client"),
            # Sessions whose end was not recorded. Live sessions are most of them.
            models.Index(fields=["expire_at"], condition=Q(recorded_ends=0), name="user_sessions_unrecorded"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(stored_status__in=(*OPEN, *CLOSED)), name="user_sessions_status_is_a_deed"
            ),
            models.CheckConstraint(
                condition=Q(stored_status__in=OPEN, closed_at=None)
                | Q(stored_status__in=CLOSED, closed_at__isnull=False),
                name="user_sessions_is_closed_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(abandon_at__gte=F("expire_at")), name="user_sessions_expires_before_it_is_abandoned"
            ),
        ]

    def __str__(self) -> str:
        return self.pk

    @classmethod
    def of_id(cls, workspace: Workspace, id: str) -> "UserSession | None":
        """Return the session of a workspace with this id, or None: one query."""
        require_instance(workspace, Workspace, name="workspace")
        return _of(workspace, _BY_ID.get(id=id, workspace=workspace.pk)) if can_be_looked_up(id) else None

    @classmethod
    def minting(cls, workspace: Workspace, id: str, *, at: datetime | None = None) -> "UserSession | None":
        """Return the session with its token facts if it can mint tokens, or None: one query."""
        require_instance(workspace, Workspace, name="workspace")
        at = moment(at)
        found = _MINTING.get(id=id, workspace=workspace.pk, at=at) if can_be_looked_up(id) else None
        session = _of(workspace, found)
        return session if session and session.is_usable(at) else None

    @classmethod
    def on_client(cls, client: Client, *, at: datetime) -> "list[UserSession]":
        """Return the sessions that have not left a client, newest first, with their token facts: one query."""
        sessions, workspace = list(_ON_CLIENT.rows(client=client.pk, at=moment(at))), client.workspace
        for session in sessions:
            # As Django's related managers do: an assignment would compare databases and keys.
            session._state.fields_cache.update(client=client, workspace=workspace)
        return sessions

    def is_usable(self, at: datetime) -> bool:
        """Return True if the session is live and its user active, even if the host computes ``is_active``."""
        return self.is_live(at) and self.user.is_active

    def read_token_facts(self, *, at: datetime) -> None:
        """Read the token facts if they are missing: at most one query. Raise NotLive if the row was deleted."""
        if {"signing_kid", "own_claims"} <= vars(self).keys():
            return
        joins = with_policies("workspace", UserSessionPolicy)
        rows = UserSession.objects.with_token_facts(at=at).select_related(*joins)
        row = self._take_over(rows.filter(pk=self.pk).first())
        self.signing_kid, self.own_claims = row.signing_kid, row.own_claims
        known = self._state.fields_cache
        for name in {"workspace", "user"} - known.keys():
            setattr(self, name, getattr(row, name))

    def end(self, *, actor: str, at: datetime | None = None, reason: str = "") -> bool:
        """End the session because the user signs out. Return True if it was live. It stays on its client."""
        return self._close(Status.ENDED, actor=actor, at=at, reason=reason)

    @classmethod
    def end_by_id(cls, id: str) -> bool:
        """End the session with this id because its user signs out. Return True if it was live."""
        return CHANGES.close(id, Status.ENDED, actor=f"user_session:{id}", at=moment(None)) is not None

    def revoke(self, *, actor: str, at: datetime | None = None, reason: str = "") -> bool:
        """Revoke the session. Return True if it was live."""
        return self._close(Status.REVOKED, actor=actor, at=at, reason=reason)

    def replace(self, *, actor: str, at: datetime | None = None, reason: str = "") -> bool:
        """End the session because another one replaces it on the client. Return True if it was live."""
        return self._close(Status.REPLACED, actor=actor, at=at, reason=reason)

    def remove(self, *, actor: str, at: datetime | None = None, reason: str = "") -> bool:
        """End the session and take it off its client. Return True if that changed it. It may be over already."""
        return self._close(Status.REMOVED, actor=actor, at=at, reason=reason)

    def require(self, task: str, *, actor: str, at: datetime | None = None) -> bool:
        """Add a task: the session is pending until it is completed. Return True if the task was new."""
        task = task_name(task)
        return self._set_tasks(lambda tasks: tasks if task in tasks else [*tasks, task], actor=actor, at=at)

    def fulfil(self, task: str, *, actor: str, at: datetime | None = None) -> bool:
        """Complete a task. After the last one the session is active. Return True if the task was open."""
        return self._set_tasks(lambda tasks: [other for other in tasks if other != task], actor=actor, at=at)

    def touch(self, *, at: datetime | None = None) -> bool:
        """Record that the session is in use, and make it the active one of its client.

        Return True if the session was written, which happens once per TOUCH_INTERVAL. Raise NotLive, or StaleClient if
        the client has a newer token.
        """
        at = moment(at)
        before = at - self._touch_interval()
        is_news = self.client.last_active_session_id != self.pk
        if self.last_active_at > before and self.is_live(at) and not is_news:
            return False
        with atomic():
            if is_news:
                self.client.hold()
            columns = CHANGES.touch(self.pk, at=at, before=before, expire_at=self._prolonged(at)["expire_at"])
            if columns is not None:
                self._set_columns(columns, epoch_id=None, void_reason=None)  # it was live
            else:
                self._read_again()
                if not self.is_live(at):
                    raise NotLive
            if is_news:
                self.client._select(self, at=at)
        return columns is not None

    aend = twin_of(end)
    arevoke = twin_of(revoke)
    aremove = twin_of(remove)
    atouch = twin_of(touch)

    @property
    def actor(self) -> str:
        """Return the name of this session's user in events."""
        return f"user_session:{self.pk}"

    @atomic()
    def _close(self, status: Status, *, actor: str, at: datetime | None, reason: str) -> bool:
        """Close the session. Return False if it was closed already.

        When an impersonation ends itself, renew the client's token, so that the impersonator keeps no valid token.
        """
        at = moment(at)
        is_own_deed = status in (Status.ENDED, Status.REMOVED) or actor == self.actor
        leaves_impersonation = self.impersonator is not None and is_own_deed
        if leaves_impersonation:
            self.client.hold()
        columns = CHANGES.close(self.pk, status, actor=actor, at=at, reason=reason)
        if columns is None:
            self._read_again()
            return False
        self._set_columns(columns)
        if leaves_impersonation:
            self.client.renew(at=at)
        return True

    @atomic()
    def _set_tasks(self, change: Callable[[list[str]], list[str]], *, actor: str, at: datetime | None) -> bool:
        """Change the tasks under a lock, because two writers would overwrite one list."""
        at = moment(at)
        live = UserSession.objects.live(at=at).filter(pk=self.pk)
        locked = live.select_for_update(of=("self",)).first()
        tasks = change(locked.tasks) if locked else []
        if locked is None or tasks == locked.tasks:
            self._read_again()
            return False
        status = Status.PENDING if tasks else Status.ACTIVE
        live.update(tasks=tasks, stored_status=status, updated_at=at)
        if status != locked.stored_status:
            type = "user_session.pending" if tasks else "user_session.activated"
            Event.objects.record(type, subject=self.pk, workspace_id=self.workspace_id, actor=actor, at=at, tasks=tasks)
        self._read_again()
        return True

    def _read_again(self) -> None:
        """Reload the row. Raise NotLive if it was deleted, for example with its user."""
        self._take_over(look_up(UserSession).get(id=self.pk))

    def _take_over(self, row: "UserSession | None") -> "UserSession":
        if row is None:
            raise NotLive
        columns = {field.attname: getattr(row, field.attname) for field in self._meta.concrete_fields}
        self._set_columns(columns, epoch_id=row.epoch_id, void_reason=row.void_reason)
        return row

    def _set_columns(self, columns: Mapping[str, Any], **status_facts: Any) -> None:
        """Set the columns and the status facts that were read with them. Others are read again if they are needed."""
        for name, value in columns.items():
            setattr(self, name, value)
        for name in ("epoch_id", "void_reason"):
            vars(self).pop(name, None)
        vars(self).update(status_facts)


def _of(workspace: Workspace, session: UserSession | None) -> UserSession | None:
    """Set the workspace of the session, so that ``session.workspace`` costs no query."""
    if session is not None:
        session.workspace = workspace
    return session


_SEEN = UserSession.objects.select_related("latest_activity")
_BY_ID = CompiledQuery(
    UserSession,
    lambda id, workspace: _SEEN.with_status_facts().filter(pk=id, workspace=workspace).order_by(),
    depends_on=binds,
    id=str,
    workspace=UUID,
)
_ON_CLIENT = CompiledQuery(
    UserSession,
    lambda client, at: UserSession.objects.filter(client=client).not_left(at=at).with_token_facts(at=at),
    depends_on=binds,
    client=str,
    at=datetime,
)
_MINTING = CompiledQuery(
    UserSession,
    # Without ``for_minting``: the token facts tell whether the session is usable, and PostgreSQL plans half as long.
    lambda id, workspace, at: UserSession.objects.filter(pk=id, workspace=workspace).with_token_facts(at=at).order_by(),
    depends_on=binds,
    id=str,
    workspace=UUID,
    at=datetime,
)
CHANGES = SessionChanges(UserSession)
