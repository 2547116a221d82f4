"""The pages of events: a list with filters that an index serves, a page for each as proof, and a download."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.changelists import BY_WORKSPACE
from sessions_core.console.admin_log import page_of_type
from sessions_core.console.console_words import exact, link_to, time_in_words
from sessions_core.console.downloads import Downloads
from sessions_core.console.pages import FactAdmin
from sessions_core.console.time_filters import TimeFilter
from sessions_core.models import Event
from sessions_core.texts import is_storable
from sessions_core.user_keys import key_in_text

__all__ = ["EventAdmin"]

TYPE_PATTERN = r"[a-z_]+\.[a-z_]+"


class ColumnFilter(admin.ListFilter):
    """Filters whole values of the columns that each have an index. An unknown value finds nothing."""

    title = pgettext_lazy("event", "subject, actor or type")
    template = "sessions_core/console/column_filter.html"
    parameter_name = "subject"
    columns = ("subject", "actor", "type")
    is_indexed = True

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.columns:
            if name in params and (value := params.pop(name)[-1]):
                self.used_parameters[name] = value

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [*self.columns]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not all(is_storable(str(value)) for value in self.used_parameters.values()):
            raise IncorrectLookupParameters
        return queryset.filter(**self.used_parameters)

    def choices(self, changelist: Any) -> Any:
        """Yield the link without this filter, and keep what the form needs."""
        labels = {"subject": _("Subject (an ID)"), "actor": _("Actor, such as operator:1"), "type": _("Type of event")}
        self.form = {
            "fields": [(name, labels[name], self.used_parameters.get(name, "")) for name in self.columns],
            "others": [
                (name, value)
                for name, values in changelist.filter_params.items()
                if name not in self.columns
                for value in values
            ],
        }
        yield {
            "selected": not self.used_parameters,
            "query_string": changelist.get_query_string(dict.fromkeys(self.columns)),
            "display": pgettext_lazy("filter", "All"),
        }


@admin.register(Event)
class EventAdmin(Downloads, FactAdmin):
    """Events are append-only: no page changes one."""

    exported = "events"
    columns = ("id", "created_at", "workspace", "type", "subject", "actor", "reason", "data")
    list_display = ("when", "type", "subject", "actor", "reason", "workspace")
    list_filter = (ColumnFilter, TimeFilter, BY_WORKSPACE)
    list_select_related = ("workspace",)
    searched = (
        (r"[^:]*:.*", "actor"),
        (TYPE_PATTERN, "type"),
        (r".*", "subject"),
    )
    search_help_text = _("A subject (an ID), an actor such as operator:1, or a type such as user_session.revoked.")
    fields = ("id", "exact_time", "type", "subject_page", "actor_name", "reason", "workspace", "data")
    readonly_fields = ("exact_time", "subject_page", "actor_name", "reason")

    def get_ordering(self, request: HttpRequest) -> Any:
        """Return the order of the index that serves the filters: by time, or by id among the rows of one value."""
        given = {name.partition("__")[0] for name, value in request.GET.items() if value}
        is_type = "type" in given or re.fullmatch(TYPE_PATTERN, request.GET.get("q", "").strip())
        by_id = given & {"subject", "actor"} or (given & {"q", "workspace"} and not is_type)
        return ("-id",) if by_id else ("-created_at", "-id")

    @admin.display(description=pgettext_lazy("event", "time"))
    def when(self, event: Event) -> SafeString | str:
        return time_in_words(event.created_at)

    @admin.display(description=pgettext_lazy("event", "reason"))
    def reason(self, event: Event) -> str:
        return _reason(event) or "-"

    @admin.display(description=pgettext_lazy("event", "time"))
    def exact_time(self, event: Event) -> str:
        return exact(event.created_at)

    @admin.display(description=pgettext_lazy("event", "actor"))
    def actor_name(self, event: Event) -> str:
        """Return the actor, with the user name of an operator."""
        kind, _, key = event.actor.partition(":")
        model = get_user_model()
        users: Any = QuerySet(model)
        found = users.filter(pk=key_in_text(key, model)).first() if kind == "operator" else None
        return f"{event.actor} ({found.get_username()})" if found else event.actor

    @admin.display(description=pgettext_lazy("event", "subject"))
    def subject_page(self, event: Event) -> SafeString | str:
        """Return the subject, linked to its page if it still exists. Some events are about their workspace."""
        if event.workspace is not None and event.subject == str(event.workspace_id):
            return link_to(event.workspace, event.subject)
        page = page_of_type(self.admin_site, event.type)
        try:
            rows = list(page.model._default_manager.filter(**{page.subject_field: event.subject})[:1]) if page else []
        except (ValueError, ValidationError):  # no key of such an object
            rows = []
        return link_to(rows[0], event.subject) if rows else event.subject

    def frozen_rows(self, rows: QuerySet[Any], at: datetime) -> tuple[QuerySet[Any], dict[str, Any]]:
        """Leave out events that are recorded meanwhile: they are not part of what the operator saw."""
        latest = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        return rows.filter(pk__lte=latest), {"last_event": latest}

    def line_of(self, obj: Event, at: datetime) -> Mapping[str, Any]:
        return {
            "id": obj.pk,
            "created_at": obj.created_at.isoformat(),
            "workspace": str(obj.workspace_id or ""),
            "type": obj.type,
            "subject": obj.subject,
            "actor": obj.actor,
            "reason": _reason(obj),
            "data": obj.data,
        }


def _reason(event: Event) -> str:
    return str(event.data.get("reason") or "")
