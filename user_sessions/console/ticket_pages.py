"""The pages of tickets. They never show a ticket's text."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.changelists import BY_WORKSPACE
from sessions_core.console.actions import confirmed
from sessions_core.console.console_permissions import operator
from sessions_core.console.pages import HistoryAdmin
from user_sessions.console.impersonation_pages import Impersonating
from user_sessions.models import NotPending, Ticket

__all__ = ["NEWEST_FIRST", "TicketAdmin"]

# Matches the indexes that the API pages through.
NEWEST_FIRST = ("workspace_id", "-created_at", "-id")


@admin.register(Ticket)
class TicketAdmin(Impersonating, HistoryAdmin):
    """Shows tickets without their text, which only the creator of a ticket receives."""

    list_display = ("id", "kind", "user", "workspace", "status_now", "created_at", "expire_at")
    ordering = NEWEST_FIRST
    list_filter = ("kind", "stored_status", BY_WORKSPACE)
    list_select_related = ("user", "workspace")
    searched = ((r".*", "id"),)
    search_help_text = _("A ticket ID.")
    fields = (
        "id",
        "kind",
        "user",
        "workspace",
        "status_now",
        "impersonator",
        "session_lifetime",
        "created_at",
        "updated_at",
        "expire_at",
        "history",
    )
    readonly_fields = ("status_now", "history")
    actions = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> Any:
        tickets: Any = super().get_queryset(request)
        return tickets.with_status_facts()

    @admin.display(description=pgettext_lazy("ticket", "status"))
    def status_now(self, ticket: Ticket) -> str:
        return str(ticket.status_at(timezone.now()).label)

    @confirmed(_("Revoke selected tickets"), done=pgettext_lazy("tickets", "revoked"))
    def revoke(self, request: HttpRequest, ticket: Ticket) -> bool:
        try:
            ticket.revoke(actor=operator(request))
        except NotPending:
            return False
        return True
