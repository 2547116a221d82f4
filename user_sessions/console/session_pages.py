"""The list of user sessions, and the page of one session with its time line, its tokens and its buttons."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from sessions_core.changelists import BY_WORKSPACE
from sessions_core.console.actions import Reason, confirmed_of_all
from sessions_core.console.console_permissions import operator, permission_for, require_permission
from sessions_core.console.console_words import address_of, time_in_words
from sessions_core.console.pages import MOST_EVENTS, HistoryAdmin
from sessions_core.console.time_filters import TimeFilter
from sessions_core.user_keys import key_in_text
from user_sessions.console.bulk_views import BulkRevoking
from user_sessions.console.own_sessions import own_session, without_own
from user_sessions.console.session_consequences import consequences
from user_sessions.console.session_downloads import SessionDownloads
from user_sessions.console.session_facts import with_badge_facts
from user_sessions.console.session_filters import (
    DeviceFilter,
    EndedByFilter,
    ImpersonationFilter,
    MethodFilter,
    ReasonFilter,
    StatusFilter,
)
from user_sessions.console.session_search import find_sessions, may_search_emails
from user_sessions.console.session_words import (
    address_in_words,
    device_in_words,
    ending,
    session_in_words,
    session_list,
    short_name,
    status_badge,
    timeline,
    tokens_in_words,
)
from user_sessions.models import Status, UserSession
from user_sessions.pages.device_words import methods_in_words

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["UserSessionAdmin"]

# Sessions of the same client or user that a page lists. It links to the list of all.
MOST_OTHERS = 10

# Actions that change nothing on a session that is over.
ENDINGS = ("end", "revoke")

# Names of views that read many rows and show no badge: downloads and bulk revocations.
WITHOUT_BADGES = ("user_sessions_usersession_export", "user_sessions_usersession_bulk", "user_sessions_bulkrevocation_")


@admin.register(UserSession)
class UserSessionAdmin(SessionDownloads, BulkRevoking, HistoryAdmin):
    list_display = ("device", "status_now", "who", "address", "times")
    list_display_links = ("device",)
    list_filter = (
        StatusFilter,
        TimeFilter,
        DeviceFilter,
        MethodFilter,
        EndedByFilter,
        ReasonFilter,
        ImpersonationFilter,
        BY_WORKSPACE,
    )
    list_select_related = ("user", "workspace", "client", "latest_activity")
    ordering = ("-created_at", "-id")
    search_help_text = _(
        "A session ID, client ID, user ID or address, or part of a user name or e-mail address. Parts are searched "
        "among the newest 20,000 users."
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "id",
                    "device",
                    "user",
                    "client",
                    "workspace",
                    "status_now",
                    "ending",
                    "impersonator",
                    "address",
                    "signed_in_with",
                    "created",
                    "last_seen",
                    ("verified_at", "second_factor_at"),
                    "expires",
                    "abandon_at",
                )
            },
        ),
        (_("Time line"), {"fields": ("history",)}),
        (_("Session tokens"), {"fields": ("tokens",)}),
        (_("Other sessions"), {"fields": ("sessions_of_user", "sessions_of_client")}),
    )
    readonly_fields = (
        "device",
        "status_now",
        "ending",
        "address",
        "signed_in_with",
        "created",
        "last_seen",
        "expires",
        "history",
        "tokens",
        "sessions_of_user",
        "sessions_of_client",
    )
    actions = ("end", "revoke", "revoke_all_of_user")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Add the status facts, and those of the badges on pages that show them."""
        sessions: Any = super().get_queryset(request).with_status_facts()  # type: ignore[attr-defined]
        page = request.resolver_match.url_name if request.resolver_match else None
        shows_no_badges = page is not None and page.startswith(WITHOUT_BADGES)
        return sessions if shows_no_badges else with_badge_facts(sessions)

    def get_list_display(self, request: HttpRequest) -> Any:
        """Add links to the actions that the operator may run on the session of a row, and that would change it."""
        now = timezone.now()
        actions = [each for each in self.confirmed_actions().values() if self.may(request, each.permission)]

        @admin.display(description=pgettext_lazy("user session", "actions"))
        def acts(session: UserSession) -> SafeString | str:
            if session.pk == own_session(request):
                return gettext("your own session")
            name = short_name(session)  # for people who do not see the row
            useful = [each for each in actions if each.name not in ENDINGS or session.is_live(now)]
            links = ((self.action_url(session, each.name), each.button, name, each.button) for each in useful)
            return format_html_join(" ", '<a href="{}" class="gatepass-act" aria-label="{}: {}">{}</a>', links)

        return (*self.list_display, acts) if actions else self.list_display

    def get_search_fields(self, request: HttpRequest) -> Any:
        return ("user",)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[QuerySet[Any], bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        return find_sessions(queryset, text, with_emails=may_search_emails(request)), False

    def get_searched(self) -> Any:
        return (("", "user"),)

    @admin.display(description=pgettext_lazy("user session", "device"))
    def device(self, session: UserSession) -> SafeString:
        return device_in_words(session, timezone.now())

    @admin.display(description=pgettext_lazy("user session", "status"))
    def status_now(self, session: UserSession) -> SafeString:
        badge = status_badge(session, timezone.now())
        if session.closed_at is None:
            return badge
        return format_html('{}<br><span class="quiet">{}</span>', badge, time_in_words(session.closed_at))

    @admin.display(description=pgettext_lazy("user session", "user"))
    def who(self, session: UserSession) -> SafeString:
        return format_html('{}<br><span class="quiet">{}</span>', session.user, session.workspace)

    @admin.display(description=_("seen, expires"))
    def times(self, session: UserSession) -> SafeString | str:
        seen = time_in_words(session.last_active_at)
        if session.closed_at is not None:  # it cannot expire any more
            return seen
        return format_html("{}<br>{}", seen, time_in_words(session.expire_at))

    @admin.display(description=_("address and place"))
    def address(self, session: UserSession) -> str:
        return address_in_words(session)

    @admin.display(description=_("signed in with"))
    def signed_in_with(self, session: UserSession) -> str:
        return methods_in_words(session.amr) or "-"

    @admin.display(description=pgettext_lazy("user session", "began"))
    def created(self, session: UserSession) -> SafeString | str:
        return time_in_words(session.created_at)

    @admin.display(description=_("last seen"))
    def last_seen(self, session: UserSession) -> SafeString | str:
        return time_in_words(session.last_active_at)

    @admin.display(description=pgettext_lazy("user session", "expires"))
    def expires(self, session: UserSession) -> SafeString | str:
        return time_in_words(session.expire_at)

    @admin.display(description=pgettext_lazy("user session", "ending"))
    def ending(self, session: UserSession) -> SafeString | str:
        return ending(session, timezone.now())

    @admin.display(description=pgettext_lazy("user session", "what happened"))
    def history(self, session: UserSession) -> SafeString | str:
        return timeline(self.events(session)[:MOST_EVENTS], session.activities.all()[:MOST_EVENTS])

    @admin.display(description=pgettext_lazy("user session", "tokens"))
    def tokens(self, session: UserSession) -> SafeString:
        return tokens_in_words(session, timezone.now())

    @admin.display(description=_("of this user"))
    def sessions_of_user(self, session: UserSession) -> SafeString:
        return self._others(session, Q(user=session.user_id), {"user": session.user_id})

    @admin.display(description=_("of this client"))
    def sessions_of_client(self, session: UserSession) -> SafeString:
        return self._others(session, Q(client=session.client_id), {"client": session.client_id})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.sign_out_user_view)
        named = f"{self.opts.app_label}_{self.opts.model_name}_sign_out_user"
        return [path("of_user/<path:user_key>/sign_out/", view, name=named), *super().get_urls()]

    def sign_out_user_view(self, request: HttpRequest, user_key: str) -> HttpResponse:
        """Ask to revoke all live sessions of a user, or revoke them and return to the page of the user."""
        action = replace(self.confirmed_actions()["revoke"], button=_("Sign out everywhere"))
        require_permission(request, permission_for(action.permission, self.model))
        model = get_user_model()
        user: Any = get_object_or_404(QuerySet(model), pk=key_in_text(user_key, model))
        sessions = self.get_queryset(request).select_related(*self.list_select_related)
        sessions = sessions.filter(user=user.pk).live(at=timezone.now())
        back = self._page_after(request, user)
        return self.ask_or_act(request, action, sessions, back=back) or HttpResponseRedirect(back)

    def _page_after(self, request: HttpRequest, user: Any) -> str:
        """Return the page of the user, or the list of their sessions, or the index: the first that the operator may
        see."""
        page = self.admin_site._registry.get(type(user))
        if page is not None and page.has_view_permission(request, user):
            return address_of(self.admin_site, type(user), "change", quote(user.pk))
        if self.has_view_permission(request):
            return address_of(self.admin_site, UserSession, "changelist", query={"user": user.pk})
        return reverse("admin:index", current_app=self.admin_site.name)

    def _others(self, session: UserSession, condition: Q, query: dict[str, Any]) -> SafeString:
        found = UserSession.objects.filter(condition).exclude(pk=session.pk).order_by("-created_at", "-id")
        rows = found.with_status_facts().select_related("user", "client", "latest_activity")[:MOST_OTHERS]
        return session_list(rows, timezone.now(), address_of(self.admin_site, UserSession, "changelist", query=query))

    def buttons(self, request: HttpRequest, obj: UserSession) -> "list[tuple[str, _StrOrPromise]]":
        """Return the buttons that would change something. The page of the operator's own session has none."""
        if obj.pk == own_session(request):
            return []
        useless = set() if obj.is_live(timezone.now()) else {self.action_url(obj, name) for name in ENDINGS}
        return [each for each in super().buttons(request, obj) if each[0] not in useless]

    def in_words(self, obj: UserSession) -> str:
        return session_in_words(obj, timezone.now())

    def consequences(self, request: HttpRequest, action: str, queryset: Any) -> "list[_StrOrPromise]":
        sessions = self._chosen(queryset, everywhere=action == "revoke_all_of_user")
        own = own_session(request)
        leaves_out_own = bool(own) and sessions.filter(pk=own).exists()
        return [*consequences(without_own(request, sessions), leaves_out_own=leaves_out_own, at=timezone.now())]

    @confirmed_of_all(
        _("End selected user sessions"),
        done=pgettext_lazy("user sessions", "ended"),
        permission="end",
        reason=Reason.REQUIRED,
        button=pgettext_lazy("user session", "End"),
    )
    def end(self, request: HttpRequest, queryset: Any, *, reason: str) -> int:
        sessions = without_own(request, self._chosen(queryset))
        return len(sessions.close(Status.ENDED, actor=operator(request), reason=reason))

    @confirmed_of_all(
        _("Revoke selected user sessions"),
        done=pgettext_lazy("user sessions", "revoked"),
        permission="revoke",
        reason=Reason.REQUIRED,
        button=pgettext_lazy("user session", "Revoke"),
    )
    def revoke(self, request: HttpRequest, queryset: Any, *, reason: str) -> int:
        return len(without_own(request, self._chosen(queryset)).revoke(actor=operator(request), reason=reason))

    @confirmed_of_all(
        _("Revoke every session of the selected sessions' users"),
        done=_("sessions revoked"),
        permission="revoke",
        reason=Reason.REQUIRED,
        button=_("Sign out everywhere"),
    )
    def revoke_all_of_user(self, request: HttpRequest, queryset: Any, *, reason: str) -> int:
        sessions = self._chosen(queryset, everywhere=True)
        return len(without_own(request, sessions).revoke(actor=operator(request), reason=reason))

    def _chosen(self, queryset: Any, *, everywhere: bool = False) -> Any:
        """Return the chosen sessions, or all sessions of their users, without the joins of a list."""
        field = "user" if everywhere else "pk"
        return UserSession.objects.filter(**{f"{field}__in": queryset.order_by().values(field)})
