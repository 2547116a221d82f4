"""The pages of workspaces, API keys, events and webhooks, and the door to the base classes of all admin pages."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.changelists import BY_WORKSPACE, SHORT_PATTERN
from sessions_core.console.actions import Reason, confirmed, confirmed_of_all
from sessions_core.console.console_permissions import operator
from sessions_core.console.pages import FactAdmin, HistoryAdmin
from sessions_core.console.webhook_message_pages import WebhookMessageAdmin
from sessions_core.console.webhook_pages import WebhookEndpointAdmin
from sessions_core.console.workspace_pages import WorkspaceAdmin
from sessions_core.models import ApiKey, Event

__all__ = [
    "FactAdmin",
    "HistoryAdmin",
    "Reason",
    "WebhookEndpointAdmin",
    "WebhookMessageAdmin",
    "WorkspaceAdmin",
    "confirmed",
    "confirmed_of_all",
    "operator",
]


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


@admin.register(Event)
class EventAdmin(FactAdmin):
    list_display = ("created_at", "type", "subject", "actor", "workspace")
    list_filter = (BY_WORKSPACE,)
    list_select_related = ("workspace",)
    searched = (
        (r"[^:]*:.*", "actor"),
        (r"[a-z_]+\.[a-z_]+", "type"),
        (r".*", "subject"),
    )
    search_help_text = _("A subject (an ID), an actor such as operator:1, or a type such as user_session.revoked.")
