"""The pages of API keys: create, roll and revoke them, and see when each was last used. A secret is shown once."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from sessions_core.changelists import BY_WORKSPACE, SHORT_PATTERN
from sessions_core.console.actions import Reason, confirmed
from sessions_core.console.admin_log import logged
from sessions_core.console.api_key_forms import CreateKeyForm, RollKeyForm
from sessions_core.console.api_key_words import (
    last_use_in_words,
    scope_in_words,
    scopes_of,
    state_badge,
    uses_in_words,
    warning_in_words,
)
from sessions_core.console.choice_filters import ChoiceFilter
from sessions_core.console.console_permissions import operator, permission_for, require_permission
from sessions_core.console.console_words import address_of, exact, link_to, time_in_words
from sessions_core.console.pages import HistoryAdmin
from sessions_core.console.recent_authentication import require_recent_authentication
from sessions_core.http.caching import PRIVATE
from sessions_core.models import ApiKey, Event, NotRollable, Workspace

if TYPE_CHECKING:
    from django import forms
    from django.utils.functional import _StrOrPromise

__all__ = ["ApiKeyAdmin"]

# Maximum number of keys that a confirmation describes one by one.
MOST_DESCRIBED = 20


class KeyStateFilter(ChoiceFilter):
    """Filter by what holds now."""

    title = pgettext_lazy("API key", "status")
    parameter_name = "state"

    offered = [
        ("usable", pgettext_lazy("API keys", "Work")),
        ("rolled", _("Work beside their successor")),
        ("expired", pgettext_lazy("API keys", "Expired")),
        ("revoked", pgettext_lazy("API keys", "Revoked")),
    ]

    def filtered(self, queryset: Any, value: str) -> Any:
        usable = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
        wanted = {
            "usable": usable,
            "rolled": usable & Q(successor__isnull=False),
            "expired": Q(revoked_at=None) & ~usable,
            "revoked": Q(revoked_at__isnull=False),
        }
        return queryset.filter(wanted[value])


@admin.register(ApiKey)
class ApiKeyAdmin(HistoryAdmin):
    """The page that answers a POST to create or roll a key shows the new secret. No other page does."""

    subject_field = "short"
    is_sensitive = True
    list_display = ("name", "state", "last_use", "kind", "access", "workspace", "short")
    list_filter = (KeyStateFilter, "kind", BY_WORKSPACE)
    ordering = ("-workspace_id", "-created_at", "-id")
    list_select_related = ("workspace",)
    searched = ((SHORT_PATTERN, "short"),)
    names = ("name",)
    search_help_text = _(
        "The public part of a key, or part of a name. Names search only the first 1,000 rows of the list."
    )
    fields = (
        "name",
        "kind",
        "scope",
        "workspace",
        "short",
        "publishable_key",
        "state",
        "last_use",
        "uses",
        "last_change",
        "created_at",
        "created_by",
        "expires_at",
        "revoked_at",
        "rolled_from",
        "rolled_to",
        "history",
    )
    readonly_fields = (
        "scope",
        "publishable_key",
        "state",
        "last_use",
        "uses",
        "last_change",
        "created_by",
        "rolled_from",
        "rolled_to",
        "history",
    )
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "create")

    def get_urls(self) -> list[URLPattern]:
        roll = self.admin_site.admin_view(self.roll_view)
        return [path("<uuid:key_id>/roll/", roll, name="sessions_core_apikey_roll"), *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        is_secret = obj is not None and obj.kind == ApiKey.Kind.SECRET
        shown = [name for name in self.fields if not (is_secret and name == "publishable_key")]
        text = _("The last use is recorded once an hour, and once a minute while a key has an end.")
        return [(None, {"description": text, "fields": shown})]

    def buttons(self, request: HttpRequest, obj: ApiKey) -> "list[tuple[str, _StrOrPromise]]":
        """Return a button for each step that is possible now."""
        own = [] if obj.revoked_at else super().buttons(request, obj)
        if self.may(request, "roll") and _is_rollable(obj, at=timezone.now()):
            own.insert(0, (self.url_of("roll", obj.pk), pgettext("API key", "Roll")))
        return own

    # Facts

    @admin.display(description=_("publishable key"))
    def publishable_key(self, key: ApiKey) -> str:
        return key.publishable_key

    @admin.display(description=pgettext_lazy("API key", "status"))
    def state(self, key: ApiKey) -> SafeString:
        return state_badge(key, at=timezone.now())

    @admin.display(description=pgettext_lazy("API key", "reaches"))
    def scope(self, key: ApiKey) -> str:
        return scope_in_words(key)

    @admin.display(description=pgettext_lazy("API key", "scopes"))
    def access(self, key: ApiKey) -> str:
        return scopes_of(key)

    @admin.display(description=_("last used"))
    def last_use(self, key: ApiKey) -> SafeString | str:
        return last_use_in_words(key, at=timezone.now())

    @admin.display(description=_("requests since it was rolled"))
    def uses(self, key: ApiKey) -> SafeString | str:
        return uses_in_words(key)

    @admin.display(description=_("last change made with it"))
    def last_change(self, key: ApiKey) -> SafeString | str:
        event = Event.objects.filter(actor=key.actor).first()
        if event is None:
            return pgettext("change", "none")
        url = address_of(self.admin_site, Event, "changelist", query={"q": key.actor})
        type_ = format_html('<a href="{}">{}</a>', url, event.type) if url else event.type
        return format_html("{}, {}", type_, time_in_words(event.created_at))

    @admin.display(description=_("created by"))
    def created_by(self, key: ApiKey) -> str:
        event = Event.objects.filter(subject=key.short, type="api_key.created").first()
        return event.actor if event else "-"

    @admin.display(description=_("rolled from"))
    def rolled_from(self, key: ApiKey) -> SafeString | str:
        return self._related(ApiKey.objects.filter(successor=key.pk).first())

    @admin.display(description=_("rolled to"))
    def rolled_to(self, key: ApiKey) -> SafeString | str:
        return self._related(key.successor)

    def _related(self, key: ApiKey | None) -> SafeString | str:
        """Return the other key of a roll with its last use, so that an operator sees who still uses the old one."""
        if key is None:
            return "-"
        now = timezone.now()
        facts = (link_to(key), state_badge(key, at=now), gettext("last use"), last_use_in_words(key, at=now))
        shown = format_html("{} {}, {}: {}", *facts)
        if key.successor_id is None:
            return shown
        return format_html("{}, {}: {}", shown, gettext("requests since it was rolled"), uses_in_words(key))

    # Actions

    def consequences(self, request: HttpRequest, action: str, queryset: QuerySet[Any]) -> "Sequence[_StrOrPromise]":
        """Warn of keys in use, those first."""
        keys = sorted(queryset[:MOST_DESCRIBED], key=lambda key: key.last_used_at or key.created_at, reverse=True)
        safer = [gettext("To replace a key without an outage, roll it instead.")]
        return [*(warning_in_words(key, at=timezone.now()) for key in keys), *safer]

    @confirmed(
        _("Revoke selected API keys"),
        done=pgettext_lazy("API keys", "revoked"),
        permission="revoke",
        reason=Reason.OPTIONAL,
        button=_("Revoke this key"),
    )
    def revoke(self, request: HttpRequest, key: ApiKey, *, reason: str) -> bool:
        return key.revoke(actor=operator(request), reason=reason)

    @sensitive_variables()
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Ask for the facts of a new key, or create it and show it once."""
        require_permission(request, permission_for("create", ApiKey))
        require_recent_authentication(request)
        form = CreateKeyForm(request.POST or None, at=timezone.now(), initial={"workspace": _first_choice(request)})
        if request.method != "POST" or not form.is_valid():
            return self._form_page(
                request, form, title=gettext("Create an API key"), button=pgettext("API key", "Create")
            )
        given = form.cleaned_data
        issued = {"name": given["name"], "actor": operator(request), "expires_at": form.ends_at()}
        with logged(request, self):
            if given["kind"] == ApiKey.Kind.SECRET:
                key, text = ApiKey.objects.issue(given["workspace"], scopes=form.chosen_scopes(), **issued)
            else:
                key = ApiKey.objects.issue_publishable(given["workspace"], **issued)
                text = key.publishable_key
        return self._key_page(request, key, text, [])

    @sensitive_variables()
    def roll_view(self, request: HttpRequest, key_id: uuid.UUID) -> HttpResponse:
        """Ask how long the key works beside its successor, or roll it and show the successor once."""
        require_permission(request, permission_for("roll", ApiKey))
        require_recent_authentication(request)
        key: ApiKey | None = self.get_object(request, str(key_id))
        if key is None:
            raise Http404
        now = timezone.now()
        form = RollKeyForm(request.POST or None, key=key, at=now)
        if not _is_rollable(key, at=now):
            return self._not_rollable(request, key)
        if request.method != "POST" or not form.is_valid():
            facts = [
                gettext("A new key with the same name and the same access is created. It is shown once."),
                format_html(gettext("The last use of the old key: {used}."), used=last_use_in_words(key, at=now)),
                gettext("Both keys work until the old one ends. To end it at once, revoke it."),
            ]
            title = gettext("Roll {key}").format(key=key)
            return self._form_page(request, form, title=title, button=pgettext("API key", "Roll"), facts=facts, key=key)
        try:
            with logged(request, self):
                successor, text = key.roll(actor=operator(request), **form.choice())
        except NotRollable:
            return self._not_rollable(request, key)
        return self._key_page(request, successor, text, [_end_in_words(key)])

    def _not_rollable(self, request: HttpRequest, key: ApiKey) -> HttpResponse:
        text = gettext("{key} cannot be rolled: it is revoked or expired, or it has a successor already.")
        self.message_user(request, text.format(key=key), messages.ERROR)
        return HttpResponseRedirect(self.url_of("change", key.pk))

    def _form_page(self, request: HttpRequest, form: "forms.Form", **facts: Any) -> HttpResponse:
        return self._page(request, "api_key_form", form=form, **facts)

    @sensitive_variables()
    def _key_page(self, request: HttpRequest, key: ApiKey, text: str, facts: list[str]) -> HttpResponse:
        """Show a new key. Browsers and proxies do not store the page."""
        title = gettext("{key} is created").format(key=key)
        response = self._page(request, "api_key_created", key=key, text=text, facts=facts, title=title).render()
        response.headers["Cache-Control"] = PRIVATE
        return response

    def _page(
        self, request: HttpRequest, template: str, *, key: ApiKey | None = None, **facts: Any
    ) -> TemplateResponse:
        back = self.url_of("change", key.pk) if key else self.url_of("changelist")
        context = {**self.admin_site.each_context(request), "opts": self.opts, "key": key, "back": back, **facts}
        return TemplateResponse(request, f"sessions_core/console/{template}.html", context)


def _is_rollable(key: ApiKey, *, at: datetime) -> bool:
    return key.is_usable(key.kind, at=at) and key.successor_id is None


def _end_in_words(key: ApiKey) -> str:
    """Return when a rolled key ends."""
    assert key.expires_at is not None  # a roll sets it
    text = gettext("The old key {key} works until {date}.")
    if key.overlap is not None:
        text = gettext("The old key {key} works for 24 hours after the first use of this key, at most until {date}.")
    return text.format(key=key, date=exact(key.expires_at))


def _first_choice(request: HttpRequest) -> str:
    """Return the workspace that the list was filtered by, or the only one."""
    filtered = parse_qs(request.GET.get("_changelist_filters", "")).get("workspace__id__exact")
    if filtered:
        return filtered[0]
    first = list(Workspace.objects.order_by("pk")[:2])
    return first[0].name if len(first) == 1 else ""
