"""Messages to webhook endpoints: what is sent, when it is sent again, and what became of it.

``sessions_core.models`` imports this module, so it refers to events by name only.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from zlib import crc32

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.crypto import tokens
from sessions_core.db.returning import insert_all
from sessions_core.db.transactions import atomic
from sessions_core.moments import instant, moment
from sessions_core.webhooks.announced import contents, is_announced
from sessions_core.webhooks.models import WebhookEndpoint

if TYPE_CHECKING:
    from sessions_core.models import Event

__all__ = ["DELETION_BATCH", "RETENTION", "RETRIES_AFTER", "TEST", "WebhookMessage"]

# The type of a test message.
TEST = "webhook.test"

# Messages that ``recover`` changes at most, so that its locks are short.
MOST_RECOVERED = 5000

# Delay after each failed attempt. After the last attempt the message is dead.
RETRIES_AFTER = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)

# A delivered or dead message can be read and sent again for this long. Its event is never deleted.
RETENTION = timedelta(days=30)

# Messages that one statement deletes, so that its locks are short.
DELETION_BATCH = 1000

# The newest attempts that a message keeps.
MOST_ATTEMPTS = 10

# Up to this part of the delay is added to it, so that messages that failed together are not retried together.
JITTER = 0.2

_IS_RETRIED, _IS_DEAD = Q(next_attempt_at__isnull=False, attempts__gt=0), Q(dead_at__isnull=False)


class WebhookMessageQuerySet(models.QuerySet["WebhookMessage"]):
    def due(self, *, at: datetime) -> Self:
        return self.filter(next_attempt_at__lte=moment(at))

    def create_for(self, events: Sequence["Event"]) -> None:
        """Create the messages for events, in the transaction that records them.

        The number of statements does not depend on the number of events and endpoints.
        """
        announced = [event for event in events if is_announced(event.type)]
        if not announced:
            return
        workspaces = {event.workspace_id for event in announced}
        enabled = WebhookEndpoint.objects.enabled().filter(workspace__in=workspaces).order_by()
        endpoints = list(enabled.values_list("pk", "workspace"))
        receiving = {workspace for _, workspace in endpoints}
        messages = [
            (_new_id(), endpoint, event.pk, type, body, event.created_at)
            for event, type, body in contents([event for event in announced if event.workspace_id in receiving])
            for endpoint, workspace in endpoints
            if workspace == event.workspace_id
        ]
        if messages:
            columns = ["id", "endpoint", "event", "type", "body", "next_attempt_at"]
            insert_all(WebhookMessage, columns, messages, attempts=0, last_outcome="")

    @atomic()
    def send_test(
        self, endpoint: WebhookEndpoint, *, actor: str, at: datetime | None = None
    ) -> "WebhookMessage | None":
        """Create a message that is about nothing, for this endpoint alone. Return None if the endpoint is disabled."""
        at = moment(at)
        if not WebhookEndpoint.objects.enabled().filter(pk=endpoint.pk).exists():
            return None
        subject, workspace = str(endpoint.pk), endpoint.workspace
        event = workspace.events.record(
            "webhook_endpoint.tested", subject=subject, workspace_id=workspace.pk, actor=actor, at=at
        )
        body = {"type": TEST, "timestamp": at.isoformat(), "data": {"endpoint_id": subject}}
        values = {"type": TEST, "body": json.dumps(body, separators=(",", ":")), "next_attempt_at": at}
        return self.create(id=_new_id(), endpoint=endpoint, event=event, **values)

    @atomic()
    def recover(self, endpoint: WebhookEndpoint, *, since: datetime, actor: str, at: datetime | None = None) -> int:
        """Send the failed messages of an endpoint again: those that died since then, and those that wait for a retry.

        Return their number, at most MOST_RECOVERED of each: of the dead ones those that died first.
        """
        at, since = moment(at), instant(since, name="since")
        mine = self.filter(endpoint=endpoint).order_by()
        dead = mine.filter(dead_at__gte=since).order_by("dead_at").values("pk")[:MOST_RECOVERED]
        waiting = mine.filter(next_attempt_at__gt=at, attempts__gt=0).values("pk")[:MOST_RECOVERED]
        due = {"next_attempt_at": at, "attempts": 0}
        recovered = self.filter(pk__in=waiting, next_attempt_at__gt=at).update(**due)
        recovered += self.filter(pk__in=dead, dead_at__isnull=False).update(dead_at=None, **due)
        if recovered:
            endpoint.workspace.events.record(
                "webhook_endpoint.recovered",
                subject=str(endpoint.pk),
                workspace_id=endpoint.workspace_id,
                actor=actor,
                at=at,
                since=since.isoformat(),
                messages=recovered,
            )
        return recovered

    def delete_settled(self, *, at: datetime) -> int:
        """Delete up to DELETION_BATCH messages that were delivered or dead for RETENTION. Return their number."""
        at = moment(at)
        old = self.filter(Q(delivered_at__lte=at - RETENTION) | Q(dead_at__lte=at - RETENTION))
        deleted, _ = old.filter(pk__in=old.order_by().values("pk")[:DELETION_BATCH]).delete()
        return deleted

    def claim(self, *, at: datetime, most: int) -> Iterator["WebhookMessage"]:
        """Lease endpoints with due messages and yield the next message of each, longest waiting endpoint first."""
        waiting = Exists(self.due(at=at).filter(endpoint=OuterRef("pk")))
        free = WebhookEndpoint.objects.enabled().filter(waiting, busy_until__lte=at).order_by("busy_until")
        for endpoint in free.select_related("workspace")[:most]:
            message = self.due(at=at).filter(endpoint=endpoint).order_by("next_attempt_at", "event_id").first()
            if message and endpoint.claim(at=at):
                message.endpoint = endpoint  # the thread that sends it reads nothing
                yield message


class WebhookMessage(models.Model):
    """The message about one event for one endpoint. Each attempt sends the same id and body."""

    id = models.CharField(primary_key=True, max_length=40, editable=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint,
        on_delete=models.CASCADE,
        db_index=False,
        related_name="messages",
        verbose_name=pgettext_lazy("Gatepass", "endpoint"),
    )
    event = models.ForeignKey(
        "sessions_core.Event",
        on_delete=models.PROTECT,
        db_index=False,
        related_name="webhook_messages",
        verbose_name=pgettext_lazy("Gatepass", "event"),
    )
    type = models.CharField(pgettext_lazy("Gatepass", "type"), max_length=60)
    body = models.TextField()
    attempts = models.PositiveSmallIntegerField(pgettext_lazy("Gatepass", "attempts"), default=0)
    last_outcome = models.CharField(
        _("last outcome"),
        max_length=60,
        blank=True,
        help_text=_("The status of the last response, or the error if there was none."),
    )
    attempted_at = models.DateTimeField(
        _("last attempt at"), null=True, blank=True, help_text=_("When the last attempt ended.")
    )
    response_time = models.PositiveIntegerField(
        _("response time"), null=True, blank=True, help_text=_("Duration of the last attempt, in milliseconds.")
    )
    # The outcome of each of the newest attempts, oldest first: ``at``, ``outcome`` and ``took`` in milliseconds.
    recent_attempts = models.JSONField(null=True, blank=True, editable=False)
    next_attempt_at = models.DateTimeField(_("next attempt at"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True, blank=True)
    dead_at = models.DateTimeField(_("dead at"), null=True, blank=True, help_text=_("When the last attempt failed."))

    objects = WebhookMessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook message")
        verbose_name_plural = _("webhook messages")
        ordering = ("-event_id", "id")
        indexes = [
            models.Index(
                fields=["endpoint", "next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="sessions_core_message_waiting",
            ),
            models.Index(fields=["event", "id"], name="sessions_core_message_event"),
            models.Index(fields=["endpoint", "-event", "-id"], name="sessions_core_message_endpoint"),
            # The dashboard counts messages that are retried or dead; an operator sends those of an endpoint again.
            models.Index(fields=["next_attempt_at"], condition=_IS_RETRIED, name="sessions_core_message_retried"),
            models.Index(fields=["dead_at", "endpoint"], condition=_IS_DEAD, name="sessions_core_message_dead"),
        ]
        constraints = [
            models.CheckConstraint(
                name="sessions_core_webhook_message_waits_or_is_settled",
                condition=Q(next_attempt_at__isnull=False, delivered_at=None, dead_at=None)
                | Q(next_attempt_at=None, delivered_at__isnull=False, dead_at=None)
                | Q(next_attempt_at=None, delivered_at=None, dead_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.id

    def succeed(self, outcome: str, *, at: datetime, took: timedelta | None = None) -> None:
        """Mark the message as delivered by an attempt that ended at ``at`` and took this long."""
        at = moment(at)
        WebhookMessage.objects.filter(pk=self.pk, delivered_at=None).update(
            delivered_at=at, next_attempt_at=None, dead_at=None, **self._attempt(outcome, at, took)
        )

    def fail(self, outcome: str, *, at: datetime, took: timedelta | None = None) -> None:
        """Schedule the next attempt, or mark the message as dead. Do nothing if it changed since it was read."""
        at, wait = moment(at), self._wait()
        WebhookMessage.objects.filter(pk=self.pk, next_attempt_at=self.next_attempt_at).update(
            next_attempt_at=None if wait is None else at + wait,
            dead_at=at if wait is None else None,
            **self._attempt(outcome, at, took),
        )

    @atomic()
    def send_again(self, *, actor: str, at: datetime | None = None) -> bool:
        """Make the message due now, with all its retries. Return False if it is already due."""
        at = moment(at)
        happened = WebhookMessage.objects.filter(
            Q(next_attempt_at=None) | Q(next_attempt_at__gt=at), pk=self.pk
        ).update(next_attempt_at=at, delivered_at=None, dead_at=None, attempts=0)
        if happened:
            workspace = self.endpoint.workspace
            workspace.events.record(
                "webhook_message.sent_again", subject=self.pk, workspace_id=workspace.pk, actor=actor, at=at
            )
        return bool(happened)

    def _attempt(self, outcome: str, at: datetime, took: timedelta | None) -> dict[str, Any]:
        milliseconds = None if took is None else took // timedelta(milliseconds=1)
        attempt = {"at": at.isoformat(), "outcome": outcome, "took": milliseconds}
        recent = [*(self.recent_attempts or ()), attempt][-MOST_ATTEMPTS:]
        facts = {"attempted_at": at, "response_time": milliseconds, "last_outcome": outcome, "recent_attempts": recent}
        return {"attempts": F("attempts") + 1, **facts}

    def _wait(self) -> timedelta | None:
        """Return the delay until the next attempt, or None after the last one."""
        if self.attempts >= len(RETRIES_AFTER):
            return None
        fraction = crc32(f"{self.pk}|{self.attempts}".encode()) / 2**32
        return RETRIES_AFTER[self.attempts] * (1 + JITTER * fraction)


def _new_id() -> str:
    return f"msg_{tokens.random_text(24)}"
