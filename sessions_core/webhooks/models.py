"""Webhook endpoints of a workspace, and their messages.

``sessions_core.models`` imports this module, so it refers to workspaces and events by name only.
"""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from zlib import crc32

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.crypto import tokens
from sessions_core.crypto.sealing import SealedField, open_in, seal_for
from sessions_core.db.returning import insert_all
from sessions_core.db.transactions import atomic
from sessions_core.labels import WORKSPACE
from sessions_core.moments import instant, moment
from sessions_core.texts import LONGEST_REASON, text
from sessions_core.webhooks.addresses import Target
from sessions_core.webhooks.announced import contents, is_announced

if TYPE_CHECKING:
    from sessions_core.models import Event, Workspace

__all__ = ["RETENTION", "RETRIES_AFTER", "WebhookEndpoint", "WebhookMessage"]

# Characters
LONGEST_URL = 2000
LONGEST_DESCRIPTION = 200

# Longer than an attempt can take. After a crash of a worker the endpoint is leased this long.
LEASE = timedelta(minutes=2)

# After a rotation, messages are also signed with the previous secret for this long.
OVERLAP = timedelta(hours=24)

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

_IS_DISABLED, _IS_RETRIED = Q(disabled_at__isnull=False), Q(next_attempt_at__isnull=False, attempts__gt=0)

# Up to this part of the delay is added to it, so that messages that failed together are not retried together.
JITTER = 0.2


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    def enabled(self) -> Self:
        return self.filter(disabled_at=None)

    @atomic()
    def add(
        self, workspace: "Workspace", url: str, *, actor: str, description: str = "", at: datetime | None = None
    ) -> tuple["WebhookEndpoint", str]:
        """Add an endpoint. Return the row and its secret, which cannot be read again. Raise NotAllowed."""
        text(url, name="url", longest=LONGEST_URL)
        text(description, name="description", longest=LONGEST_DESCRIPTION)
        Target.parse(url, is_sandbox=workspace.is_sandbox)
        at = moment(at)
        endpoint = WebhookEndpoint(workspace=workspace, url=url, description=description, created_at=at, busy_until=at)
        secret = tokens.new_webhook_secret()
        endpoint.sealed_secret = seal_for(endpoint, secret.encode())
        endpoint.save(force_insert=True, using=self.db)
        endpoint._record("created", actor=actor, at=at)
        return endpoint, secret


