"""The console's pages of user sessions, clients and signing keys."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.utils import timezone

from sessions_core.admin import FactAdmin, HistoryAdmin, confirmed, operator
from user_sessions.models import Client, SigningKey, Status, UserSession

__all__ = ["ClientAdmin", "SigningKeyAdmin", "UserSessionAdmin"]


class StatusFilter(admin.SimpleListFilter):
    """By what holds now, so that an expired session is not listed as active."""

    title = "status"
    parameter_name = "status_now"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(Status.choices)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.with_status(self.value(), at=timezone.now()) if self.value() in Status else queryset


@admin.register(UserSession)
class UserSessionAdmin(HistoryAdmin):
    list_display = ("id", "user", "workspace", "status_now", "created_at", "last_active_at", "expire_at")
    list_filter = (StatusFilter, "workspace")
    list_select_related = ("user", "workspace")
    date_hierarchy = "created_at"
    fields = (
        "id",
        "user",
        "client",
        "workspace",
        "status_now",
        "actor",
        "created_at",
        "last_active_at",
        "expire_at",
        "abandon_at",
        "closed_at",
        "closed_by",
        "close_reason",
        "history",
    )
    readonly_fields = ("status_now", "history")
    actions = ("revoke",)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Users are searched for by whatever the host's model calls them."""
        return ("=id", "=client__id", f"=user__{get_user_model().USERNAME_FIELD}")

    @admin.display(description="status")
    def status_now(self, session: UserSession) -> str:
        return session.status_at(timezone.now())

    @confirmed("Revoke selected user sessions", done="revoked")
    def revoke(self, request: HttpRequest, session: UserSession) -> bool:
        return session.revoke(by=operator(request), reason="revoked in the console")


@admin.register(Client)
class ClientAdmin(FactAdmin):
    list_display = ("id", "workspace", "created_at", "updated_at")
    list_filter = ("workspace",)
    list_select_related = ("workspace",)
    search_fields = ("=id",)
    date_hierarchy = "created_at"


@admin.register(SigningKey)
class SigningKeyAdmin(HistoryAdmin):
    """The private half is not on any page."""

    list_display = ("kid", "algorithm", "workspace", "stage", "active_from", "published_until", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "workspace")
    list_select_related = ("workspace",)
    search_fields = ("=kid",)
    fields = (
        "kid",
        "algorithm",
        "workspace",
        "stage",
        "public_jwk",
        "created_at",
        "active_from",
        "published_until",
        "revoked_at",
        "history",
    )
    readonly_fields = ("stage", "history")
    actions = ("retire", "revoke")

    @admin.display
    def stage(self, key: SigningKey) -> str:
        return key.stage_at(timezone.now())

    @confirmed("Retire selected signing keys: another one signs from now on", done="retired")
    def retire(self, request: HttpRequest, key: SigningKey) -> bool:
        return key.retire(by=operator(request))

    @confirmed("Revoke selected signing keys: every token of theirs dies", done="revoked")
    def revoke(self, request: HttpRequest, key: SigningKey) -> bool:
        return key.revoke(by=operator(request))

    def subject(self, key: SigningKey) -> str:
        return key.kid
