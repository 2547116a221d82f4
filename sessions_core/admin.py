"""The console's ground rules, and the pages of workspaces, API keys and events.

What happened is shown and never edited: an operator acts through actions, each confirmed, permission-checked and
recorded as an event under their name.
"""

from collections.abc import Callable
from typing import Any

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

from sessions_core.changelists import BY_WORKSPACE, SHORT_PATTERN, UUID_PATTERN, BoundedAdmin
from sessions_core.models import (
    AllowedOrigin,
    ApiKey,
    Event,
    WebhookEndpoint,
    WebhookMessage,
    Workspace,
)
from sessions_core.models.policies import Policy, policy_models

# Rows that a confirmation lists.
MOST_SHOWN = 100

__all__ = ["FactAdmin", "HistoryAdmin", "confirmed", "confirmed_of_all", "operator"]


def operator(request: HttpRequest) -> str:
    """How events name the person at the console."""
    return f"operator:{request.user.pk}"


class FactAdmin(BoundedAdmin):
    """Rows that may be looked at and acted upon, and are neither added, edited nor deleted by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse on the pages of this model. Other pages ask before a deletion that cascades to our rows, such as that
        of a user: there the person needs the permission, as for any model."""
        page = request.resolver_match.url_name if request.resolver_match else None
        own = f"{self.opts.app_label}_{self.opts.model_name}_"
        is_cascade = obj is not None and page is not None and not page.startswith(own)
        return is_cascade and super().has_delete_permission(request, obj)

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Whether the actions are open: the model's change permission, though nothing is edited in a form."""
        return super().has_change_permission(request)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """What is on no page can be asked for by none, not letter by letter either."""
        fields = flatten_fieldsets(self.get_fieldsets(request))
        shown = {"pk", self.opts.pk.name, *fields, *self.list_display, *map(_parameter, self.list_filter)}
        return lookup.partition("__")[0] in shown and super().lookup_allowed(lookup, value, request)


def _parameter(list_filter: Any) -> str:
    """What a query begins with that asks this filter."""
    field = list_filter[0] if isinstance(list_filter, tuple) else list_filter
    name: str = field if isinstance(field, str) else field.parameter_name
    return name.partition("__")[0]


class HistoryAdmin(FactAdmin):
    """Facts with a story: ``history`` lists the events of the object, newest first."""

    def subject(self, obj: Any) -> str:
        """The id that events know the object by."""
        return str(obj.pk)

    def events(self, obj: Any) -> QuerySet[Event]:
        return Event.objects.filter(subject=self.subject(obj), workspace_id=obj.workspace_id)

    @admin.display(description="history")
    def history(self, obj: Any) -> SafeString | str:
        events = self.events(obj)[:100]
        lines = ((f"{event.created_at:%Y-%m-%d %H:%M:%S}", event.type, event.actor, _why(event)) for event in events)
        return format_html_join("", "<div>{} — {} by {}{}</div>", lines) or "Nothing recorded."


def _why(event: Event) -> str:
    reason = event.data.get("reason")
    return f": {reason}" if reason else ""


# A method of a ModelAdmin that treats one object, and answers whether anything changed.
RowAction = Callable[[Any, HttpRequest, Any], bool]
# One that treats all of a queryset, and answers how many changed.
BulkAction = Callable[[Any, HttpRequest, Any], int]


