"""The page of the dashboard, which stands in the index of the admin like the list of a model."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.text import capfirst

from sessions_core.changelists import BoundedAdmin
from sessions_core.console.dashboard import dashboard_context, may_view_any
from sessions_core.models.dashboards import Dashboard

__all__ = ["DashboardAdmin"]


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
