"""Events: an append-only log."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core import signals
from sessions_core.db.returning import insert
from sessions_core.labels import WORKSPACE
from sessions_core.models.workspaces import Workspace
from sessions_core.moments import moment
from sessions_core.texts import LONGEST_ACTOR, is_storable_json, text
from sessions_core.webhooks.models import WebhookMessage

__all__ = ["AppendOnly", "Event"]


class AppendOnly(Exception):
    """Raised by an attempt to change or delete an event."""


class EventQuerySet(models.QuerySet["Event"]):
    def record(
        self,
        type: str,
        /,
        *,
        subject: str,
        workspace_id: uuid.UUID | None,
        actor: str,
        at: datetime | None = None,
        **data: Any,
    ) -> "Event":
        """Record a change, in the transaction that makes it.

        ``type`` is ``"<object>.<past tense>"``, ``subject`` the id of the object, ``actor`` the caller or operator who
        made the change, and ``data`` JSON values with details. Never pass a secret. ``workspace_id`` is None for
        events of the server itself, which are never sent as webhooks. Raise ValueError for texts that a database
        cannot store.
        """
        event = Event(
            type=type, subject=subject, workspace_id=workspace_id, actor=actor, created_at=moment(at), data=data
        )
        self.record_together([event])
        return event

    def record_together(self, events: Sequence["Event"]) -> None:
        """Do what ``record`` does for new events of any types, with one insert."""
        for event in events:
            _check(event.actor, event.data)
        if events:
            insert(events)
            WebhookMessage.objects.create_for(events)
        for _type, alike in groupby(events, key=attrgetter("type")):
            signals.schedule(list(alike))

    def record_all(
        self, type: str, /, *, subjects: Iterable[str], workspace_id: uuid.UUID, actor: str, at: datetime, **data: Any
    ) -> list["Event"]:
        """Record the same change of many objects."""
        at = moment(at)
        _check(actor, data)
        facts = {"type": type, "workspace_id": workspace_id, "actor": actor, "created_at": at, "data": data}
        events = self.bulk_create([Event(subject=subject, **facts) for subject in subjects])
        WebhookMessage.objects.create_for(events)
        signals.schedule(events)
        return events

    def update(self, **kwargs: Any) -> int:
        raise AppendOnly

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly


class Event(models.Model):
    """A recorded change. Events are audit log, history and webhook outbox in one table."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, null=True, db_index=False, related_name="events", verbose_name=WORKSPACE
    )
    type = models.CharField(pgettext_lazy("Gatepass", "type"), max_length=60)
    subject = models.CharField(pgettext_lazy("Gatepass", "subject"), max_length=60)
    actor = models.CharField(pgettext_lazy("Gatepass", "actor"), max_length=LONGEST_ACTOR)
    data = models.JSONField(pgettext_lazy("Gatepass", "data"), default=dict)
    created_at = models.DateTimeField(_("created at"))

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = pgettext_lazy("Gatepass", "event")
        verbose_name_plural = pgettext_lazy("Gatepass", "events")
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["workspace", "-id"], name="sessions_core_event_workspace"),
            models.Index(fields=["subject", "-id"], name="sessions_core_event_subject"),
            models.Index(fields=["actor", "-id"], name="sessions_core_event_actor"),
            models.Index(fields=["type", "-id"], name="sessions_core_event_type"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnly


def _check(actor: str, data: dict[str, Any]) -> None:
    text(actor, name="actor", longest=LONGEST_ACTOR)
    if not is_storable_json(data):
        raise ValueError(f"{', '.join(data)} must not contain NUL or unpaired surrogates.")
