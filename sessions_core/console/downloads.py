"""Lists that an operator can download: all rows of the filtered list, as one signed file. Each download is an event."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.urls import URLPattern, path
from django.utils import timezone

from sessions_core.console.actions import ConfirmedActions
from sessions_core.console.console_permissions import operator, permission_for, require_permission
from sessions_core.console.exports import FORMATS, batches, download
from sessions_core.models import Event
from sessions_core.texts import printable

__all__ = ["EXPORT", "Downloads"]

# The first part of the permission's codename.
EXPORT = "export"

# The type of the event of a download.
EXPORTED = "console.exported"

# Characters of each part of a filter that the event of a download names.
LONGEST = 200


class Downloads(ConfirmedActions):
    """Base of pages whose list can be downloaded with the permission *export* of the model."""

    # What the first line of the file says that the rows are.
    exported: ClassVar[str]
    columns: ClassVar[Sequence[str]]

    def line_of(self, obj: Any, at: datetime) -> Mapping[str, Any]:
        """Return the columns of a row, as texts and JSON."""
        raise NotImplementedError

    def lines_of(self, rows: Sequence[Any], at: datetime) -> Iterable[Mapping[str, Any]]:
        """Return the columns of a batch of rows."""
        return (self.line_of(row, at) for row in rows)

    def frozen_rows(self, rows: QuerySet[Any], at: datetime) -> tuple[QuerySet[Any], dict[str, Any]]:
        """Return the rows that existed when the operator asked, and what the event says about them."""
        return rows.filter(created_at__lte=at), {}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/<str:format>/", view, name=name), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        query = request.GET.urlencode()
        links = [(format, f"{self.url_of('export', format)}?{query}") for format in FORMATS]
        shown = links if self.may(request, EXPORT) else []
        return super().changelist_view(request, {"exports": shown, **(extra_context or {})})

    def export_view(self, request: HttpRequest, format: str) -> HttpResponseBase:
        """Return all rows of the filtered list, as a file that names the filter. The download is itself an event."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        require_permission(request, permission_for(EXPORT, self.model))
        if format not in FORMATS or not self.has_view_permission(request):
            raise Http404
        now = timezone.now()
        try:
            listed = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            raise Http404 from None
        rows, facts = self.frozen_rows(listed.queryset, now)
        about = {"exported": self.exported, "filter": {**listed.params}, "at": now, "by": operator(request)}
        _record(request, listed.params, now, format=format, **facts)
        lines = (line for batch in batches(rows) for line in self.lines_of(batch, now))
        name = f"{self.exported.replace(' ', '-')}-{now:%Y%m%dT%H%M%SZ}"
        return download(lines, self.columns, about=about, name=name, format=format)


def _record(request: HttpRequest, params: Mapping[str, str], at: datetime, **facts: Any) -> None:
    """Record a download before its first row is sent. How many rows follow is unknown then."""
    given = {printable(name, longest=LONGEST): printable(value, longest=LONGEST) for name, value in params.items()}
    page = request.resolver_match.view_name if request.resolver_match else ""
    Event.objects.record(
        EXPORTED, subject=page[:60], workspace_id=None, actor=operator(request), at=at, filter=given, **facts
    )
