"""Base classes of the admin pages.

Recorded rows are read-only. Operators use actions: each asks for confirmation, checks its permission, and records an
event with the operator as actor.
"""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy

from sessions_core.console.actions import ConfirmedActions
from sessions_core.console.console_words import time_in_words
from sessions_core.models import Event

__all__ = ["FactAdmin", "HistoryAdmin"]

# Maximum number of events that a page shows of its object. It links to the list of all.
MOST_EVENTS = 100


class FactAdmin(ConfirmedActions):
    """Base of pages with read-only rows. Operators use actions, and cannot add, edit or delete rows in a form."""

    # The field that events about an object have as subject.
    subject_field: ClassVar[str] = "pk"

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

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Reject lookups on fields that no page shows, so that their values cannot be probed. A method shows the field
        that its ``ordering`` names."""
        columns = {*flatten_fieldsets(self.get_fieldsets(request)), *self.list_display}
        by_methods = {getattr(getattr(self, str(name), None), "admin_order_field", None) for name in columns}
        shown = {"pk", self.opts.pk.name, *columns, *by_methods, *map(_parameter, self.list_filter)}
        return lookup.partition("__")[0] in shown and super().lookup_allowed(lookup, value, request)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Add a button for each action that the operator may run on the object."""
        obj = kwargs.get("obj")
        links = self.buttons(request, obj) if obj is not None else []
        return super().render_change_form(request, {**context, "buttons": links}, *args, **kwargs)


def _parameter(list_filter: Any) -> str:
    """Return the first part of the query parameter of this filter."""
    field = list_filter[0] if isinstance(list_filter, tuple) else list_filter
    name: str = field if isinstance(field, str) else field.parameter_name
    return name.partition("__")[0]


class HistoryAdmin(FactAdmin):
    """Base of pages that show ``history``: the events of the object, newest first."""

    object_history_template = "sessions_core/console/object_history.html"

    def subject(self, obj: Any) -> str:
        """Return the subject of the events about this object."""
        return str(getattr(obj, self.subject_field))

    def events(self, obj: Any) -> QuerySet[Event]:
        return Event.objects.filter(subject=self.subject(obj), workspace_id=obj.workspace_id)

    @admin.display(description=pgettext_lazy("events", "history"))
    def history(self, obj: Any) -> SafeString | str:
        line = gettext("{time} — {type} by {actor}{reason}")
        facts = map(_facts, self.events(obj)[:MOST_EVENTS])
        lines = ({**each, "reason": each["reason"] and f": {each['reason']}"} for each in facts)
        return format_html_join("", f"<div>{line}</div>", lines) or gettext("Nothing recorded.")

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Show what Django logged, which actions here write, and all recorded events, whoever caused them."""
        obj = self.get_object(request, unquote(object_id))
        events = [_facts(event) for event in self.events(obj)[:MOST_EVENTS]] if obj is not None else []
        return super().history_view(request, object_id, {"events": events, **(extra_context or {})})


def _facts(event: Event) -> dict[str, Any]:
    return {
        "time": time_in_words(event.created_at),
        "type": event.type,
        "actor": event.actor,
        "reason": event.data.get("reason") or "",
    }
