"""Admin pages of user sessions, clients and epochs. Django finds the others through the import of token_admin."""

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
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from sessions_core.admin import FactAdmin, HistoryAdmin, Reason, confirmed, confirmed_of_all, operator
from sessions_core.changelists import BY_WORKSPACE
from user_sessions.console import session_panels
from user_sessions.models import Client, Epoch, Status, UserSession, UserSessionQuerySet
from user_sessions.token_admin import NEWEST_FIRST, JwtTemplateAdmin, SigningKeyAdmin, TicketAdmin

__all__ = ["ClientAdmin", "EpochAdmin", "JwtTemplateAdmin", "SigningKeyAdmin", "TicketAdmin", "UserSessionAdmin"]

session_panels.register_panels()


# A client's pages show at most this many of its newest sessions and link to the list of all.
MOST_SESSIONS = 20


def _format_ending(at: datetime, actor: str, reason: str) -> str:
    line = gettext("{time} by {actor}{reason}")
    return line.format(time=f"{at:%Y-%m-%d %H:%M:%S}", actor=actor, reason=reason and f": {reason}")


def _link(obj: Model) -> SafeString | str:
    """Return the object's name, linked to its admin page if it has one: a host may not register its users."""
    try:
        url = reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[quote(obj.pk)])
    except NoReverseMatch:
        return str(obj)
    return format_html('<a href="{}">{}</a>', url, obj)


def _username_field() -> str:
    """Return the name of the username field of the host's user model."""
    name: str = get_user_model().USERNAME_FIELD
    return name


class StatusFilter(admin.SimpleListFilter):
    """Filter by the current status, so that expired sessions are not listed as active."""

    title = pgettext_lazy("user session", "status")
    parameter_name = "status_now"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, str(status.label)) for status in Status]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.with_status(self.value(), at=timezone.now()) if self.value() in Status else queryset


@admin.register(UserSession)
class UserSessionAdmin(HistoryAdmin):
    list_display = ("id", "user", "workspace", "status_now", "seen", "created_at", "last_active_at", "expire_at")
    list_filter = (StatusFilter, ("created_at", admin.DateFieldListFilter), BY_WORKSPACE)
    list_select_related = ("user", "workspace", "latest_activity")
    ordering = NEWEST_FIRST
    search_help_text = _("A session ID, a client ID, or a user name.")
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
        ("verified_at", "second_factor_at"),
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
        return ((r"sess_.*", "id"), (r"client_.*", "client_id"), (r".*", f"user__{_username_field()}"))

    @admin.display(description=pgettext_lazy("user session", "status"))
    def status_now(self, session: UserSession) -> str:
        return str(session.status_at(timezone.now()).label)

    @admin.display(description=_("latest activity"))
    def seen(self, session: UserSession) -> str:
        """Return the browser, device and IP address of the latest use."""
        activity = session.latest_activity
        return str(activity.device) if activity else "-"

    @admin.display(description=pgettext_lazy("user session", "ending"))
    def ending(self, session: UserSession) -> str:
        """Return what closed the session: a transition, an epoch of the workspace, or a change of its user."""
        if session.closed_at is not None:
            return _format_ending(session.closed_at, session.closed_by, session.close_reason)
        epoch = Epoch.objects.filter(pk=session.epoch_id or 0).first()
        if epoch is not None:
            return _format_ending(epoch.not_before, epoch.actor, epoch.reason)
        return session.void_reason or "-" if session.status_at(timezone.now()) == Status.REVOKED else "-"

    @confirmed_of_all(
        _("Revoke selected user sessions"),
        done=pgettext_lazy("user sessions", "revoked"),
        permission="revoke",
        reason=Reason.REQUIRED,
        button=_("Revoke this session"),
    )
    def revoke(self, request: HttpRequest, queryset: UserSessionQuerySet, *, reason: str) -> int:
        chosen = UserSession.objects.filter(pk__in=queryset.order_by().values("pk"))  # a search joins other tables
        return len(chosen.revoke(actor=operator(request), reason=reason))

    @confirmed(
        _("Revoke every session of the selected sessions' users, in their workspace"),
        done=_("users signed out"),
        permission="revoke",
        reason=Reason.REQUIRED,
        button=_("Sign the user out everywhere"),
    )
    def revoke_all_of_user(self, request: HttpRequest, session: UserSession, *, reason: str) -> bool:
        sessions = UserSession.objects.in_workspace(session.workspace).of_user(session.user_id)
        return bool(sessions.revoke(actor=operator(request), reason=reason))


