"""Panels about user sessions and signing keys."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Count, QuerySet
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from sessions_core.console.core_panels import events_between
from sessions_core.console.dashboard import Figure, Panel, Series, Share, between, created_between, register
from sessions_core.console.spans import Span
from sessions_core.models import Event
from user_sessions.models import SigningKey, UserSession
from user_sessions.models.status import OPEN, is_in

__all__ = ["register_panels"]

# A session with tasks begins as pending. Imported sessions have no such event.
SIGN_INS = ("user_session.created", "user_session.pending")

ENDINGS = {
    "user_session.ended": _("signed out"),
    "user_session.revoked": pgettext_lazy("dashboard", "revoked"),
    "user_session.replaced": _("replaced by another sign-in"),
    "user_session.removed": _("removed from their browser"),
    "user_session.expired": pgettext_lazy("dashboard", "expired"),
}

# Signs out all users of a workspace.
EPOCH = "epoch.begun"

# The newest rows of a span that are read to tell their devices or reasons.
SAMPLE = 1000
MOST_REASONS = 5

# Signing keys that have signed for longer are due for rotation.
OLD_SIGNING_KEY = timedelta(days=90)


def register_panels() -> None:
    register("live_sessions", _live, models=[UserSession], place=10)
    register("sign_ins", _sign_ins, models=[UserSession, Event], place=20)
    register("endings", _endings, models=[Event], place=21)
    register("devices", _devices, models=[UserSession, Event], place=30)
    register("reasons", _reasons, models=[Event], place=31)
    register("suspicious_sign_ins", _suspicious, models=[Event], place=12)
    register("signing_keys", _signing_keys, models=[SigningKey], place=50)


def _live(span: Span) -> Panel:
    """Count live sessions by the rule that admits requests. It is tried on those that expire last."""
    unended = UserSession.objects.filter(recorded_ends=0, expire_at__gt=span.at)
    return Panel(
        title=_("User sessions"),
        figures=[
            Figure(
                label=_("live now"),
                rows=unended.order_by("-expire_at"),
                condition=is_in(OPEN, at=span.at),
                among=unended,
                model=UserSession,
                filters={"status_now": "live"},
            )
        ],
    )


def _sign_ins(span: Span) -> Panel:
    return Panel(
        title=pgettext_lazy("dashboard", "Sign-ins"),
        series=Series(
            title=pgettext_lazy("dashboard", "Sign-ins"),
            rows=Event.objects.filter(type__in=SIGN_INS),
            model=UserSession,
            filters=created_between,
        ),
        note=_("Includes impersonations and sign-ins that are still pending, but no imported sessions."),
    )


def _endings(span: Span) -> Panel:
    figures = [events_between(span, type, label) for type, label in ENDINGS.items()]
    return Panel(
        title=pgettext_lazy("dashboard", "Endings"),
        series=Series(
            title=pgettext_lazy("dashboard", "Endings"),
            rows=Event.objects.filter(type__in=tuple(ENDINGS)),
            model=Event,
            filters=lambda start, end: {"type__in": ",".join(ENDINGS), **created_between(start, end)},
        ),
        figures=[
            *figures,
            events_between(
                span, "epoch.begun", _("times that all users of a workspace were signed out"), is_warning=True
            ),
        ],
        note=_(
            "An expiry counts when it is recorded, which “manage.py sessions clean” does. Signing out all users of a "
            "workspace is one event, and does not count as the end of each session."
        ),
    )


def _devices(span: Span) -> Panel:
    return Panel(
        title=pgettext_lazy("dashboard", "Devices"),
        shares=lambda: _device_shares(span),
        note=gettext("Of the newest %(count)s sign-ins.") % {"count": f"{SAMPLE:,}"},
    )


def _device_shares(span: Span) -> Sequence[Share]:
    newest = _events("user_session.created", span).order_by("-created_at").values("subject")[:SAMPLE]
    kinds = UserSession.objects.filter(pk__in=newest).order_by().values_list("latest_activity__is_mobile")
    counted: dict[bool | None, int] = dict(kinds.annotate(Count("pk")))
    labels = {
        False: ("computer", pgettext_lazy("dashboard", "computers")),
        True: ("mobile", _("phones and tablets")),
        None: ("unknown", _("unknown devices")),
    }
    span_only = created_between(span.start, span.at)
    return [
        Share(
            label=label,
            number=counted.get(kind, 0),
            model=UserSession,
            filters={"device_kind": name, **span_only},
        )
        for kind, (name, label) in labels.items()
    ]


def _reasons(span: Span) -> Panel:
    return Panel(
        title=_("Reasons of revocations"),
        shares=lambda: _reason_shares(span),
        note=gettext("Of the newest %(count)s revocations.") % {"count": f"{SAMPLE:,}"},
    )


def _reason_shares(span: Span) -> Sequence[Share]:
    newest = _events("user_session.revoked", span).order_by("-created_at")
    reasons = Counter(newest.values_list("data__reason", flat=True)[:SAMPLE])
    filters = {"type": "user_session.revoked", **created_between(span.start, span.at)}
    return [
        Share(label=reason or gettext("no reason given"), number=number, model=Event, filters=filters)
        for reason, number in reasons.most_common(MOST_REASONS)
    ]


def _suspicious(span: Span) -> Panel:
    return Panel(
        title=_("Suspicious sign-ins"),
        figures=[
            events_between(span, "user.sign_in_refused", _("refused as too risky"), is_warning=True),
            events_between(span, "user_session.token_reused", _("session tokens used twice"), is_warning=True),
        ],
    )


def _signing_keys(span: Span) -> Panel:
    old = span.at - OLD_SIGNING_KEY
    unrotated = SigningKey.objects.filter(published_until=None, revoked_at=None)
    filters = {"published_until__isnull": "1", "revoked_at__isnull": "1"}
    return Panel(
        title=_("Signing keys due for rotation"),
        figures=[
            Figure(
                label=_("have signed for more than 90 days"),
                rows=unrotated.filter(active_from__lt=old),
                model=SigningKey,
                filters={**filters, **between("active_from", None, old)},
                is_warning=True,
            ),
            Figure(
                label=_("will sign soon"),
                rows=unrotated.filter(active_from__gt=span.at),
                model=SigningKey,
                filters={**filters, **between("active_from", span.at, None)},
            ),
        ],
    )


def _events(type: str, span: Span) -> QuerySet[Any]:
    return Event.objects.filter(type=type, created_at__gte=span.start, created_at__lt=span.at)
