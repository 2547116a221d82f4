"""The console's pages of user sessions, clients and signing keys."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.utils import timezone

from sessions_core.admin import FactAdmin, HistoryAdmin, confirmed, operator
from user_sessions.models import Client, Epoch, JwtTemplate, NotPending, SigningKey, Status, Ticket, UserSession

__all__ = [
    "ClientAdmin",
    "EpochAdmin",
    "JwtTemplateAdmin",
    "SigningKeyAdmin",
    "TicketAdmin",
    "UserSessionAdmin",
]


def _ending(at: datetime, by: str, reason: str) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} by {by}{reason and f': {reason}'}"


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
        "ending",
        "history",
    )
    readonly_fields = ("status_now", "ending", "history")
    actions = ("revoke", "revoke_all_of_user")

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Users are searched for by whatever the host's model calls them."""
        return ("=id", "=client__id", f"=user__{get_user_model().USERNAME_FIELD}")

    @admin.display(description="status")
    def status_now(self, session: UserSession) -> str:
        return session.status_at(timezone.now())

    @admin.display(description="ending")
    def ending(self, session: UserSession) -> str:
        """What closed it: a deed of its own, or an epoch of the workspace."""
        if session.closed_at is not None:
            return _ending(session.closed_at, session.closed_by, session.close_reason)
        epoch = Epoch.objects.filter(pk=session.epoch_id or 0).first()
        return _ending(epoch.not_before, epoch.by, epoch.reason) if epoch else "-"

    @confirmed("Revoke selected user sessions", done="revoked")
    def revoke(self, request: HttpRequest, session: UserSession) -> bool:
        return session.revoke(by=operator(request), reason="revoked in the console")

    @confirmed("Revoke every session of the users of these, in their workspace", done="users signed out")
    def revoke_all_of_user(self, request: HttpRequest, session: UserSession) -> bool:
        sessions = UserSession.objects.of_user(session.workspace, session.user_id)
        return bool(sessions.revoke(by=operator(request), reason="revoked in the console"))


@admin.register(Client)
class ClientAdmin(FactAdmin):
    list_display = ("id", "workspace", "created_at", "updated_at")
    list_filter = ("workspace",)
    list_select_related = ("workspace",)
    search_fields = ("=id",)
    fields = ("id", "workspace", "last_active_session", "created_at", "updated_at")
    date_hierarchy = "created_at"
    actions = ("revoke_sessions",)

    @confirmed("Revoke every session of selected clients", done="clients signed out")
    def revoke_sessions(self, request: HttpRequest, client: Client) -> bool:
        """For a stolen phone."""
        sessions = UserSession.objects.filter(client=client)
        return bool(sessions.revoke(by=operator(request), reason="revoked in the console"))


@admin.register(Epoch)
class EpochAdmin(FactAdmin):
    """Adding one signs everybody of a workspace out."""

    list_display = ("not_before", "workspace", "by", "reason")
    list_filter = ("workspace",)
    list_select_related = ("workspace",)
    fields = ("workspace", "reason", "not_before", "by")
    readonly_fields = ("not_before", "by")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def save_model(self, request: HttpRequest, obj: Epoch, form: Any, change: bool) -> None:
        begun = Epoch.objects.begin(obj.workspace, by=operator(request), reason=obj.reason)
        obj.pk, obj.not_before, obj.by = begun.pk, begun.not_before, begun.by


@admin.register(JwtTemplate)
class JwtTemplateAdmin(HistoryAdmin):
    """Defined through the API; a key of its own is on no page."""

    list_display = ("name", "workspace", "signing_algorithm", "lifetime", "updated_at")
    list_filter = ("workspace",)
    list_select_related = ("workspace",)
    search_fields = ("=id", "name")
    fields = (
        "id",
        "name",
        "workspace",
        "claims",
        "lifetime",
        "allowed_clock_skew",
        "is_for_session_tokens",
        "signing_algorithm",
        "created_at",
        "updated_at",
        "history",
    )
    readonly_fields = ("history",)


@admin.register(Ticket)
class TicketAdmin(HistoryAdmin):
    """Its text is shown to the backend that makes it, and on no page."""

    list_display = ("id", "kind", "user", "workspace", "status", "created_at", "expire_at")
    list_filter = ("kind", "status", "workspace")
    list_select_related = ("user", "workspace")
    search_fields = ("=id",)
    fields = (
        "id",
        "kind",
        "user",
        "workspace",
        "status",
        "actor",
        "session_lifetime",
        "created_at",
        "updated_at",
        "expire_at",
        "history",
    )
    readonly_fields = ("history",)
    actions = ("revoke",)

    @confirmed("Revoke selected tickets", done="revoked")
    def revoke(self, request: HttpRequest, ticket: Ticket) -> bool:
        try:
            ticket.revoke(by=operator(request))
        except NotPending:
            return False
        return True


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
