"""``{% gatepass_dashboard %}`` shows the dashboard on another page, such as the index of an admin site."""

from typing import Any

from django import template
from django.contrib import admin

from sessions_core.console.dashboard import dashboard_context, may_view_any

__all__ = ["gatepass_dashboard"]

register = template.Library()


@register.inclusion_tag("sessions_core/console/panels.html", takes_context=True)
def gatepass_dashboard(context: Any) -> dict[str, Any]:
    """Show the panels that the operator may view, or nothing."""
    request = context["request"]
    return dashboard_context(request, admin.site) if may_view_any(request, admin.site) else {}
