"""Bars of numbers that are stored as sums, so that no list has the rows behind them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sessions_core.console.charts import Chart, Numbers, make_chart
from sessions_core.console.spans import Bounds, Span

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["CountedSeries", "chart_of_counts"]


@dataclass(frozen=True, kw_only=True)
class CountedSeries:
    """Bars of a span, each in parts. For the bars now and those of each earlier time, ``totals`` returns the numbers
    by the names of ``parts``, with one query."""

    title: "_StrOrPromise"
    parts: "Mapping[str, _StrOrPromise]"
    totals: Callable[[Sequence[Sequence[Bounds]]], Sequence[Sequence[Mapping[str, int]]]]


def chart_of_counts(series: CountedSeries, span: Span) -> Chart:
    """Return the chart, with the sums of the same hours at the earlier times of the range."""
    runs = list(zip(*map(span.with_earlier, span.bars), strict=True))
    numbers = [
        Numbers(
            label=span.label(bounds),
            tick=span.tick(bounds),
            now=sum(now.values()),
            before=[sum(each.values()) for each in before],
            parts=[now.get(name, 0) for name in series.parts],
        )
        for bounds, now, *before in zip(span.bars, *series.totals(runs), strict=True)
    ]
    return make_chart(
        series.title,
        numbers,
        end=span.tick((span.at, span.at)),
        earlier=[label for _, label in span.range.earlier],
        parts=list(series.parts.values()),
    )
