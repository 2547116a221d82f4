"""Bars drawn from numbers, as attributes of SVG elements: a strict CSP allows no inline style and no inline script."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.formats import number_format
from django.utils.translation import gettext

from sessions_core.changelists import MoreThan

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["AtLeast", "Chart", "Drawn", "Earlier", "Mark", "Numbers", "Part", "as_text", "make_chart", "up_to"]

# Units of the drawing, which the page stretches to its own width and height.
WIDTH, HEIGHT = 1000, 100

# The part of its place that a bar fills.
FILLED = 0.8

# Labels below a chart, beside that of its end. More would not fit on a phone.
TICKS = 4


class AtLeast(MoreThan):
    """A count of which some rows were not looked at."""

    def __str__(self) -> str:
        return gettext("at least %(count)s") % {"count": f"{int(self):,}"}


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The number of a bar, those of the same hours before, and what the page says and links beside them.

    ``parts`` are the numbers that ``now`` is the sum of, if the bar shows them. Without a list there are no links.
    """

    label: str
    tick: str
    now: int
    before: Sequence[int]
    url: str = ""
    since_url: str = ""
    parts: Sequence[int] = ()

    @property
    def texts(self) -> Sequence[str]:
        return [as_text(each) for each in (self.now, *self.before)]

    @property
    def part_texts(self) -> Sequence[str]:
        return [as_text(each) for each in self.parts]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A line at the height of an earlier number, across the place of a bar."""

    name: str
    x1: float
    x2: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A part of a bar."""

    name: str
    y: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Part:
    """The sum of a part of all bars."""

    name: str
    label: "_StrOrPromise"
    total: str


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A bar of the drawing, in segments if its number has parts."""

    numbers: Numbers
    place: float
    place_width: float
    x: float
    y: float
    width: float
    height: float
    segments: Sequence[Segment]
    marks: Sequence[Mark]


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """The sum of the same hours at an earlier time, and the change since then, if it is known."""

    name: str
    label: "_StrOrPromise"
    total: str
    change: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawing with its title, the number at its top, labels below it, and sums."""

    title: "_StrOrPromise"
    bars: Sequence[Drawn]
    top: str
    ticks: Sequence[str]
    total: str
    earlier: Sequence[Earlier]
    parts: Sequence[Part]

    width, height = WIDTH, HEIGHT


def up_to(most: int, counted: int) -> int:
    """Return the number, or one that says "more than" if counting stopped above ``most``."""
    return MoreThan(counted) if counted > most else counted


def as_text(number: int) -> str:
    """Return the number with separators of the current language, or "more than 1,000"."""
    return str(number) if isinstance(number, MoreThan) else number_format(number, force_grouping=True)


def make_chart(
    title: "_StrOrPromise",
    numbers: Sequence[Numbers],
    *,
    end: str = "",
    earlier: "Sequence[_StrOrPromise]" = (),
    parts: "Sequence[_StrOrPromise]" = (),
) -> Chart:
    """Return the chart of these bars. ``end`` labels the end, ``earlier`` the times of their other numbers, and
    ``parts`` their parts."""
    highest = max((each for bar in numbers for each in (bar.now, *bar.before)), default=0)
    now = _sum([bar.now for bar in numbers])
    sums = [_sum([bar.before[index] for bar in numbers]) for index in range(len(earlier))]
    place = WIDTH / max(len(numbers), 1)
    return Chart(
        title=title,
        bars=[_draw(bar, index * place, place, highest) for index, bar in enumerate(numbers)],
        top=as_text(highest),
        ticks=[*(numbers[len(numbers) * tick // TICKS].tick for tick in range(TICKS)), end],
        total=as_text(now),
        earlier=[
            Earlier(name=_name(index), label=label, total=as_text(before), change=_change(now, before))
            for index, (label, before) in enumerate(zip(earlier, sums, strict=True))
        ],
        parts=[
            Part(name=_part(index), label=label, total=as_text(sum(bar.parts[index] for bar in numbers)))
            for index, label in enumerate(parts)
        ],
    )


def _sum(numbers: Sequence[int]) -> int:
    """Return the sum, which says "more than" if one of the numbers does."""
    total = sum(map(int, numbers))
    return MoreThan(total) if any(isinstance(each, MoreThan) for each in numbers) else total


def _change(now: int, before: int) -> str:
    """Return a text such as "+103 %", or an empty one if a number is not known or nothing was before."""
    if not before or isinstance(now, MoreThan) or isinstance(before, MoreThan):
        return ""
    return f"{round(100 * (now - before) / before):+d} %"


def _draw(numbers: Numbers, x: float, place: float, highest: int) -> Drawn:
    height = _height(numbers.now, highest)
    return Drawn(
        numbers=numbers,
        place=round(x, 2),
        place_width=round(place, 2),
        x=round(x + place * (1 - FILLED) / 2, 2),
        y=round(HEIGHT - height, 2),
        width=round(place * FILLED, 2),
        height=height,
        segments=_segments(numbers.parts, highest),
        marks=[
            Mark(name=_name(index), x1=round(x, 2), x2=round(x + place, 2), y=HEIGHT - _height(before, highest))
            for index, before in enumerate(numbers.before)
        ],
    )


def _segments(parts: Sequence[int], highest: int) -> Sequence[Segment]:
    """Return the parts on top of each other, the first one at the bottom. Empty parts have no segment."""
    tops = [_height(sum(parts[: index + 1]), highest) for index in range(len(parts))]
    return [
        Segment(name=_part(index), y=round(HEIGHT - top, 2), height=round(top - bottom, 2))
        for index, (bottom, top) in enumerate(zip([0.0, *tops], tops, strict=False))
        if parts[index]
    ]


def _part(index: int) -> str:
    """Return the class of the segments of a part."""
    return f"part-{index + 1}"


def _name(index: int) -> str:
    """Return the class of the marks of an earlier time."""
    return f"earlier-{index + 1}"


def _height(number: int, highest: int) -> float:
    return round(HEIGHT * int(number) / highest, 2) if highest else 0
