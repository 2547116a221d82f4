"""The pages of workspaces, API keys, events and webhooks, and the door to the base classes of all admin pages."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import InlineModelAdmin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.changelists import BY_WORKSPACE, SHORT_PATTERN, UUID_PATTERN, BoundedAdmin
from sessions_core.console import core_panels
from sessions_core.console.actions import Reason, confirmed, confirmed_of_all
from sessions_core.console.console_permissions import operator
from sessions_core.console.dashboard_pages import DashboardAdmin
from sessions_core.console.event_pages import EventAdmin
from sessions_core.console.pages import FactAdmin, HistoryAdmin
from sessions_core.models import (
    AllowedOrigin,
    ApiKey,
    WebhookEndpoint,
    WebhookMessage,
    Workspace,
)
from sessions_core.models.policies import Policy, policy_models

__all__ = [
    "DashboardAdmin",
    "EventAdmin",
    "FactAdmin",
    "HistoryAdmin",
    "Reason",
    "confirmed",
    "confirmed_of_all",
    "operator",
]

core_panels.register_panels()


class AllowedOriginInline(admin.TabularInline):
    model = AllowedOrigin
    extra = 0


def _inline_of(policy: type[Policy]) -> "type[InlineModelAdmin[Any, Any]]":
    """Return an inline form for the policy of an app. Django saves a row only if a value differs from its default."""
    return type(f"{policy.__name__}Inline", (admin.StackedInline,), {"model": policy, "can_delete": False})


@admin.register(Workspace)
class WorkspaceAdmin(BoundedAdmin):
    list_display = ("name", "id", "is_sandbox", "created_at")
    list_filter = ("is_sandbox",)
    searched = ((UUID_PATTERN, "id"), (r".*", "name"))
    names = ("name",)
    search_fields = ("name",)  # for autocomplete fields of other forms
    search_help_text = _("An ID, a name, or part of a name. Partial names search only the first 1,000 workspaces.")
    readonly_fields = ("id", "created_at")

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> "list[type[InlineModelAdmin[Any, Any]]]":
        """Return the allowed origins, and the policy of each installed app."""
        return [AllowedOriginInline, *map(_inline_of, policy_models())]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return False: deleting a workspace would delete all of its sessions."""
        return False


@admin.register(ApiKey)
class ApiKeyAdmin(HistoryAdmin):
    """``manage.py api_key`` prints a secret key once; no page shows it."""

    subject_field = "short"
    list_display = ("name", "kind", "short", "workspace", "created_at", "expires_at", "revoked_at")
    list_filter = ("kind", ("revoked_at", admin.EmptyFieldListFilter), BY_WORKSPACE)
    ordering = ("-workspace_id", "-created_at", "-id")
    list_select_related = ("workspace",)
    searched = ((SHORT_PATTERN, "short"),)
    names = ("name",)
    search_help_text = _("The public part of a key, or part of a name. Names search only the newest 1,000 rows.")
    fields = (
        "name",
        "kind",
        "workspace",
        "short",
        "publishable_key",
        "created_at",
        "expires_at",
        "revoked_at",
        "history",
    )
    readonly_fields = ("publishable_key", "history")
    actions = ("revoke",)

    @admin.display(description=_("publishable key"))
    def publishable_key(self, key: ApiKey) -> str:
        return key.publishable_key

    @confirmed(_("Revoke selected API keys"), done=pgettext_lazy("API keys", "revoked"))
    def revoke(self, request: HttpRequest, key: ApiKey) -> bool:
        return key.revoke(actor=operator(request))


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(HistoryAdmin):
    """``manage.py add_webhook`` adds an endpoint and prints its secret once; no page shows the secret."""

    list_display = ("url", "workspace", "description", "created_at", "disabled_at", "disabled_reason")
    list_filter = (("disabled_at", admin.EmptyFieldListFilter), BY_WORKSPACE)
    ordering = ("-workspace_id", "-created_at", "-id")
    list_select_related = ("workspace",)
    searched = ((UUID_PATTERN, "id"),)
    names = ("url", "description")
    search_help_text = _("An ID, or part of a URL or description. Texts search only the newest 1,000 rows.")
    fields = (
        "id",
        "url",
        "workspace",
        "description",
        "created_at",
        "previous_secret_until",
        "disabled_at",
        "disabled_reason",
        "history",
    )
    readonly_fields = ("history",)
    actions = ("disable", "enable")

    @confirmed(_("Disable selected webhook endpoints"), done=pgettext_lazy("webhook endpoints", "disabled"))
    def disable(self, request: HttpRequest, endpoint: WebhookEndpoint) -> bool:
        return endpoint.disable(actor=operator(request), reason="disabled in the console")

    @confirmed(_("Enable selected webhook endpoints"), done=pgettext_lazy("webhook endpoints", "enabled"))
    def enable(self, request: HttpRequest, endpoint: WebhookEndpoint) -> bool:
        return endpoint.enable(actor=operator(request))


@admin.register(WebhookMessage)
class WebhookMessageAdmin(FactAdmin):
    """No page shows the body of a message, which contains personal data of a user."""

    list_display = ("id", "type", "endpoint", "attempts", "last_outcome", "next_attempt_at", "delivered_at", "dead_at")
    list_filter = (
        ("delivered_at", admin.EmptyFieldListFilter),
        ("dead_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("endpoint",)
    ordering = ("-event_id", "-id")
    searched = ((r"msg_.*", "id"), (r".*", "event__subject"))
    search_help_text = _("A message ID, or the subject of its event.")
    fields = (
        "id",
        "type",
        "endpoint",
        "event",
        "attempts",
        "last_outcome",
        "next_attempt_at",
        "delivered_at",
        "dead_at",
    )
    actions = ("send_again",)

    @confirmed(_("Send selected webhook messages again"), done=_("will be sent again"))
    def send_again(self, request: HttpRequest, message: WebhookMessage) -> bool:
        return message.send_again(actor=operator(request))