@admin.register(Client)
class ClientAdmin(FactAdmin):
    """Lists each client with its users, so that an operator finds a stolen phone by its owner."""

    list_display = ("id", "workspace", "users", "sessions", "created_at", "updated_at")
    list_filter = (("created_at", admin.DateFieldListFilter), BY_WORKSPACE)
    list_select_related = ("workspace",)
    ordering = NEWEST_FIRST
    search_help_text = _("A client ID, or a user name.")
    fields = ("id", "workspace", "users", "sessions", "last_active_session", "created_at", "updated_at")
    readonly_fields = ("users", "sessions")
    actions = ("revoke_sessions",)

    def get_searched(self) -> Sequence[tuple[str, str]]:
        return ((r"client_.*", "id"), (r".*", f"sessions__user__{_username_field()}"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        found, _ = super().get_search_results(request, self.model.objects.order_by(), search_term)
        # A subquery: a join would repeat a client that has several sessions of one user.
        return (queryset.filter(pk__in=found.values("pk")) if search_term.strip() else queryset), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Client]:
        """Prefetch the newest sessions of every client in one query."""
        newest = UserSession.objects.with_status_facts().select_related("user").order_by("-created_at", "-id")
        newest = newest[:MOST_SESSIONS]
        return super().get_queryset(request).prefetch_related(Prefetch("sessions", newest, to_attr="newest"))

    @admin.display(description=pgettext_lazy("client", "users"))
    def users(self, client: Any) -> SafeString | str:
        users = {session.user_id: session.user for session in client.newest}
        return format_html_join(", ", "{}", ([_link(user)] for user in users.values())) or "-"

    @admin.display(description=pgettext_lazy("client", "sessions"))
    def sessions(self, client: Any) -> SafeString:
        """Return the newest sessions with their current status, and a link to all of them."""
        now = timezone.now()
        rows = ((_link(session), session.status_at(now).label) for session in client.newest)
        url = reverse("admin:user_sessions_usersession_changelist", query={"client": client.pk})
        return format_html_join("", "<div>{} {}</div>", rows) + format_html(
            '<a href="{}">{}</a>', url, pgettext("sessions", "all")
        )

    @confirmed(_("Revoke every session of selected clients"), done=_("clients signed out"))
    def revoke_sessions(self, request: HttpRequest, client: Client) -> bool:
        """Revoke every session of a client, for example of a stolen phone."""
        sessions = UserSession.objects.filter(client=client)
        return bool(sessions.revoke(actor=operator(request), reason="revoked in the console"))


class EpochForm(forms.ModelForm):
    is_meant = forms.BooleanField(label=_("Yes, sign out every user of this workspace"))


@admin.register(Epoch)
class EpochAdmin(FactAdmin):
    """Adding an epoch signs out every user of a workspace, so the form asks for a confirmation."""

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
        warning = _("This signs out every user of the workspace. You cannot undo it.")
        return [(None, {"description": warning, "fields": ("workspace", "reason", "is_meant")})]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def save_model(self, request: HttpRequest, obj: Epoch, form: Any, change: bool) -> None:
        begun = Epoch.objects.begin(obj.workspace, actor=operator(request), reason=obj.reason)
        obj.pk, obj.not_before, obj.actor = begun.pk, begun.not_before, begun.actor
