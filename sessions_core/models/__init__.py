"""Workspaces, API keys, policies, events and webhooks."""

from sessions_core.models.api_keys import ApiKey, NotRollable
from sessions_core.models.dashboards import Dashboard  # noqa: F401  (Django looks for models here)
from sessions_core.models.events import AppendOnly, Event
from sessions_core.models.refusal_counts import RefusalCount  # noqa: F401  (as above)
from sessions_core.models.workspaces import AllowedOrigin, NoDefaultWorkspace, Workspace
from sessions_core.webhooks.messages import WebhookMessage
from sessions_core.webhooks.models import WebhookEndpoint

__all__ = [
    "AllowedOrigin",
    "ApiKey",
    "AppendOnly",
    "Event",
    "NoDefaultWorkspace",
    "NotRollable",
    "WebhookEndpoint",
    "WebhookMessage",
    "Workspace",
]
