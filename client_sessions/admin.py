"""The console's page of client sessions. The token is never shown here."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from client_sessions import resources
from client_sessions.models import ClientSession, Grant, State
from sessions_core.admin import HistoryAdmin, confirmed, operator

__all__ = ["ClientSessionAdmin"]


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(State.choices)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case State.LIVE:
                return queryset.live(at=timezone.now())
            case State.EXPIRED:
                return queryset.expired(at=timezone.now())
            case State.REVOKED:
                return queryset.revoked()
        return queryset


class GrantInline(admin.TabularInline):
    model = Grant
    fields = readonly_fields = ("resource_type", "shown_id", "created_at")
    extra = 0
    can_delete = False

    @admin.display(description="resource ID")
    def shown_id(self, grant: Grant) -> str:
        """As the API writes it."""
        return resources.shown(grant.resource_type, grant.resource_id)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ClientSession)
class ClientSessionAdmin(HistoryAdmin):
    list_display = ("id", "user_identifier_key", "workspace", "state", "created_at", "expires_at")
    list_filter = (StateFilter, "workspace")
    list_select_related = ("workspace",)
    search_fields = ("=id", "=user_identifier_key", "=token_short")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    fields = (
        "id",
        "workspace",
        "user_identifier_key",
        "token_short",
        "state",
        "created_at",
        "expires_at",
        "revoked_at",
        "history",
    )
    readonly_fields = ("state", "history")
    inlines = (GrantInline,)
    actions = ("revoke",)

    @admin.display(description="state")
    def state(self, session: ClientSession) -> str:
        return session.state_at(timezone.now())

    @confirmed("Revoke selected client sessions", done="revoked")
    def revoke(self, request: HttpRequest, session: ClientSession) -> bool:
        return session.revoke(by=operator(request))