def confirmed(description: str, *, done: str) -> Callable[[RowAction], Any]:
    """Make an action of a treatment: ask first, then act each, then say how many. ``done`` completes "3 of 4 …"."""

    def decorate(act: RowAction) -> Any:
        def act_on_each(self: FactAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> int:
            return sum(act(self, request, obj) for obj in queryset)

        act_on_each.__name__ = act.__name__
        return confirmed_of_all(description, done=done)(act_on_each)

    return decorate


def confirmed_of_all(description: str, *, done: str) -> Callable[[BulkAction], Any]:
    """The same of what treats all rows at once, however many."""

    def decorate(act: BulkAction) -> Any:
        @admin.action(description=description, permissions=["act"])
        def action(self: FactAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
            if not self.has_act_permission(request):
                raise PermissionDenied
            if "confirmed" not in request.POST:
                return _ask(self, request, queryset, description=description, action=act.__name__)
            chosen = queryset.count()
            self.message_user(request, f"{act(self, request, queryset)} of {chosen} {done}.", messages.SUCCESS)
            return None

        action.__name__ = act.__name__
        return action

    return decorate


def _ask(
    model_admin: FactAdmin, request: HttpRequest, queryset: QuerySet[Any], *, description: str, action: str
) -> HttpResponse:
    """Show some of the rows and say how many there are. All of a list travel as the list's own filters, not as ids."""
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
    """The form of an app's policy. A row is made once it differs from the defaults."""
    return type(f"{policy.__name__}Inline", (admin.StackedInline,), {"model": policy, "can_delete": False})


@admin.register(Workspace)
class WorkspaceAdmin(BoundedAdmin):
    list_display = ("name", "id", "is_sandbox", "created_at")
    list_filter = ("is_sandbox",)
    searched = ((UUID_PATTERN, "id"), (r".*", "name"))
    names = ("name",)
    search_fields = ("name",)  # where other forms look a workspace up
    search_help_text = "An ID or a name, or a part of the name among the first 1,000."
    readonly_fields = ("id", "created_at")

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> "list[type[InlineModelAdmin[Any, Any]]]":
        """The origins, and the policy of each installed app."""
        return [AllowedOriginInline, *map(_inline_of, policy_models())]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A tenant is not one wrong click away from losing every session."""
        return False


@admin.register(ApiKey)
class ApiKeyAdmin(HistoryAdmin):
    """A secret key is shown once, to whoever makes it with ``manage.py issue_api_key``."""

    list_display = ("name", "kind", "short", "workspace", "created_at", "revoked_at")
    list_filter = ("kind", ("revoked_at", admin.EmptyFieldListFilter), BY_WORKSPACE)
    ordering = ("-workspace_id", "-created_at", "-id")
    list_select_related = ("workspace",)
    searched = ((SHORT_PATTERN, "short"),)
    names = ("name",)
    search_help_text = "The public part of a key, or a part of the name among the newest 1,000 of this list."
    fields = ("name", "kind", "workspace", "short", "publishable_key", "created_at", "revoked_at", "history")
    readonly_fields = ("publishable_key", "history")
    actions = ("revoke",)

    def subject(self, obj: ApiKey) -> str:
        return obj.short

    @confirmed("Revoke selected API keys", done="revoked")
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
    search_help_text = "A subject (an id), an actor such as operator:1, or a type such as user_session.revoked."


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(HistoryAdmin):
    """Made by ``manage.py add_webhook``, which shows its secret once; no page does."""

    list_display = ("url", "workspace", "description", "created_at", "disabled_at", "disabled_reason")
    list_filter = (("disabled_at", admin.EmptyFieldListFilter), BY_WORKSPACE)
    ordering = ("-workspace_id", "-created_at", "-id")
    list_select_related = ("workspace",)
    searched = ((UUID_PATTERN, "id"),)
    names = ("url", "description")
    search_help_text = "An ID, or a part of the URL or description among the newest 1,000 of this list."
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

    @confirmed("Disable selected webhook endpoints", done="disabled")
    def disable(self, request: HttpRequest, endpoint: WebhookEndpoint) -> bool:
        return endpoint.disable(actor=operator(request), reason="disabled in the console")

    @confirmed("Enable selected webhook endpoints", done="enabled")
    def enable(self, request: HttpRequest, endpoint: WebhookEndpoint) -> bool:
        return endpoint.enable(actor=operator(request))


@admin.register(WebhookMessage)
class WebhookMessageAdmin(FactAdmin):
    """What it says of a user is for the endpoint and on no page."""

    list_display = ("id", "type", "endpoint", "attempts", "last_outcome", "next_attempt_at", "delivered_at", "dead_at")
    list_filter = (
        ("delivered_at", admin.EmptyFieldListFilter),
        ("dead_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("endpoint",)
    ordering = ("-event_id", "-id")
    searched = ((r"msg_.*", "id"), (r".*", "event__subject"))
    search_help_text = "A message ID, or the subject of its event."
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

    @confirmed("Send selected webhook messages again", done="will be sent again")
    def send_again(self, request: HttpRequest, message: WebhookMessage) -> bool:
        return message.send_again(actor=operator(request))
