"""The console's pages of this app."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.db.models import Model, Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from sessions_core.admin import FactAdmin, HistoryAdmin, confirmed, confirmed_of_all, operator
from sessions_core.changelists import BY_WORKSPACE
from user_sessions.models import (
    Client,
    Epoch,
    JwtTemplate,
    NotPending,
    SigningKey,
    Status,
    Ticket,
    UserSession,
    UserSessionQuerySet,
)

__all__ = ["ClientAdmin", "EpochAdmin", "JwtTemplateAdmin", "SigningKeyAdmin", "TicketAdmin", "UserSessionAdmin"]


# Sessions of a client that its pages show, the newest; the rest are in the list of sessions.
MOST_SESSIONS = 20

# The order of the indexes that the API pages through.
NEWEST_FIRST = ("workspace_id", "-created_at", "-id")


def _ending(at: datetime, actor: str, reason: str) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} by {actor}{reason and f': {reason}'}"


def _link(obj: Model) -> SafeString | str:
    """Its name, and the way to its page if the console has one: a host need not show its users there."""
    try:
        url = reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[quote(obj.pk)])
    except NoReverseMatch:
        return str(obj)
    return format_html('<a href="{}">{}</a>', url, obj)


def _user_name() -> str:
    """The field that the host's model has a user's name in."""
    name: str = get_user_model().USERNAME_FIELD
    return name


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
    list_filter = (StatusFilter, ("created_at", admin.DateFieldListFilter), BY_WORKSPACE)
    list_select_related = ("user", "workspace")
    ordering = NEWEST_FIRST
    search_help_text = "A session ID, a client ID, or a user name."
    fields = (
        "id",
        "user",
        "client",
        "workspace",
        "status_now",
        "impersonator",
        "created_at",
        "last_active_at",
        "seen",
        "verified_at",
        "expire_at",
        "abandon_at",
        "ending",
        "history",
    )
    readonly_fields = ("status_now", "seen", "ending", "history")
    actions = ("revoke", "revoke_all_of_user")

    def get_queryset(self, request: HttpRequest) -> Any:
        sessions: Any = super().get_queryset(request)
        return sessions.with_status_facts()

    def get_searched(self) -> Sequence[tuple[str, str]]:
        return ((r"sess_.*", "id"), (r"client_.*", "client_id"), (r".*", f"user__{_user_name()}"))

    @admin.display(description="status")
    def status_now(self, session: UserSession) -> str:
        return session.status_at(timezone.now())

    @admin.display(description="latest activity")
    def seen(self, session: UserSession) -> str:
        """Browser, device and address of its latest use."""
        activity = getattr(session, "latest_activity", None)
        return str(activity.device) if activity else "-"

    @admin.display(description="ending")
    def ending(self, session: UserSession) -> str:
        """What closed it: a deed of its own, an epoch of the workspace, or its user."""
        if session.closed_at is not None:
            return _ending(session.closed_at, session.closed_by, session.close_reason)
        epoch = Epoch.objects.filter(pk=session.epoch_id or 0).first()
        if epoch is not None:
            return _ending(epoch.not_before, epoch.actor, epoch.reason)
        return session.void_reason or "-" if session.status_at(timezone.now()) == Status.REVOKED else "-"

    @confirmed_of_all("Revoke selected user sessions", done="revoked")
    def revoke(self, request: HttpRequest, queryset: UserSessionQuerySet) -> int:
        chosen = UserSession.objects.filter(pk__in=queryset.order_by().values("pk"))  # a search joins other tables
        return len(chosen.revoke(actor=operator(request), reason="revoked in the console"))

    @confirmed("Revoke every session of the users of these, in their workspace", done="users signed out")
    def revoke_all_of_user(self, request: HttpRequest, session: UserSession) -> bool:
        sessions = UserSession.objects.in_workspace(session.workspace).of_user(session.user_id)
        return bool(sessions.revoke(actor=operator(request), reason="revoked in the console"))


@admin.register(Client)
class ClientAdmin(FactAdmin):
    """With those who signed in on it, so that a stolen phone is found by its owner."""

    list_display = ("id", "workspace", "users", "sessions", "created_at", "updated_at")
    list_filter = (("created_at", admin.DateFieldListFilter), BY_WORKSPACE)
    list_select_related = ("workspace",)
    ordering = NEWEST_FIRST
    search_help_text = "A client ID, or a user name."
    fields = ("id", "workspace", "users", "sessions", "last_active_session", "created_at", "updated_at")
    readonly_fields = ("users", "sessions")
    actions = ("revoke_sessions",)

    def get_searched(self) -> Sequence[tuple[str, str]]:
        return ((r"client_.*", "id"), (r".*", f"sessions__user__{_user_name()}"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        found, _ = super().get_search_results(request, self.model.objects.order_by(), search_term)
        # A user has many sessions on one client.
        return (queryset.filter(pk__in=found.values("pk")) if search_term.strip() else queryset), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Client]:
        """The newest sessions of each come along, in one query for all."""
        newest = (
            UserSession.objects.with_status_facts()
            .select_related("user")
            .order_by("-created_at", "-id")[:MOST_SESSIONS]
        )
        return super().get_queryset(request).prefetch_related(Prefetch("sessions", newest, to_attr="newest"))

    @admin.display
    def users(self, client: Any) -> SafeString | str:
        users = {session.user_id: session.user for session in client.newest}
        return format_html_join(", ", "{}", ([_link(user)] for user in users.values())) or "-"

    @admin.display
    def sessions(self, client: Any) -> SafeString:
        """Each with what holds now, and the way to all of them."""
        now = timezone.now()
        shown = ((_link(session), session.status_at(now)) for session in client.newest)
        every = reverse("admin:user_sessions_usersession_changelist", query={"client": client.pk})
        return format_html_join("", "<div>{} {}</div>", shown) + format_html('<a href="{}">all</a>', every)

    @confirmed("Revoke every session of selected clients", done="clients signed out")
    def revoke_sessions(self, request: HttpRequest, client: Client) -> bool:
        """For a stolen phone."""
        sessions = UserSession.objects.filter(client=client)
        return bool(sessions.revoke(actor=operator(request), reason="revoked in the console"))


class EpochForm(forms.ModelForm):
    is_meant = forms.BooleanField(label="Yes, sign everybody of this workspace out")


@admin.register(Epoch)
class EpochAdmin(FactAdmin):
    """Adding one signs everybody of a workspace out, so it is asked for twice."""

    form = EpochForm
    list_display = ("not_before", "workspace", "actor", "reason")
    ordering = ("-workspace_id", "-not_before", "-id")
    autocomplete_fields = ("workspace",)
    list_filter = (BY_WORKSPACE,)
    list_select_related = ("workspace",)
    fields = ("workspace", "reason", "not_before", "actor")
    readonly_fields = ("not_before", "actor")

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is not None:
            return super().get_fieldsets(request, obj)
        warning = "This signs everybody of the workspace out, for good. Nothing brings their sessions back."
        return [(None, {"description": warning, "fields": ("workspace", "reason", "is_meant")})]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def save_model(self, request: HttpRequest, obj: Epoch, form: Any, change: bool) -> None:
        begun = Epoch.objects.begin(obj.workspace, actor=operator(request), reason=obj.reason)
        obj.pk, obj.not_before, obj.actor = begun.pk, begun.not_before, begun.actor


@admin.register(JwtTemplate)
class JwtTemplateAdmin(HistoryAdmin):
    """Defined through the API; a key of its own is on no page."""

    list_display = ("name", "workspace", "signing_algorithm", "lifetime", "updated_at")
    ordering = NEWEST_FIRST
    list_filter = (BY_WORKSPACE,)
    list_select_related = ("workspace",)
    searched = ((r".*", "id"),)
    names = ("name",)
    search_help_text = "An ID, or a part of the name among the newest 1,000 of this list."
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

    list_display = ("id", "kind", "user", "workspace", "stored_status", "created_at", "expire_at")
    ordering = NEWEST_FIRST
    list_filter = ("kind", "stored_status", BY_WORKSPACE)
    list_select_related = ("user", "workspace")
    searched = ((r".*", "id"),)
    search_help_text = "A ticket ID."
    fields = (
        "id",
        "kind",
        "user",
        "workspace",
        "stored_status",
        "impersonator",
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
            ticket.revoke(actor=operator(request))
        except NotPending:
            return False
        return True


@admin.register(SigningKey)
class SigningKeyAdmin(HistoryAdmin):
    """The private half is not on any page."""

    list_display = ("kid", "algorithm_name", "workspace", "stage", "active_from", "published_until", "revoked_at")
    ordering = ("-workspace_id", "-active_from", "-kid")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), BY_WORKSPACE)
    list_select_related = ("workspace",)
    searched = ((r".*", "kid"),)
    search_help_text = "A key ID."
    fields = (
        "kid",
        "algorithm_name",
        "workspace",
        "stage",
        "public_jwk",
        "created_at",
        "active_from",
        "published_until",
        "revoked_at",
        "history",
    )
    readonly_fields = ("algorithm_name", "stage", "history")
    actions = ("retire", "revoke")

    @admin.display(description="algorithm", ordering="algorithm")
    def algorithm_name(self, key: SigningKey) -> str:
        """As tokens spell it."""
        return key.algorithm

    @admin.display
    def stage(self, key: SigningKey) -> str:
        return key.stage_at(timezone.now())

    @confirmed("Retire selected signing keys: each hands over to a successor", done="retired")
    def retire(self, request: HttpRequest, key: SigningKey) -> bool:
        return key.retire(actor=operator(request))

    @confirmed("Revoke selected signing keys: every token of theirs dies", done="revoked")
    def revoke(self, request: HttpRequest, key: SigningKey) -> bool:
        return key.revoke(actor=operator(request))
