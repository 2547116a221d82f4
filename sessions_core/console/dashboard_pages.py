"""The page of the dashboard, which stands in the index of the admin like the list of a model."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.timezone import get_current_timezone_name

from sessions_core.changelists import BoundedAdmin
from sessions_core.console.dashboard import may_view_any, shown_panels
from sessions_core.console.spans import DEFAULT, RANGES, Span
from sessions_core.models.dashboards import Dashboard

__all__ = ["DashboardAdmin", "dashboard_context"]


def dashboard_context(request: HttpRequest, site: admin.AdminSite) -> dict[str, Any]:
    """Return what the dashboard shows for the range that the address names."""
    chosen = RANGES.get(request.GET.get("range", ""), RANGES[DEFAULT])
    span = Span(chosen, timezone.now())
    return {
        "span": span,
        "ranges": RANGES.values(),
        "panels": shown_panels(request, site, span),
        "time_zone": get_current_timezone_name(),
    }


@admin.register(Dashboard)
class DashboardAdmin(BoundedAdmin):
    """Shows the panels that apps register, to each operator who may view one of them."""

    def get_urls(self) -> list[URLPattern]:
        """Return only the page itself: the rows belong to workspaces, which have pages of their own."""
        view = self.admin_site.admin_view(self.changelist_view)
        return [path("", view, name="sessions_core_dashboard_changelist")]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_view_any(request, self.admin_site)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return TemplateResponse(
            request,
            "sessions_core/console/dashboard.html",
            {
                **self.admin_site.each_context(request),
                "title": capfirst(self.opts.verbose_name_plural),
                "opts": self.opts,
                **dashboard_context(request, self.admin_site),
                **(extra_context or {}),
            },
        )
