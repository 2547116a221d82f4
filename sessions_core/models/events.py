"""Events: an append-only log."""

import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core import signals
from sessions_core.batches import BATCH, batches
from sessions_core.db.returning import Insert, Inserts, insert_all, insert_together
from sessions_core.db.transactions import atomic
from sessions_core.labels import WORKSPACE
from sessions_core.models.workspaces import Workspace
from sessions_core.moments import moment
from sessions_core.texts import LONGEST_ACTOR, is_storable_json, text
from sessions_core.webhooks.announced import is_announced
from sessions_core.webhooks.messages import WebhookMessage
from sessions_core.webhooks.models import WebhookEndpoint

__all__ = ["AppendOnly", "Event", "collect_recorded"]

# The ids of the events that this thread or task records, while ``collect_recorded`` runs.
_recorded: ContextVar[list[int] | None] = ContextVar("_recorded", default=None)

# The reason of events about what an erasure ends.
USER_ERASED = "user_erased"


@contextmanager
def collect_recorded() -> Iterator[list[int]]:
    """Collect the ids of the events recorded inside, also of those that are rolled back."""
    ids: list[int] = []
    token = _recorded.set(ids)
    try:
        yield ids
    finally:
        _recorded.reset(token)


def _collect(ids: Iterable[int]) -> None:
    if (collected := _recorded.get()) is not None:
        collected.extend(ids)


class AppendOnly(Exception):
    """Raised by an attempt to change or delete an event. Only ``EventQuerySet.pseudonymise`` changes events."""


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

    def record_together(self, events: Sequence["Event"], *, beside: Inserts = ()) -> None:
        """Do what ``record`` does for new events of any types, and insert the new rows ``beside`` them together."""
        for event in events:
            _check(event.actor, event.data)
        if events or beside:
            insert_together(*beside, (_INSERT, events))
        _collect(event.pk for event in events)
        if announced := [event for event in events if event.has_endpoints]:
            WebhookMessage.objects.create_for(announced)
        for _type, alike in groupby(events, key=attrgetter("type")):
            signals.schedule(list(alike))

    def record_all(
        self, type: str, /, *, subjects: Sequence[str], workspace_id: uuid.UUID, actor: str, at: datetime, **data: Any
    ) -> None:
        """Record the same change of many objects. Their number does not change the number of statements."""
        at = moment(at)
        _check(actor, data)
        columns = {"type": type, "workspace_id": workspace_id, "actor": actor, "created_at": at, "data": data}
        rows = insert_all(Event, ["subject"], ([subject] for subject in subjects), **columns)
        _collect(key for key, _subject in rows)
        has_endpoints = is_announced(type) and WebhookEndpoint.objects.enabled().filter(workspace=workspace_id).exists()
        if has_endpoints or signals.has_receivers(type):
            events = [Event(pk=key, subject=subject, **columns) for key, subject in rows]
            if has_endpoints:
                WebhookMessage.objects.create_for(events)
            signals.schedule(events)

    def of(self, *, subjects: Collection[str], actors: Collection[str]) -> "Iterator[Event]":
        """Yield the events about these subjects or by these actors, each once."""
        for some in batches(subjects):
            yield from self.filter(subject__in=some)
        for some in batches(actors):
            for event in self.filter(actor__in=some):
                if event.subject not in subjects:
                    yield event

    @atomic()
    def pseudonymise(
        self,
        pseudonym: str,
        *,
        subjects: Collection[str],
        actors: Collection[str],
        clients: Collection[str],
        impersonator: str,
        kept: Collection[str],
    ) -> int:
        """Replace a person in events, the one change that they allow. Return how many events changed.

        In events about ``subjects``, the pseudonym replaces the subject, the actor if it is one of ``actors`` or
        ``clients``, and all data but ``kept``. In others by ``actors`` it replaces the actor, and in those that name
        the person as ``impersonator`` it replaces the impersonator.
        """
        changed = []
        for event in self.of(subjects=subjects, actors=actors):
            if event.subject in subjects:
                event.data = _without_person(event, pseudonym, kept)
                event.actor = pseudonym if event.actor in clients else event.actor
                event.subject = pseudonym
            event.actor = pseudonym if event.actor in actors else event.actor
            changed.append(event)
        self._rewrite(changed)
        impersonations = list(self.filter(data__impersonator__sub=impersonator))
        for event in impersonations:
            event.data = {**event.data, "impersonator": {"sub": pseudonym}}
        self._rewrite(impersonations)
        return len({event.pk for event in (*changed, *impersonations)})

    def _rewrite(self, events: "Sequence[Event]") -> None:
        plain: Any = models.QuerySet(self.model)
        plain.bulk_update(events, ["subject", "actor", "data"], batch_size=BATCH)

    pseudonymise.alters_data = True  # type: ignore[attr-defined]  # not for templates

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

    # Set by ``record``: True if the workspace has an endpoint that receives webhooks.
    has_endpoints: bool

    class Meta:
        verbose_name = pgettext_lazy("Gatepass", "event")
        verbose_name_plural = pgettext_lazy("Gatepass", "events")
        ordering = ("-id",)
        permissions = [("export_event", "Can export event")]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="sessions_core_event_time"),
            models.Index(fields=["workspace", "-id"], name="sessions_core_event_workspace"),
            models.Index(fields=["subject", "-id"], name="sessions_core_event_subject"),
            models.Index(fields=["actor", "-id"], name="sessions_core_event_actor"),
            # By time, because the dashboard counts the events of a type between two times.
            models.Index(fields=["type", "-created_at", "-id"], name="sessions_core_event_type"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnly


def _without_person(event: Event, pseudonym: str, kept: Collection[str]) -> dict[str, Any]:
    """Return the data without what could identify a person. Reasons of programs are codes, those of people are not."""
    is_code = event.actor.startswith("system:") or event.data.get("reason") == USER_ERASED
    harmless = {*kept, "reason"} if is_code else set(kept)
    return {
        name: value if name in harmless or isinstance(value, bool) or value in (None, "") else pseudonym
        for name, value in event.data.items()
    }


def _check(actor: str, data: dict[str, Any]) -> None:
    text(actor, name="actor", longest=LONGEST_ACTOR)
    if not is_storable_json(data):
        raise ValueError(f"{', '.join(data)} must not contain NUL or unpaired surrogates.")


# The statement that inserts an event also tells whether anyone receives webhooks about it.
_INSERT = Insert(
    Event,
    lambda: {"has_endpoints": Exists(WebhookEndpoint.objects.enabled().filter(workspace=OuterRef("workspace")))},
)
