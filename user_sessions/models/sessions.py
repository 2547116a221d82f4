"""The user session: one sign-in on one client, and the verbs that change it."""

from datetime import datetime
from typing import Any

from django.conf import settings as django_settings
from django.db import models, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from sessions_core.models import Event, Workspace
from user_sessions.conf import settings
from user_sessions.models.clients import Client
from user_sessions.models.querysets import UserSessionQuerySet
from user_sessions.models.refusals import NotLive
from user_sessions.models.status import CLOSED, OPEN, Status

__all__ = ["UserSession"]


class UserSession(models.Model):
    """``status`` keeps deeds only; ask ``status_at`` for what holds at a moment.

    ``closed_at``, ``closed_by`` and ``close_reason`` tell of the deed that finished it, the first if there were two.
    """

    id = models.CharField(primary_key=True, max_length=40, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="user_sessions")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="sessions")
    user = models.ForeignKey(django_settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="user_sessions")
    status = models.CharField(max_length=10, choices=Status)
    actor = models.JSONField(null=True, blank=True, help_text="Who impersonates the user, if anybody does.")
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)
    last_active_at = models.DateTimeField(editable=False)
    expire_at = models.DateTimeField()
    abandon_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_by = models.CharField(max_length=200, blank=True, editable=False)
    close_reason = models.CharField(max_length=200, blank=True, editable=False)

    objects = UserSessionQuerySet.as_manager()

    # The active key of the workspace, None if it has none yet; where UserSessionQuerySet.for_minting asked for it.
    signing_kid: str | None

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="user_session_page"),
            models.Index(fields=["workspace", "user", "-created_at", "-id"], name="user_session_page_of_user"),
            models.Index(fields=["workspace", "client", "-created_at", "-id"], name="user_session_page_of_client"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=(*OPEN, *CLOSED)), name="user_session_status_is_a_deed"),
            models.CheckConstraint(
                condition=Q(status__in=OPEN, closed_at=None) | Q(status__in=CLOSED, closed_at__isnull=False),
                name="user_session_is_closed_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(abandon_at__gte=F("expire_at")), name="user_session_expires_before_it_is_abandoned"
            ),
        ]

    def __str__(self) -> str:
        return self.pk

    def status_at(self, at: datetime) -> Status:
        """What holds at this moment; ``UserSessionQuerySet.with_status`` asks the same of many."""
        stored = Status(self.status)
        if stored in (Status.REVOKED, Status.REMOVED):
            return stored
        if self.abandon_at <= at:
            return Status.ABANDONED
        return Status.EXPIRED if stored in OPEN and self.expire_at <= at else stored

    def is_live(self, at: datetime) -> bool:
        return self.status_at(at) in OPEN

    def end(self, *, by: str, at: datetime | None = None, reason: str = "") -> bool:
        """The user signs out; whether that was news. The session stays on its client."""
        return self._close(Status.ENDED, by=by, at=at, reason=reason)

    def revoke(self, *, by: str, at: datetime | None = None, reason: str = "") -> bool:
        """End it from outside, against its holder's will if need be; whether that was news."""
        return self._close(Status.REVOKED, by=by, at=at, reason=reason)

    def replace(self, *, by: str, at: datetime | None = None, reason: str = "") -> bool:
        """Another session takes its place on the client; whether that was news."""
        return self._close(Status.REPLACED, by=by, at=at, reason=reason)

    def remove(self, *, by: str, at: datetime | None = None, reason: str = "") -> bool:
        """The user signs out and it leaves the client; whether that was news. One that is over can leave too."""
        at = at or timezone.now()
        may_leave = Q(status=Status.REVOKED) | ~Q(status=Status.REMOVED) & Q(abandon_at__gt=at)
        return self._close(Status.REMOVED, by=by, at=at, reason=reason, leaving=may_leave)

    def touch(self, *, at: datetime | None = None) -> bool:
        """Note that it is in use; whether it was written, which happens once in TOUCH_INTERVAL. Raises NotLive."""
        at = at or timezone.now()
        due = UserSession.objects.live(at=at).filter(pk=self.pk, last_active_at__lte=at - settings.touch_interval)
        written = due.update(last_active_at=at, updated_at=at)
        self._read_again("status", "expire_at", "abandon_at", "last_active_at", "updated_at")
        if not written and not self.is_live(at):
            raise NotLive
        return bool(written)

    def _close(self, status: Status, *, by: str, at: datetime | None, reason: str, leaving: Q | None = None) -> bool:
        """One conditional UPDATE and its event. Who comes second changes nothing and is told False."""
        at = at or timezone.now()
        leaving = leaving or Q(status__in=OPEN, expire_at__gt=at)
        with transaction.atomic():
            happened = UserSession.objects.filter(leaving, pk=self.pk).update(
                status=status,
                updated_at=at,
                closed_at=Coalesce(F("closed_at"), Value(at), output_field=models.DateTimeField()),
                closed_by=models.Case(models.When(closed_by="", then=Value(by)), default=F("closed_by")),
                close_reason=models.Case(models.When(closed_at=None, then=Value(reason)), default=F("close_reason")),
            )
            if happened:
                self._record(f"user_session.{status}", by=by, at=at, reason=reason)
        self._read_again("status", "updated_at", "closed_at", "closed_by", "close_reason")
        return bool(happened)

    def _read_again(self, *fields: str) -> None:
        """Take over what the row says now. Raises NotLive if it is gone, as when its user was deleted."""
        try:
            self.refresh_from_db(fields=fields)
        except UserSession.DoesNotExist:
            raise NotLive from None

    def _record(self, type: str, *, by: str, at: datetime, **data: Any) -> None:
        Event.objects.record(type, subject=self.pk, workspace_id=self.workspace_id, by=by, at=at, **data)
