"""The pages of personal access tokens."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from client_sessions.models import PersonalAccessToken
from sessions_core.changelists import SHORT_PATTERN
from sessions_core.console.actions import Reason, confirmed
from sessions_core.console.console_permissions import operator
from sessions_core.console.pages import HistoryAdmin
from sessions_core.models import Event

if TYPE_CHECKING:
    from django.db.models import QuerySet

__all__ = ["PersonalAccessTokenAdmin"]


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
    search_help_text = _(
        "The public part of a token, or part of a name. Names search only the first 1,000 rows of the list."
    )
    fields = ("name", "user", "short", "given_workspaces", "created_at", "revoked_at", "history")
    readonly_fields = ("given_workspaces", "history")
    actions = ("revoke",)

    def events(self, obj: PersonalAccessToken) -> "QuerySet[Event]":
        """Return the events of one of its workspaces; the others have the same events."""
        return Event.objects.filter(subject=obj.short, workspace=obj.workspaces.first())

    @admin.display(description=pgettext_lazy("personal access token", "workspaces"))
    def given_workspaces(self, token: PersonalAccessToken) -> str:
        return ", ".join(str(workspace) for workspace in token.workspaces.all())

    @confirmed(
        _("Revoke selected personal access tokens"),
        done=pgettext_lazy("personal access tokens", "revoked"),
        permission="revoke",
        reason=Reason.OPTIONAL,
        button=_("Revoke this personal access token"),
    )
    def revoke(self, request: HttpRequest, token: PersonalAccessToken, *, reason: str) -> Any:
        return token.revoke(actor=operator(request), reason=reason)
