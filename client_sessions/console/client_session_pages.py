"""The pages of client sessions: what each reaches, in words, and how to take that away."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import quote, unquote
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from client_sessions import resources
from client_sessions.console.grant_pages import described
from client_sessions.console.reach import MOST_ROWS, Reached, reached_rows, reached_types
from client_sessions.models import ClientSession, Grant, Status
from sessions_core.changelists import BY_WORKSPACE, SHORT_PATTERN, UUID_PATTERN
from sessions_core.console.actions import Reason, confirmed
from sessions_core.console.choice_filters import ChoiceFilter
from sessions_core.console.console_permissions import operator, permission_for, require_permission
from sessions_core.console.console_words import BAD, GOOD, OVER, badge, link_to, time_in_words
from sessions_core.console.downloads import Downloads
from sessions_core.console.pages import HistoryAdmin

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.utils.functional import _StrOrPromise

__all__ = ["ClientSessionAdmin"]

# Grants on the page of a session. It links to the list of all.
MOST_GRANTS = 100

BADGES = {Status.LIVE: GOOD, Status.EXPIRED: OVER, Status.REVOKED: BAD}


class StatusFilter(ChoiceFilter):
    title = pgettext_lazy("client session", "status")
    parameter_name = "status"

    offered = [(status.value, status.label) for status in Status]

    def filtered(self, queryset: Any, value: str) -> Any:
        if value == Status.REVOKED:
            return queryset.revoked()
        now = timezone.now()
        return queryset.live(at=now) if value == Status.LIVE else queryset.expired(at=now)


@admin.register(ClientSession)
class ClientSessionAdmin(Downloads, HistoryAdmin):
    """No page and no download shows a token."""

    exported = "client sessions"
    columns = ("id", "created_at", "workspace", "user_identifier_key", "status", "expires_at", "revoked_at")

    change_form_template = "client_sessions/console/client_session.html"
    list_display = ("short_id", "user_identifier_key", "workspace", "status", "created", "expires")
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
        "created",
        "expires",
        "revoked",
        "history",
    )
    readonly_fields = ("status", "created", "expires", "revoked", "history")
    actions = ("revoke",)

    searched = ((UUID_PATTERN, "id"), (SHORT_PATTERN, "token_short"), (r".*", "user_identifier_key"))

    @admin.display(description=pgettext_lazy("client session", "ID"))
    def short_id(self, session: ClientSession) -> str:
        """Return the beginning of the id, which leaves room for the other columns on a narrow screen."""
        return f"{str(session.id)[:8]}…"

    @admin.display(description=pgettext_lazy("client session", "status"))
    def status(self, session: ClientSession) -> SafeString:
        status = session.status
        return badge(status.label, BADGES[status])

    @admin.display(description=pgettext_lazy("client session", "created"), ordering="created_at")
    def created(self, session: ClientSession) -> SafeString | str:
        return time_in_words(session.created_at)

    @admin.display(description=pgettext_lazy("client session", "expires"), ordering="expires_at")
    def expires(self, session: ClientSession) -> SafeString | str:
        return time_in_words(session.expires_at)

    @admin.display(description=pgettext_lazy("client session", "revoked"), ordering="revoked_at")
    def revoked(self, session: ClientSession) -> SafeString | str:
        return time_in_words(session.revoked_at)

    @confirmed(
        _("Revoke selected client sessions"),
        done=pgettext_lazy("client sessions", "revoked"),
        permission="revoke",
        reason=Reason.OPTIONAL,
        button=_("Revoke this client session"),
    )
    def revoke(self, request: HttpRequest, session: ClientSession, *, reason: str) -> bool:
        return session.revoke(actor=operator(request), reason=reason)

    def consequences(self, request: HttpRequest, action: str, queryset: "QuerySet[Any]") -> "list[_StrOrPromise]":
        return [_("The next request with the token of such a session is refused. This cannot be undone.")]

    def in_words(self, obj: ClientSession) -> str:
        key = obj.user_identifier_key
        return f"{obj} ({key})" if key else str(obj)

    def line_of(self, obj: ClientSession, at: datetime) -> Mapping[str, Any]:
        return {
            "id": str(obj.pk),
            "created_at": obj.created_at.isoformat(),
            "workspace": str(obj.workspace_id),
            "user_identifier_key": obj.user_identifier_key or "",
            "status": str(obj.status_at(at).value),
            "expires_at": obj.expires_at.isoformat(),
            "revoked_at": obj.revoked_at.isoformat() if obj.revoked_at else "",
        }

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_reach"
        view = self.admin_site.admin_view(self.reach_view)
        return [path("<path:object_id>/reach/<str:type_name>/", view, name=name), *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Add what the session was granted, and what it reaches now."""
        session, at = kwargs["obj"], timezone.now()
        grants = list(Grant.objects.filter(client_session=session).order_by("id")[: MOST_GRANTS + 1])
        shown = grants[:MOST_GRANTS]
        added = {
            "grants": list(described(request, self.admin_site, shown, at=at)),
            "has_more_grants": len(grants) > MOST_GRANTS,
            "reached": list(self._links(session, reached_types(session, at=at))),
            "is_live": session.status_at(at) == Status.LIVE,
        }
        return super().render_change_form(request, {**context, **added}, *args, **kwargs)

    def _links(self, session: ClientSession, reached: list[Reached]) -> Iterator[tuple[str, str]]:
        """Yield the address of each type's rows, and how many there are in words."""
        for each in reached:
            names = each.resource_type.model._meta
            number = f"{each.number:,}"
            text = f"{number} {names.verbose_name if each.number == 1 else names.verbose_name_plural}"
            if each.is_more:
                text = gettext("more than %(rows)s") % {"rows": text}
            yield self.url_of("reach", quote(session.pk), each.resource_type.name), text

    def reach_view(self, request: HttpRequest, object_id: str, type_name: str) -> HttpResponse:
        """Show the rows of a type that the token of this session lists now."""
        require_permission(request, permission_for("view", self.model))
        session = self.get_object(request, unquote(object_id))
        resource_type = resources.get(type_name)
        if session is None or resource_type is None:
            raise Http404
        rows, has_more = reached_rows(session, resource_type, at=timezone.now())
        names = resource_type.model._meta
        may_see = request.user.has_perm(permission_for("view", resource_type.model))
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("What this client session lists: %(rows)s") % {"rows": names.verbose_name_plural},
            "opts": self.opts,
            "media": self.media,
            "session": session,
            "rows": [(link_to(row) if may_see else row.pk, row.pk, may_control) for row, may_control in rows],
            "summary": gettext("Rows: %(number)s.") % {"number": len(rows)},
            "more": gettext("There are more than these %(number)s.") % {"number": MOST_ROWS} if has_more else "",
            "back": self.url_of("change", quote(session.pk)),
        }
        return TemplateResponse(request, "client_sessions/console/reach.html", context)
