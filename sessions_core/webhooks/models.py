"""Webhook endpoints of a workspace.

``sessions_core.models`` imports this module, so it refers to workspaces by name only.
"""

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.crypto import tokens
from sessions_core.crypto.sealing import SealedField, open_in, seal_for
from sessions_core.db.transactions import atomic
from sessions_core.labels import WORKSPACE
from sessions_core.moments import instant, moment
from sessions_core.texts import LONGEST_REASON, text
from sessions_core.webhooks.addresses import Target

if TYPE_CHECKING:
    from sessions_core.models import Workspace

__all__ = ["OVERLAP", "WebhookEndpoint"]

# Characters
LONGEST_URL = 2000
LONGEST_DESCRIPTION = 200

# Longer than an attempt can take. After a crash of a worker the endpoint is leased this long.
LEASE = timedelta(minutes=2)

# After a rotation, messages are also signed with the previous secret for this long.
OVERLAP = timedelta(hours=24)

_IS_DISABLED = models.Q(disabled_at__isnull=False)


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
    def change(self, *, url: str, description: str, actor: str, at: datetime | None = None) -> bool:
        """Replace the URL and the description. Return True if one of them differs. Raise NotAllowed."""
        text(url, name="url", longest=LONGEST_URL)
        text(description, name="description", longest=LONGEST_DESCRIPTION)
        Target.parse(url, is_sandbox=self.workspace.is_sandbox)
        at, values = moment(at), {"url": url, "description": description}
        changed = [name for name, value in values.items() if getattr(self, name) != value]
        happened = WebhookEndpoint.objects.filter(pk=self.pk).exclude(**values).update(**values)
        if happened:
            self.url, self.description = url, description
            self._record("changed", actor=actor, at=at, changed=changed)  # a URL may contain a secret
        return bool(happened)

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
