"""The pages of bulk revocations: the list, and one page that shows the progress, then the result with a download."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote, unquote
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from sessions_core.console.console_permissions import operator, permission_for, require_permission
from sessions_core.console.console_words import BAD, GOOD, WARNING, badge, exact, link_to, time_in_words
from sessions_core.console.exports import BATCH, FORMATS, all_rows, download
from sessions_core.console.pages import HistoryAdmin
from sessions_core.db.transactions import without_request_transaction
from sessions_core.models import Event
from user_sessions.console.bulk_views import BULK_REVOKE
from user_sessions.models import UserSession
from user_sessions.models.bulk_revocations import BulkRevocation
from user_sessions.users import user_id

__all__ = ["BulkRevocationAdmin"]

# The field of the form that goes on after a stop.
AFTER_STOP = "after_stop"

COLUMNS = ("session", "user", "revoked_at", "workspace", "actor", "reason", "event")


@admin.register(BulkRevocation)
class BulkRevocationAdmin(HistoryAdmin):
    """An operator who may start one may also see all of them."""

    change_form_template = "user_sessions/console/bulk_revocation.html"
    list_display = ("started", "state", "ended", "already_over", "reason", "actor", "workspace")
    list_select_related = ("workspace",)
    ordering = ("-started_at", "-id")
    fields = (
        "id",
        "state",
        "filter",
        "workspace",
        "reason",
        "actor",
        "as_of_time",
        "started",
        "finished",
        "ended",
        "already_over",
        "not_reached",
        "history",
    )
    readonly_fields = ("state", "filter", "as_of_time", "started", "finished", "not_reached", "history")

    class Media:
        js = ("user_sessions/bulk_revocation.js",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) or self._may_revoke(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return super().has_module_permission(request) or self._may_revoke(request)

    def _may_revoke(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(permission_for(BULK_REVOKE, UserSession)))

    @admin.display(description=pgettext_lazy("bulk revocation", "state"))
    def state(self, row: BulkRevocation) -> SafeString:
        if row.finished_at is not None:
            return badge(pgettext("bulk revocation", "finished"), GOOD)
        if row.stopped_at is not None:
            return badge(pgettext("bulk revocation", "stopped"), BAD)
        return badge(pgettext("bulk revocation", "running"), WARNING)

    @admin.display(description=pgettext_lazy("bulk revocation", "filter"))
    def filter(self, row: BulkRevocation) -> str:
        lines = [f"{name}={value}" for name, values in row.filters.items() for value in values]
        return " ".join(lines) or gettext("none: all sessions")

    @admin.display(description=_("as of"))
    def as_of_time(self, row: BulkRevocation) -> str:
        return exact(row.as_of)

    @admin.display(description=pgettext_lazy("bulk revocation", "started"))
    def started(self, row: BulkRevocation) -> SafeString | str:
        return time_in_words(row.started_at)

    @admin.display(description=pgettext_lazy("bulk revocation", "finished"))
    def finished(self, row: BulkRevocation) -> SafeString | str:
        return time_in_words(row.finished_at)

    @admin.display(description=_("not reached"))
    def not_reached(self, row: BulkRevocation) -> SafeString | str:
        """Return how many sessions are left, and the operator's own one."""
        if row.not_reached is not None:
            left = str(row.not_reached)
        else:
            began = exact(row.position_at or row.newest_at)
            left = gettext("sessions of this set that began before %(time)s") % {"time": began}
        own = UserSession.objects.filter(pk=row.left_out).first() if row.left_out else None
        if own is None:
            return left
        return format_html("{}; {} {}", left, gettext("left out: the operator's own session"), link_to(own))

    def get_urls(self) -> list[URLPattern]:
        own: list[tuple[str, Callable[..., HttpResponseBase]]] = [
            ("run", require_POST(self.run_view)),
            ("stop", require_POST(self.stop_view)),
            ("download/<str:format>", self.download_view),
        ]
        named = f"{self.opts.app_label}_{self.opts.model_name}"
        patterns = []
        for address, view in own:
            served = without_request_transaction(self.admin_site.admin_view(view))
            patterns.append(path(f"<str:object_id>/{address}/", served, name=f"{named}_{address.partition('/')[0]}"))
        return [*patterns, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        row: BulkRevocation = kwargs["obj"]
        may, key = self._may_revoke(request), quote(row.pk)
        more = {
            "row": row,
            "may_revoke": may,
            # Only the page of the operator who began it goes on by itself.
            "goes_on": may and row.is_running and row.actor == operator(request),
            "run_url": self.url_of("run", key),
            "stop_url": self.url_of("stop", key),
            "downloads": [(each, self.url_of("download", key, each)) for each in FORMATS] if may else [],
        }
        return super().render_change_form(request, {**context, **more}, *args, **kwargs)

    def run_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Work for about a second. After a stop only its own button goes on, because a request that the page sends by
        itself may arrive later than the stop."""
        row = self._found(request, object_id)
        if AFTER_STOP in request.POST:
            row.go_on(actor=operator(request))
        page: Any = self.admin_site._registry[UserSession]
        answer: HttpResponse = page.go_on(request, row)
        return answer

    def stop_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self._found(request, object_id)
        row.stop(actor=operator(request))
        return HttpResponseRedirect(self.page_of(row))

    def download_view(self, request: HttpRequest, object_id: str, format: str) -> HttpResponseBase:
        """Return what it has revoked, from the events."""
        row, now = self._found(request, object_id), timezone.now()
        if format not in FORMATS:
            raise Http404
        about = {
            "exported": "sessions ended by a bulk revocation",
            "bulk_revocation": row.pk,
            "filter": row.filters,
            "as_of": row.as_of,
            "reason": row.reason,
            "started_by": row.actor,
            "ended": row.ended,
            "already_over": row.already_over,
            "at": now,
            "by": operator(request),
        }
        return download(_rows(row, until=row.finished_at or now), COLUMNS, about=about, name=row.pk, format=format)

    def _found(self, request: HttpRequest, object_id: str) -> BulkRevocation:
        require_permission(request, permission_for(BULK_REVOKE, UserSession))
        row: BulkRevocation | None = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        return row


def _rows(row: BulkRevocation, *, until: Any) -> Iterator[dict[str, Any]]:
    """Yield a line for each session that was revoked. Each query reads events of a range of time by their index."""
    between = Event.objects.filter(created_at__gte=row.started_at, created_at__lte=until)
    revoked = between.filter(type="user_session.revoked").order_by("-created_at", "-id")
    own = (event for event in all_rows(revoked) if event.data.get("bulk_revocation") == row.pk)
    some: list[Event] = []
    for event in own:
        some.append(event)
        if len(some) == BATCH:
            yield from _lines(some)
            some = []
    yield from _lines(some)


def _lines(events: Sequence[Event]) -> Iterator[dict[str, Any]]:
    sessions = UserSession.objects.filter(pk__in=[event.subject for event in events]).order_by()
    users = dict(sessions.values_list("pk", "user_id"))
    for event in events:
        yield {
            "session": event.subject,
            "user": user_id(users[event.subject]) if event.subject in users else "",
            "revoked_at": event.created_at.isoformat(),
            "workspace": str(event.workspace_id or ""),
            "actor": event.actor,
            "reason": event.data.get("reason", ""),
            "event": event.pk,
        }
