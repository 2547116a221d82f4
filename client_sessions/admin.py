"""Admin pages of client sessions and personal access tokens. They never show a token."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from client_sessions import resources
from client_sessions.console import client_session_panels
from client_sessions.models import ClientSession, Grant, PersonalAccessToken, Status
from sessions_core.admin import HistoryAdmin, confirmed, operator
from sessions_core.changelists import BY_WORKSPACE, SHORT_PATTERN, UUID_PATTERN
from sessions_core.models import Event

__all__ = ["ClientSessionAdmin", "PersonalAccessTokenAdmin"]

client_session_panels.register_panels()


class StatusFilter(admin.SimpleListFilter):
    title = pgettext_lazy("client session", "status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, str(status.label)) for status in Status]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case Status.LIVE:
                return queryset.live(at=timezone.now())
            case Status.EXPIRED:
                return queryset.expired(at=timezone.now())
            case Status.REVOKED:
                return queryset.revoked()
        return queryset


class GrantInline(admin.TabularInline):
    model = Grant
    fields = readonly_fields = ("resource_type", "formatted_id", "allowed", "created_at")
    extra = 0
    can_delete = False

    @admin.display(description=_("resource ID"))
    def formatted_id(self, grant: Grant) -> str:
        """Return the id in the format of the API."""
        return resources.format_id(grant.resource_type, grant.resource_id)

    @admin.display(description=pgettext_lazy("grant", "allowed"))
    def allowed(self, grant: Grant) -> str:
        ends = [
            (
                ", ".join(str(action.label) for action in terms.actions),
                f"{terms.until:%Y-%m-%d %H:%M}" if terms.until else "",
            )
            for terms in grant.terms
        ]
        limited = gettext("%(actions)s until %(end)s")
        return "; ".join(limited % {"actions": actions, "end": end} if end else actions for actions, end in ends)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ClientSession)
class ClientSessionAdmin(HistoryAdmin):
    list_display = ("id", "user_identifier_key", "workspace", "status", "created_at", "expires_at")
    list_filter = (StatusFilter, ("created_at", admin.DateFieldListFilter), BY_WORKSPACE)
    list_select_related = ("workspace",)
    search_help_text = _("A session ID, the public part of a token, or a user identifier key.")
    ordering = ("-workspace_id", "-created_at", "-id")
    fields = (
        "id",
        "workspace",
        "user_identifier_key",
        "token_short",
        "status",
        "created_at",
        "expires_at",
        "revoked_at",
        "history",
    )
    readonly_fields = ("status", "history")
    inlines = (GrantInline,)
    actions = ("revoke",)

    searched = ((UUID_PATTERN, "id"), (SHORT_PATTERN, "token_short"), (r".*", "user_identifier_key"))

    @admin.display(description=pgettext_lazy("client session", "status"))
    def status(self, session: ClientSession) -> str:
        return str(session.status.label)

    @confirmed(_("Revoke selected client sessions"), done=pgettext_lazy("client sessions", "revoked"))
    def revoke(self, request: HttpRequest, session: ClientSession) -> bool:
        return session.revoke(actor=operator(request))


@admin.register(PersonalAccessToken)
class PersonalAccessTokenAdmin(HistoryAdmin):
    """``manage.py issue_personal_access_token`` prints a token once; no page shows it."""

    subject_field = "short"
    list_display = ("name", "short", "user", "created_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    ordering = ("-created_at", "-id")
    list_select_related = ("user",)
    searched = ((SHORT_PATTERN, "short"),)
    names = ("name",)
    search_help_text = _("The public part of a token, or part of a name. Names search only the newest 1,000 rows.")
    fields = ("name", "user", "short", "given_workspaces", "created_at", "revoked_at", "history")
    readonly_fields = ("given_workspaces", "history")
    actions = ("revoke",)

    def events(self, obj: PersonalAccessToken) -> QuerySet[Event]:
        """Return the events of one of its workspaces; the others have the same events."""
        return Event.objects.filter(subject=obj.short, workspace=obj.workspaces.first())

    @admin.display(description=pgettext_lazy("personal access token", "workspaces"))
    def given_workspaces(self, token: PersonalAccessToken) -> str:
        return ", ".join(str(workspace) for workspace in token.workspaces.all())

    @confirmed(_("Revoke selected personal access tokens"), done=pgettext_lazy("personal access tokens", "revoked"))
    def revoke(self, request: HttpRequest, token: PersonalAccessToken) -> bool:
        return token.revoke(actor=operator(request))
