"""The pages of clients and of epochs."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Model, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from sessions_core.changelists import BY_WORKSPACE
from sessions_core.console.actions import Reason, confirmed
from sessions_core.console.console_permissions import operator, permission_for, require_permission
from sessions_core.console.console_words import address_of, link_to
from sessions_core.console.pages import FactAdmin
from sessions_core.console.recent_authentication import require_recent_authentication
from user_sessions.console.own_sessions import own_session, without_own
from user_sessions.console.session_consequences import consequences
from user_sessions.console.ticket_pages import NEWEST_FIRST
from user_sessions.models import Client, Epoch, UserSession

__all__ = ["MOST_SESSIONS", "ClientAdmin", "EpochAdmin"]

# A client's pages show at most this many of its newest sessions and link to the list of all.
MOST_SESSIONS = 20


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
        return ((r"client_.*", "id"), (r".*", f"sessions__user__{get_user_model().USERNAME_FIELD}"))

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
        return format_html_join(", ", "{}", ([link_to(user)] for user in users.values())) or "-"

    @admin.display(description=pgettext_lazy("client", "sessions"))
    def sessions(self, client: Any) -> SafeString:
        """Return the newest sessions with their current status, and a link to all of them."""
        now = timezone.now()
        rows = ((link_to(session), session.status_at(now).label) for session in client.newest)
        url = address_of(self.admin_site, UserSession, "changelist", query={"client": client.pk})
        every = format_html('<a href="{}">{}</a>', url, pgettext("sessions", "all")) if url else ""
        return format_html("{}{}", format_html_join("", "<div>{} {}</div>", rows), every)

    def consequences(self, request: HttpRequest, action: str, queryset: QuerySet[Any]) -> Sequence[str]:
        sessions: Any = UserSession.objects.filter(client__in=queryset.order_by().values("pk"))
        own = own_session(request)
        leaves_out_own = bool(own) and sessions.filter(pk=own).exists()
        return consequences(without_own(request, sessions), leaves_out_own=leaves_out_own, at=timezone.now())

    @confirmed(
        _("Revoke every session of selected clients"),
        done=_("clients signed out"),
        permission="user_sessions.revoke_usersession",
        reason=Reason.REQUIRED,
        button=_("Revoke every session of this client"),
    )
    def revoke_sessions(self, request: HttpRequest, client: Client, *, reason: str) -> bool:
        """Revoke every session of a client, for example of a stolen phone."""
        sessions = without_own(request, UserSession.objects.filter(client=client))
        return bool(sessions.revoke(actor=operator(request), reason=reason))


class EpochForm(forms.ModelForm):
    is_meant = forms.BooleanField(label=_("Yes, sign out every user of this workspace"))


@admin.register(Epoch)
class EpochAdmin(FactAdmin):
    """Adding an epoch signs out every user of a workspace, so the form asks for a confirmation."""

    form = EpochForm
    subject_field = "workspace_id"  # an epoch is an event of its workspace
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
        warning = format_html(
            "{} {}", gettext("This signs out every user of the workspace. You cannot undo it."), _own_end(request)
        )
        return [(None, {"description": warning, "fields": ("workspace", "reason", "is_meant")})]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        require_permission(request, permission_for("add", Epoch))
        require_recent_authentication(request)
        return super().add_view(request, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Epoch, form: Any, change: bool) -> None:
        begun = Epoch.objects.begin(obj.workspace, actor=operator(request), reason=obj.reason)
        obj.pk, obj.not_before, obj.actor = begun.pk, begun.not_before, begun.actor


def _own_end(request: HttpRequest) -> str:
    """Return a sentence about the operator's own session, which an epoch does not leave out."""
    session = getattr(request, "user_session", None)
    if not session:
        return ""
    text = gettext(
        "Your own session of this console is in the workspace {workspace}: an epoch of it signs you out too."
    )
    return text.format(workspace=session.workspace)
