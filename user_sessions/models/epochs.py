"""Epochs: one row revokes every session of a workspace at once."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Max
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from sessions_core.db.transactions import atomic
from sessions_core.labels import WORKSPACE
from sessions_core.models import Event, Workspace
from sessions_core.moments import moment
from sessions_core.texts import LONGEST_ACTOR, LONGEST_REASON, text

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Epoch"]


class EpochQuerySet(models.QuerySet["Epoch"]):
    def of(self, column: "Callable[[str], Any]") -> Self:
        """Return the epochs that revoked the session with these columns: it was live at that moment."""
        return self.filter(
            workspace=column("workspace_id"), not_before__gte=column("created_at"), not_before__lt=column("expire_at")
        ).order_by("not_before")

    @atomic()
    def begin(self, workspace: Workspace, *, actor: str, at: datetime | None = None, reason: str = "") -> "Epoch":
        """Revoke every live session of the workspace, including those from a server with a fast clock.

        Sessions that begin later belong to the new epoch.
        """
        at = moment(at)
        text(actor, name="actor", longest=LONGEST_ACTOR)
        text(reason, name="reason", longest=LONGEST_REASON)
        latest = workspace.user_sessions.aggregate(latest=Max("created_at"))["latest"] or at
        epoch = self.create(workspace=workspace, not_before=max(at, latest), actor=actor, reason=reason)
        subject, facts = str(workspace.pk), {"reason": reason, "epoch": epoch.pk}
        Event.objects.record("epoch.begun", subject=subject, workspace_id=workspace.pk, actor=actor, at=at, **facts)
        return epoch


class Epoch(models.Model):
    """Sessions started up to ``not_before`` are revoked, with this time, reason and actor."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", verbose_name=WORKSPACE)
    not_before = models.DateTimeField(_("not before"), editable=False)
    actor = models.CharField(pgettext_lazy("Gatepass", "actor"), max_length=200, editable=False)
    reason = models.CharField(pgettext_lazy("Gatepass", "reason"), max_length=200, blank=True)

    objects = EpochQuerySet.as_manager()

    class Meta:
        verbose_name = pgettext_lazy("Gatepass", "epoch")
        verbose_name_plural = pgettext_lazy("Gatepass", "epochs")
        ordering = ("-not_before",)
        indexes = [models.Index(fields=["workspace", "not_before"], name="user_sessions_epoch_workspace")]

    def __str__(self) -> str:
        return f"{self.not_before:%Y-%m-%d %H:%M:%S}" if self.pk else gettext("a new epoch")
