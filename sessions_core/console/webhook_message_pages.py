"""Webhook messages in the console: what was delivered, with which response, and sending again."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext, pgettext_lazy

from sessions_core.console.actions import confirmed
from sessions_core.console.console_permissions import operator
from sessions_core.console.console_words import BAD, GOOD, OVER, WARNING, badge, exact, time_in_words
from sessions_core.console.pages import FactAdmin
from sessions_core.models import WebhookMessage

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["WebhookMessageAdmin"]


@admin.register(WebhookMessage)
class WebhookMessageAdmin(FactAdmin):
    """No page shows the body of a message, which contains personal data of a user."""

    list_display = ("id", "state", "type", "endpoint", "attempts", "last_outcome", "attempted", "next_attempt_at")
    list_filter = (
        ("delivered_at", admin.EmptyFieldListFilter),
        ("dead_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("endpoint",)
    ordering = ("-event_id", "-id")
    searched = ((r"msg_.*", "id"), (r".*", "event__subject"))
    search_help_text = _("A message ID, or the subject of its event.")
    fields = (
        "id",
        "state",
        "type",
        "endpoint",
        "event",
        "attempts",
        "last_outcome",
        "attempted_at",
        "response_time",
        "responses",
        "next_attempt_at",
        "delivered_at",
        "dead_at",
    )
    readonly_fields = ("state", "responses")
    actions = ("send_again",)

    @admin.display(description=pgettext_lazy("webhook message", "status"))
    def state(self, message: WebhookMessage) -> SafeString:
        if message.delivered_at:
            return badge(pgettext("webhook message", "delivered"), GOOD, title=exact(message.delivered_at))
        if message.dead_at:
            return badge(pgettext("webhook message", "dead"), BAD, title=exact(message.dead_at))
        if message.attempts:
            return badge(pgettext("webhook message", "failed, is retried"), WARNING)
        return badge(pgettext("webhook message", "waiting"), OVER)

    @admin.display(description=_("last attempt at"))
    def attempted(self, message: WebhookMessage) -> SafeString | str:
        return time_in_words(message.attempted_at)

    @admin.display(description=_("newest attempts"))
    def responses(self, message: WebhookMessage) -> SafeString | str:
        """Return the outcome of each of the newest attempts, newest first."""
        kept = reversed(message.recent_attempts or [])
        lines = ([exact(datetime.fromisoformat(each["at"])), each["outcome"], _duration(each["took"])] for each in kept)
        listed = format_html_join("", "<li>{} — {}{}</li>", lines)
        return format_html('<ol class="gatepass-timeline">{}</ol>', listed) if listed else "-"

    @confirmed(
        _("Send selected webhook messages again"),
        done=_("will be sent again"),
        button=pgettext_lazy("webhook message", "Send again"),
    )
    def send_again(self, request: HttpRequest, message: WebhookMessage) -> bool:
        return message.send_again(actor=operator(request))

    def consequences(self, request: HttpRequest, action: str, queryset: QuerySet[Any]) -> "Sequence[_StrOrPromise]":
        return [_("The receiver gets the same message with the same id, even if it was delivered before.")]


def _duration(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f" ({milliseconds} ms)"
