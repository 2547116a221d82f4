"""What console pages say: a time in words, with the exact one on hover; badges; links to other pages."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.admin import AdminSite
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import pgettext

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["BAD", "GOOD", "OVER", "WARNING", "address_of", "badge", "exact", "link_to", "time_in_words", "url_to"]

# Kinds of badges. Each has a sign, so that nobody needs to tell the colours apart.
GOOD, OVER, WARNING, BAD = "good", "over", "warning", "bad"
SIGNS = {GOOD: "●", OVER: "○", WARNING: "▲", BAD: "✕"}

NOW = timedelta(minutes=1)


def exact(time: datetime) -> str:
    """Return the time to the second, in the current time zone, with its offset, such as 2026-11-27 14:03:20 +0100."""
    return f"{timezone.localtime(time):%Y-%m-%d %H:%M:%S %z}"


def time_in_words(time: datetime | None, *, at: datetime | None = None) -> SafeString | str:
    """Return a text such as "3 minutes ago" or "in 5 hours", with the exact time on hover. None is "-"."""
    if time is None:
        return "-"
    at = at or timezone.now()
    return format_html(
        '<time class="gatepass-time" datetime="{}" title="{}">{}</time>',
        time.isoformat(),
        exact(time),
        _words(time, at),
    )


def _words(time: datetime, at: datetime) -> str:
    if abs(at - time) < NOW:
        return pgettext("time", "now")
    if time < at:
        return pgettext("time", "%(time)s ago") % {"time": timesince(time, at, depth=1)}
    try:
        return pgettext("time", "in %(time)s") % {"time": timesince(at, time, depth=1)}
    except OverflowError:
        return date_format(timezone.localtime(time), "DATE_FORMAT")


def badge(text: "_StrOrPromise", kind: str, *, title: "_StrOrPromise" = "") -> SafeString:
    """Return a badge with a sign and a colour of its kind. ``title`` is shown on hover."""
    return format_html(
        '<span class="gatepass-badge gatepass-{}" title="{}"><span aria-hidden="true">{}</span> {}</span>',
        kind,
        title,
        SIGNS[kind],
        text,
    )


def link_to(obj: Model, text: "_StrOrPromise | None" = None) -> SafeString | str:
    """Return the object's name, linked to its admin page if it has one."""
    name = str(obj) if text is None else text
    url = url_to(obj)
    return format_html('<a href="{}">{}</a>', url, name) if url else format_html("{}", name)


def url_to(obj: Model) -> str:
    """Return the address of the object's admin page, or an empty text: a host may not register its users."""
    try:
        return reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[quote(obj.pk)])
    except NoReverseMatch:
        return ""


def address_of(
    site: AdminSite, model: type[Model], page: str, *args: Any, query: Mapping[str, Any] | None = None
) -> str:
    """Return the address of a page of this model, or an empty text if the site has none."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
    try:
        url = reverse(name, args=args, current_app=site.name) if site.is_registered(model) else ""
    except NoReverseMatch:  # the host's own page of the model
        return ""
    return f"{url}?{urlencode(query)}" if url and query else url
