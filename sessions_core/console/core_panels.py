"""Panels about refusals, webhooks and API keys."""

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.console.console_permissions import REFUSED
from sessions_core.console.counted_series import CountedSeries
from sessions_core.console.dashboard import Figure, Panel, between, created_between, register
from sessions_core.console.spans import Span
from sessions_core.models import ApiKey, Event, WebhookEndpoint, WebhookMessage
from sessions_core.models.refusal_counts import RefusalCount, RefusalKind

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["ENDS_SOON", "events_between", "register_panels"]

# Keys that end within this time are due for rotation, as are those that have been used for longer than the other.
ENDS_SOON = timedelta(days=7)
OLD_API_KEY = timedelta(days=365)

# Kinds of counted refusals, and events of refused requests to the console, as the dashboard calls them.
COUNTED = {
    RefusalKind.WRONG_PASSWORD: _("wrong passwords"),
    RefusalKind.WRONG_CODE: _("wrong codes of a second factor"),
    RefusalKind.INVALID_CREDENTIAL: _("invalid credentials"),
    RefusalKind.RATE_LIMIT: _("over a rate limit"),
}
REFUSALS = (
    ("console_sign_in.limited", _("rate limits of console sign-ins hit")),
    (REFUSED, _("forbidden requests to the console")),
)


def register_panels() -> None:
    register("refusals", _refusals, models=[Event], place=22)
    register("webhooks", _webhooks, models=[WebhookEndpoint, WebhookMessage], place=40)
    register("api_keys", _api_keys, models=[ApiKey], place=51)


def events_between(span: Span, type: str, label: "_StrOrPromise", *, is_warning: bool = False) -> Figure:
    """Return the number of events of a type in a span."""
    return Figure(
        label=label,
        rows=Event.objects.filter(type=type, created_at__gte=span.start, created_at__lt=span.at),
        model=Event,
        filters={"type": type, **created_between(span.start, span.at)},
        is_warning=is_warning,
    )


def _refusals(span: Span) -> Panel:
    return Panel(
        title=pgettext_lazy("dashboard", "Refused"),
        series=CountedSeries(
            title=_("Refused requests"),
            parts={kind.value: label for kind, label in COUNTED.items()},
            totals=RefusalCount.objects.totals,
        ),
        figures=[events_between(span, type, label, is_warning=True) for type, label in REFUSALS],
        note=_(
            "The bars are counts, up to a minute old. There is no list behind them: a single refusal is not recorded. "
            "Of several refusals in one window of a rate limit of console sign-ins, the first is an event."
        ),
    )


def _webhooks(span: Span) -> Panel:
    return Panel(
        title=_("Webhooks that fail"),
        figures=[
            Figure(
                label=_("messages that will be tried again"),
                rows=WebhookMessage.objects.filter(next_attempt_at__isnull=False, attempts__gt=0),
                model=WebhookMessage,
                filters={"next_attempt_at__isnull": "0", "attempts__gt": "0"},
                is_warning=True,
            ),
            Figure(
                label=_("messages given up"),
                rows=WebhookMessage.objects.filter(dead_at__gte=span.start, dead_at__lt=span.at),
                model=WebhookMessage,
                filters=between("dead_at", span.start, span.at),
                is_warning=True,
            ),
            Figure(
                label=_("disabled endpoints"),
                rows=WebhookEndpoint.objects.filter(disabled_at__isnull=False),
                model=WebhookEndpoint,
                filters={"disabled_at__isnull": "0"},
            ),
        ],
    )


def _api_keys(span: Span) -> Panel:
    old, soon = span.at - OLD_API_KEY, span.at + ENDS_SOON
    return Panel(
        title=_("API keys due for rotation"),
        figures=[
            Figure(
                label=_("created more than a year ago"),
                rows=ApiKey.objects.filter(revoked_at=None, expires_at=None, created_at__lt=old),
                model=ApiKey,
                filters={"revoked_at__isnull": "1", "expires_at__isnull": "1", **between("created_at", None, old)},
                is_warning=True,
            ),
            Figure(
                label=_("end within a week"),
                rows=ApiKey.objects.filter(revoked_at=None, expires_at__gte=span.at, expires_at__lt=soon),
                model=ApiKey,
                filters={"revoked_at__isnull": "1", **between("expires_at", span.at, soon)},
            ),
        ],
    )
