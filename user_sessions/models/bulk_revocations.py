"""Bulk revocations: a row for each time that an operator revokes all user sessions of a filtered list."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.db.transactions import atomic
from sessions_core.labels import WORKSPACE
from sessions_core.models import Event, Workspace
from sessions_core.moments import moment
from sessions_core.texts import LONGEST_ACTOR, LONGEST_REASON

__all__ = ["BulkRevocation"]


class BulkRevocation(models.Model):
    """The set of sessions was frozen at the preview. The work is done in batches, newest session first.

    ``filters`` has the parameters of the list's address, each with its values. ``found`` is the condition that the
    search stood for at the preview. ``newest_at`` and ``newest_id`` are the position of the newest session that the
    preview read: those that begin later do not belong to the set. ``position_at`` and ``position_id`` are the position
    up to which the work is done. ``waiting`` has the ids of sessions that others had locked.
    """

    id = models.CharField(primary_key=True, max_length=40, editable=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, null=True, blank=True, related_name="+", verbose_name=WORKSPACE
    )
    workspace_id: UUID | None
    filters = models.JSONField(pgettext_lazy("bulk revocation", "filter"), default=dict)
    found = models.JSONField(default=dict)
    left_out = models.CharField(max_length=40, blank=True)
    reason = models.CharField(pgettext_lazy("Gatepass", "reason"), max_length=LONGEST_REASON)
    actor = models.CharField(pgettext_lazy("Gatepass", "actor"), max_length=LONGEST_ACTOR)
    as_of = models.DateTimeField(_("as of"))
    newest_at = models.DateTimeField()
    newest_id = models.CharField(max_length=40)
    oldest_at = models.DateTimeField()
    # None if the preview did not count all of them.
    expected = models.PositiveIntegerField(null=True)
    started_at = models.DateTimeField(_("started at"))
    stopped_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    ended = models.PositiveIntegerField(pgettext_lazy("user sessions", "ended"), default=0)
    already_over = models.PositiveIntegerField(_("already over"), default=0)
    position_at = models.DateTimeField(null=True)
    position_id = models.CharField(max_length=40, blank=True)
    is_walked = models.BooleanField(default=False)
    waiting = models.JSONField(default=list)

    objects: ClassVar["models.Manager[BulkRevocation]"] = models.Manager()

    class Meta:
        verbose_name = _("bulk revocation")
        verbose_name_plural = _("bulk revocations")
        ordering = ("-started_at", "-id")
        indexes = [models.Index(fields=["-started_at", "-id"], name="user_sessions_bulk_page")]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_running(self) -> bool:
        return self.finished_at is None and self.stopped_at is None

    @property
    def reached(self) -> int:
        return self.ended + self.already_over

    @property
    def not_reached(self) -> int | None:
        """Return how many sessions of the set are left, or None if that is unknown."""
        if self.finished_at is not None:
            return 0
        return None if self.expected is None else max(self.expected - self.reached, 0)

    @property
    def percent(self) -> int:
        """Return how much is done: of the sessions, or of the time in which they began if their number is unknown."""
        if self.finished_at is not None:
            return 100
        if self.expected:
            return min(100 * self.reached // self.expected, 99)
        if self.position_at is None:
            return 0
        whole = self.newest_at - self.oldest_at
        return min(int(100 * ((self.newest_at - self.position_at) / whole)), 99) if whole else 99

    @classmethod
    @atomic()
    def start(cls, id: str, *, actor: str, at: datetime | None = None, **values: Any) -> "Event | None":
        """Begin one and return the event, or return None if this one has begun already."""
        _row, is_new = cls.objects.get_or_create(pk=id, defaults={"actor": actor, "started_at": moment(at), **values})
        return _row.record("started", actor=actor, at=_row.started_at) if is_new else None

    @atomic()
    def stop(self, *, actor: str, at: datetime | None = None) -> bool:
        """Stop after the current batch. Return True if it was running."""
        at = moment(at)
        running = BulkRevocation.objects.filter(pk=self.pk, finished_at=None, stopped_at=None)
        if not running.update(stopped_at=at):
            return False
        self.refresh_from_db()
        self.record("stopped", actor=actor, at=at)
        return True

    @atomic()
    def go_on(self, *, actor: str, at: datetime | None = None) -> bool:
        """Go on after a stop. Return True if it was stopped."""
        at = moment(at)
        stopped = BulkRevocation.objects.filter(pk=self.pk, finished_at=None, stopped_at__isnull=False)
        if not stopped.update(stopped_at=None):
            return False
        self.refresh_from_db()
        self.record("continued", actor=actor, at=at)
        return True

    def record(self, happened: str, *, actor: str, at: datetime) -> Event:
        return Event.objects.record(
            f"bulk_revocation.{happened}",
            subject=self.pk,
            workspace_id=self.workspace_id,
            actor=actor,
            at=at,
            reason=self.reason,
            filter=self.filters,
            as_of=self.as_of.isoformat(),
            ended=self.ended,
            already_over=self.already_over,
        )