class WebhookEndpoint(models.Model):
    """A URL of a workspace that receives webhooks, and the secret that signs them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(
        "sessions_core.Workspace", on_delete=models.CASCADE, related_name="webhook_endpoints", verbose_name=WORKSPACE
    )
    url = models.CharField("URL", max_length=LONGEST_URL)
    description = models.CharField(pgettext_lazy("Gatepass", "description"), max_length=LONGEST_DESCRIPTION, blank=True)
    sealed_secret = SealedField()
    sealed_previous_secret = SealedField(null=True)
    previous_secret_until = models.DateTimeField(_("previous secret until"), null=True, blank=True, editable=False)
    busy_until = models.DateTimeField(editable=False, help_text=_("No worker sends to this endpoint before this time."))
    created_at = models.DateTimeField(_("created at"), editable=False)
    disabled_at = models.DateTimeField(_("disabled at"), null=True, blank=True, editable=False)
    disabled_reason = models.CharField(_("disabled reason"), max_length=200, blank=True, editable=False)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
        ordering = ("-created_at", "id")
        indexes = [
            models.Index(fields=["workspace", "-created_at", "id"], name="sessions_core_endpoint_page"),
            models.Index(fields=["disabled_at"], condition=_IS_DISABLED, name="sessions_core_endpoint_off"),
        ]

    def __str__(self) -> str:
        return self.url

    def secrets(self, *, at: datetime) -> list[str]:
        """Return the secrets that sign messages, newest first. Raise CannotOpen."""
        at, sealed = moment(at), [self.sealed_secret]
        if self.sealed_previous_secret and self.previous_secret_until and at < self.previous_secret_until:
            sealed.append(self.sealed_previous_secret)
        return [open_in(self, each).decode() for each in sealed]

    @atomic()
    def rotate(self, *, actor: str, at: datetime | None = None) -> str:
        """Replace the secret and return the new one. The previous secret signs as well for OVERLAP."""
        at = moment(at)
        secret = tokens.new_webhook_secret()
        WebhookEndpoint.objects.filter(pk=self.pk).update(
            sealed_secret=seal_for(self, secret.encode()),
            sealed_previous_secret=F("sealed_secret"),
            previous_secret_until=at + OVERLAP,
        )
        self._record("rotated", actor=actor, at=at)
        return secret

    @atomic()
    def disable(self, *, actor: str, reason: str = "", at: datetime | None = None) -> bool:
        """Stop sending to the endpoint. Return True if it was enabled. Pending messages stay until ``enable``."""
        text(reason, name="reason", longest=LONGEST_REASON)
        at = moment(at)
        enabled = WebhookEndpoint.objects.enabled().filter(pk=self.pk)
        happened = enabled.update(disabled_at=at, disabled_reason=reason)
        if happened:
            self._record("disabled", actor=actor, at=at, reason=reason)
        return bool(happened)

    @atomic()
    def enable(self, *, actor: str, at: datetime | None = None) -> bool:
        """Send to the endpoint again. Return True if it was disabled. Events in between are not sent."""
        at = moment(at)
        disabled = WebhookEndpoint.objects.filter(pk=self.pk, disabled_at__isnull=False)
        happened = disabled.update(disabled_at=None, disabled_reason="")
        if happened:
            self._record("enabled", actor=actor, at=at)
        return bool(happened)

    def claim(self, *, at: datetime) -> bool:
        """Lease the endpoint for an attempt. Return False if another worker leased it since it was read."""
        at = moment(at)
        unchanged = WebhookEndpoint.objects.enabled().filter(pk=self.pk, busy_until=self.busy_until)
        self.busy_until = at + LEASE
        return bool(unchanged.update(busy_until=self.busy_until))

    def release(self, *, until: datetime) -> None:
        """End the lease, unless it expired and another worker has leased the endpoint."""
        until = instant(until, name="until")
        WebhookEndpoint.objects.filter(pk=self.pk, busy_until=self.busy_until).update(busy_until=until)

    def _record(self, action: str, *, actor: str, at: datetime, **data: Any) -> None:
        self.workspace.events.record(
            f"webhook_endpoint.{action}",
            subject=str(self.pk),
            workspace_id=self.workspace_id,
            actor=actor,
            at=at,
            **data,
        )


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
            (f"msg_{tokens.random_text(24)}", endpoint, event.pk, type, body, event.created_at)
            for event, type, body in contents([event for event in announced if event.workspace_id in receiving])
            for endpoint, workspace in endpoints
            if workspace == event.workspace_id
        ]
        if messages:
            columns = ["id", "endpoint", "event", "type", "body", "next_attempt_at"]
            insert_all(WebhookMessage, columns, messages, attempts=0, last_outcome="")

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
            message = endpoint.messages.due(at=at).order_by("next_attempt_at", "event_id").first()
            if message and endpoint.claim(at=at):
                yield message


class WebhookMessage(models.Model):
    """The message about one event for one endpoint. Each attempt sends the same id and body."""

    id = models.CharField(primary_key=True, max_length=40, editable=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint,
        on_delete=models.CASCADE,
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
            models.Index(fields=["next_attempt_at"], condition=_IS_RETRIED, name="sessions_core_message_retried"),
            models.Index(fields=["dead_at"], condition=Q(dead_at__isnull=False), name="sessions_core_message_dead"),
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
        return self.pk

    def succeed(self, outcome: str, *, at: datetime) -> None:
        """Mark the message as delivered."""
        at = moment(at)
        WebhookMessage.objects.filter(pk=self.pk, delivered_at=None).update(
            delivered_at=at, next_attempt_at=None, dead_at=None, attempts=F("attempts") + 1, last_outcome=outcome
        )

    def fail(self, outcome: str, *, at: datetime) -> None:
        """Schedule the next attempt, or mark the message as dead. Do nothing if it changed since it was read."""
        at, wait = moment(at), self._wait()
        WebhookMessage.objects.filter(pk=self.pk, next_attempt_at=self.next_attempt_at).update(
            next_attempt_at=None if wait is None else at + wait,
            dead_at=at if wait is None else None,
            attempts=F("attempts") + 1,
            last_outcome=outcome,
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

    def _wait(self) -> timedelta | None:
        """Return the delay until the next attempt, or None after the last one."""
        if self.attempts >= len(RETRIES_AFTER):
            return None
        fraction = crc32(f"{self.pk}|{self.attempts}".encode()) / 2**32
        return RETRIES_AFTER[self.attempts] * (1 + JITTER * fraction)
