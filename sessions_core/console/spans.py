"""The span of time that a dashboard shows, and the bars that it is cut into."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["DEFAULT", "RANGES", "Bounds", "Range", "Span"]

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
FOUR_WEEKS = timedelta(days=28)

YESTERDAY = (DAY, pgettext_lazy("dashboard", "yesterday"))
LAST_WEEK = (WEEK, _("a week before"))
FOUR_WEEKS_BEFORE = (FOUR_WEEKS, _("four weeks before"))


@dataclass(frozen=True, kw_only=True)
class Range:
    """A range that operators can choose: ``bars`` bars of ``step``, beside those of the ``earlier`` times."""

    name: str
    label: "_StrOrPromise"
    step: timedelta
    bars: int
    earlier: Sequence[tuple[timedelta, "_StrOrPromise"]]


RANGES = {
    each.name: each
    for each in (
        Range(name="1h", label=_("1 hour"), step=timedelta(minutes=5), bars=12, earlier=(YESTERDAY, LAST_WEEK)),
        Range(name="24h", label=_("24 hours"), step=timedelta(hours=1), bars=24, earlier=(YESTERDAY, LAST_WEEK)),
        Range(name="7d", label=_("7 days"), step=timedelta(hours=6), bars=28, earlier=(LAST_WEEK,)),
        Range(name="30d", label=_("30 days"), step=DAY, bars=30, earlier=(FOUR_WEEKS_BEFORE,)),
    )
}
DEFAULT = "24h"

Bounds = tuple[datetime, datetime]


@dataclass(frozen=True)
class Span:
    """A range that ends at a moment. Its bars begin at whole steps of the clock in the current time zone, and the last
    one ends at the moment."""

    range: Range
    at: datetime

    @cached_property
    def bars(self) -> Sequence[Bounds]:
        """Return the bounds of each bar, oldest first, in UTC."""
        last = _whole_step(timezone.localtime(self.at), self.range.step)
        starts = [_back(last, self.range.step * number) for number in reversed(range(self.range.bars))]
        return list(zip(starts, [*starts[1:], self.at.astimezone(UTC)], strict=True))

    @property
    def start(self) -> datetime:
        return self.bars[0][0]

    def before(self, bounds: Bounds, shift: timedelta) -> Bounds:
        """Return the same hours of an earlier day, as the clock on the wall counts them."""
        start, end = (_back(timezone.localtime(each), shift) for each in bounds)
        return start, end

    def with_earlier(self, bounds: Bounds) -> Sequence[Bounds]:
        """Return the bounds of a bar, and those of the same hours at each earlier time."""
        return [bounds, *(self.before(bounds, shift) for shift, _ in self.range.earlier)]

    def label(self, bounds: Bounds) -> str:
        """Return the day and the hours of a bar for people, such as "Fri 27 Nov, 18:00 to 19:00"."""
        start, end = map(timezone.localtime, bounds)
        day = date_format(start, "D j M")
        return day if self.range.step >= DAY else f"{day}, {start:%H:%M} - {end:%H:%M}"

    def tick(self, bounds: Bounds) -> str:
        """Return a short label for the axis."""
        start = timezone.localtime(bounds[0])
        return f"{start:%H:%M}" if self.range.step < timedelta(hours=6) else date_format(start, "j M")


def _whole_step(local: datetime, step: timedelta) -> datetime:
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (local.replace(tzinfo=None) - midnight.replace(tzinfo=None)) // step * step


def _back(local: datetime, by: timedelta) -> datetime:
    """Return an earlier time in UTC. Whole days are days of the calendar, which can have 23 or 25 hours."""
    days = timedelta(days=by.days)
    return (local - days).astimezone(UTC) - (by - days)
