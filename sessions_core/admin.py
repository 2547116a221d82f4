"""Base classes of the admin pages, and the pages of workspaces, API keys, events and webhooks.

Recorded rows are read-only. Operators use actions: each asks for confirmation, checks the permission, and records an
event with the operator as actor.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import InlineModelAdmin
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from sessions_core.changelists import BY_WORKSPACE, SHORT_PATTERN, UUID_PATTERN, BoundedAdmin
from sessions_core.console.dashboard_pages import DashboardAdmin
from sessions_core.models import (
    AllowedOrigin,
    ApiKey,
    Event,
    WebhookEndpoint,
    WebhookMessage,
    Workspace,
)
from sessions_core.models.policies import Policy, policy_models

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

# Maximum number of rows that a confirmation page lists.
MOST_SHOWN = 100

__all__ = ["DashboardAdmin", "FactAdmin", "HistoryAdmin", "confirmed", "confirmed_of_all", "operator"]


def operator(request: HttpRequest) -> str:
    """Return the actor that events record for the signed-in operator."""
    return f"operator:{request.user.pk}"


class FactAdmin(BoundedAdmin):
    """Base of pages with read-only rows. Operators use actions, and cannot add, edit or delete rows in a form."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return False on the pages of this model. On other pages the usual permission applies: Django asks for it
        before a deletion that cascades to these rows, such as the deletion of a user."""
        page = request.resolver_match.url_name if request.resolver_match else None
        own = f"{self.opts.app_label}_{self.opts.model_name}_"
        is_cascade = obj is not None and page is not None and not page.startswith(own)
        return is_cascade and super().has_delete_permission(request, obj)

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Return True if the user may run actions: the model's change permission."""
        return super().has_change_permission(request)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Reject lookups on fields that no page shows, so that their values cannot be probed."""
        fields = flatten_fieldsets(self.get_fieldsets(request))
        shown = {"pk", self.opts.pk.name, *fields, *self.list_display, *map(_parameter, self.list_filter)}
        return lookup.partition("__")[0] in shown and super().lookup_allowed(lookup, value, request)


def _parameter(list_filter: Any) -> str:
    """Return the first part of the query parameter of this filter."""
    field = list_filter[0] if isinstance(list_filter, tuple) else list_filter
    name: str = field if isinstance(field, str) else field.parameter_name
    return name.partition("__")[0]


class HistoryAdmin(FactAdmin):
    """Base of pages that show ``history``: the events of the object, newest first."""

    def subject(self, obj: Any) -> str:
        """Return the subject of the events about this object."""
        return str(obj.pk)

    def events(self, obj: Any) -> QuerySet[Event]:
        return Event.objects.filter(subject=self.subject(obj), workspace_id=obj.workspace_id)

    @admin.display(description=pgettext_lazy("events", "history"))
    def history(self, obj: Any) -> SafeString | str:
        events = self.events(obj)[:100]
        line = gettext("{time} — {type} by {actor}{reason}")
        return format_html_join("", f"<div>{line}</div>", map(_facts, events)) or gettext("Nothing recorded.")


def _facts(event: Event) -> dict[str, str]:
    reason = event.data.get("reason")
    return {
        "time": f"{event.created_at:%Y-%m-%d %H:%M:%S}",
        "type": event.type,
        "actor": event.actor,
        "reason": f": {reason}" if reason else "",
    }


# A method of a ModelAdmin that changes one object and returns True if it changed.
RowAction = Callable[[Any, HttpRequest, Any], bool]
# A method of a ModelAdmin that changes all rows of a queryset and returns how many changed.
BulkAction = Callable[[Any, HttpRequest, Any], int]


def confirmed(description: "_StrOrPromise", *, done: "_StrOrPromise") -> Callable[[RowAction], Any]:
    """Make an admin action of a method: confirm, change each object, report. ``done`` completes "3 of 4 …"."""

    def decorate(act: RowAction) -> Any:
        def act_on_each(self: FactAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> int:
            return sum(act(self, request, obj) for obj in queryset)

        act_on_each.__name__ = act.__name__
        return confirmed_of_all(description, done=done)(act_on_each)

    return decorate


def confirmed_of_all(description: "_StrOrPromise", *, done: "_StrOrPromise") -> Callable[[BulkAction], Any]:
    """Do the same with a method that changes all rows at once."""

    def decorate(act: BulkAction) -> Any:
        @admin.action(description=description, permissions=["act"])
        def action(self: FactAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
            if not self.has_act_permission(request):
                raise PermissionDenied
            if "confirmed" not in request.POST:
                return _ask(self, request, queryset, description=description, action=act.__name__)
            chosen = queryset.count()
            facts = {"changed": act(self, request, queryset), "chosen": chosen, "done": done}
            self.message_user(request, gettext("%(changed)d of %(chosen)d %(done)s.") % facts, messages.SUCCESS)
            return None

        action.__name__ = act.__name__
        return action

    return decorate


def _ask(
    model_admin: FactAdmin, request: HttpRequest, queryset: QuerySet[Any], *, description: "_StrOrPromise", action: str
) -> HttpResponse:
    """Render the confirmation. For a whole list the form repeats the list's filters, not the ids of its rows."""
    is_across = request.POST.get("select_across") == "1"
    count = queryset.count()
    return TemplateResponse(
        request,
        "sessions_core/admin/confirm.html",
        {
            **model_admin.admin_site.each_context(request),
            "title": description,
            "opts": model_admin.model._meta,
            "count": count,
            "shown": queryset[:MOST_SHOWN],
            "chosen": queryset[:1] if is_across else queryset,
            "is_across": is_across,
            "action": action,
            "checkbox": ACTION_CHECKBOX_NAME,
        },
    )


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

    def subject(self, obj: ApiKey) -> str:
        return obj.short

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
