"""The pages of signing keys: their time line with countdowns, and rotation. No page shows a private key."""

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from sessions_core.changelists import BY_WORKSPACE
from sessions_core.console.actions import confirmed
from sessions_core.console.admin_log import logged_afterwards
from sessions_core.console.console_permissions import Refused, operator, permission_for, require_permission
from sessions_core.console.pages import HistoryAdmin
from sessions_core.console.recent_authentication import require_recent_authentication
from sessions_core.models import Workspace
from user_sessions.console import key_time_lines as words
from user_sessions.models import SigningKey, Stage

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["SigningKeyAdmin"]

# Maximum number of keys that a confirmation describes one by one.
MOST_DESCRIBED = 20


@admin.register(SigningKey)
class SigningKeyAdmin(HistoryAdmin):
    """Shows signing keys without their private key."""

    is_sensitive = True
    list_display = ("key_id", "stage", "next_step", "step", "algorithm_name", "workspace")
    ordering = ("-workspace_id", "-active_from", "-kid")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), BY_WORKSPACE)
    list_select_related = ("workspace",)
    searched = ((r".*", "kid"),)
    search_help_text = _("A key ID.")
    fields = (
        "kid",
        "algorithm_name",
        "workspace",
        "stage",
        "next_step",
        "public_jwk",
        "created_at",
        "active_from",
        "published_until",
        "revoked_at",
        "history",
    )
    readonly_fields = ("algorithm_name", "stage", "next_step", "history")
    actions = ("retire", "revoke")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SigningKey]:
        keys: QuerySet[SigningKey] = super().get_queryset(request)
        return keys.annotate(successor_from=words.successor_from(timezone.now()))

    def get_urls(self) -> list[URLPattern]:
        pages = (("rotate", self.rotate_view), ("time_line", self.time_line_view))
        own = [
            path(f"{name}/<uuid:workspace_id>/", self.admin_site.admin_view(view), name=self._name(name))
            for name, view in pages
        ]
        return [*own, *super().get_urls()]

    def _name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"

    def buttons(self, request: HttpRequest, obj: SigningKey) -> "list[tuple[str, _StrOrPromise]]":
        """Return a button for each step that is safe or possible now."""
        stage = words.stage_of(obj, at=timezone.now())
        can_retire = stage == Stage.NEXT or (stage == Stage.ACTIVE and obj.published_until is None)
        wanted = {self.action_url(obj, "retire"): can_retire, self.action_url(obj, "revoke"): stage != Stage.GONE}
        line = (self.url_of("time_line", obj.workspace_id), gettext("Time line"))
        return [line, *(each for each in super().buttons(request, obj) if wanted.get(each[0], True))]

    # Facts

    @admin.display(description=_("key ID"))
    def key_id(self, key: SigningKey) -> SafeString:
        """Return the beginning of the ID: a whole one would fill half of the list."""
        return format_html('<span title="{}">{}…</span>', key.kid, key.kid[:8])

    @admin.display(description=pgettext_lazy("signing key", "algorithm"), ordering="algorithm")
    def algorithm_name(self, key: SigningKey) -> str:
        """Return the algorithm as tokens spell it."""
        return key.algorithm

    @admin.display(description=pgettext_lazy("signing key", "stage"))
    def stage(self, key: SigningKey) -> SafeString:
        return words.stage_badge(key, words.stage_of(key, at=timezone.now()))

    @admin.display(description=_("what happens next"))
    def next_step(self, key: SigningKey) -> SafeString | str:
        return words.next_step_in_words(key, at=timezone.now())

    @admin.display(description=pgettext_lazy("signing key", "action"))
    def step(self, key: SigningKey) -> SafeString:
        """Return a link to the rotation of the active key, or to the time line."""
        is_active = words.stage_of(key, at=timezone.now()) == Stage.ACTIVE
        page, text = ("time_line", gettext("Time line"))
        if is_active and key.published_until is None:
            page, text = ("rotate", pgettext("signing key", "Rotate"))
        return format_html('<a href="{}">{}</a>', self.url_of(page, key.workspace_id), text)

    # Actions

    def consequences(self, request: HttpRequest, action: str, queryset: QuerySet[Any]) -> "Sequence[_StrOrPromise]":
        now, tell = timezone.now(), {"retire": words.retirement_in_words, "revoke": words.revocation_in_words}[action]
        keys = list(queryset.select_related("workspace")[:MOST_DESCRIBED])
        if len(keys) == 1:
            return tell(keys[0], at=now)
        return [format_html("{}: {}", key, line) for key in keys for line in tell(key, at=now)]

    @confirmed(
        _("Retire selected signing keys"),
        done=pgettext_lazy("signing keys", "retired"),
        permission="rotate",
        button=_("Retire this key"),
        is_slow=True,
    )
    def retire(self, request: HttpRequest, key: SigningKey) -> bool:
        now = timezone.now()
        if key.retire(actor=operator(request), at=now):
            return True
        refusal = words.refusal_in_words(key, at=now)
        self.message_user(request, format_html("{}: {}", key, refusal), messages.WARNING)
        return False

    @confirmed(
        _("Revoke selected signing keys"),
        done=pgettext_lazy("signing keys", "revoked"),
        permission="revoke",
        button=_("Revoke this key"),
        is_slow=True,
    )
    def revoke(self, request: HttpRequest, key: SigningKey) -> bool:
        return key.revoke(actor=operator(request))

    def rotate_view(self, request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
        """Say what a rotation does and when, or publish the next key and show the time line."""
        require_permission(request, permission_for("rotate", SigningKey))
        require_recent_authentication(request)
        workspace, now = get_object_or_404(Workspace, pk=workspace_id), timezone.now()
        line = self.url_of("time_line", workspace.pk)
        pending = words.pending_key(workspace, at=now)
        if pending is None and request.method == "POST":
            with logged_afterwards(request, self):  # making a key takes long, and would hold up other writes
                key = SigningKey.objects.rotate(workspace, actor=operator(request), at=now)
            text = gettext("{key} is published. It signs {when}.")
            self.message_user(request, format_html(text, key=key, when=words.when(key.active_from, at=now)))
            return HttpResponseRedirect(line)
        facts = words.rotation_in_words(workspace, pending, at=now)
        title = gettext("Rotate the signing key of {workspace}").format(workspace=workspace)
        return self._page(request, "rotate_signing_key", title=title, facts=facts, back=line, pending=pending)

    def time_line_view(self, request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
        """Show the keys of a workspace in order of time, each with what happens next."""
        if not self.has_view_permission(request):
            raise Refused(permission_for("view", SigningKey))
        workspace = get_object_or_404(Workspace, pk=workspace_id)
        entries = [
            (self.url_of("change", entry.key.pk), entry) for entry in words.time_line(workspace, at=timezone.now())
        ]
        title = gettext("Signing keys of {workspace}").format(workspace=workspace)
        rotate = self.url_of("rotate", workspace.pk) if self.may(request, "rotate") else ""
        return self._page(request, "signing_key_time_line", title=title, entries=entries, rotate=rotate)

    def _page(self, request: HttpRequest, template: str, **facts: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "list": self.url_of("changelist")}
        return TemplateResponse(request, f"user_sessions/console/{template}.html", {**context, **facts})
