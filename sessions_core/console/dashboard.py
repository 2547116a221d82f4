"""The dashboard of the console: panels that apps register. Every number of rows links to the list of those rows.

One statement counts the figures of all panels, and one the bars of each chart, all up to a bound. So a page costs a few
queries, however many panels and bars it has. PostgreSQL compiles a larger statement to machine code, which takes longer
than to run it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import get_current_timezone_name

from sessions_core.console.charts import AtLeast, Chart, Numbers, as_text, make_chart, up_to
from sessions_core.console.counted_series import CountedSeries, chart_of_counts
from sessions_core.console.spans import DEFAULT, RANGES, Span
from sessions_core.console.time_filters import FROM, MINUTE, UNTIL
from sessions_core.db.counting import Bounded, bounded_counts, counts_between

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = [
    "Figure",
    "Panel",
    "Series",
    "Share",
    "Shown",
    "between",
    "created_between",
    "dashboard_context",
    "may_view_any",
    "register",
    "shown_panels",
]

# Counting stops above this number, of a figure and of a bar.
MOST = 10_000

Filters = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """How many rows there are. It links to the list of ``model`` with these filters.

    ``is_warning`` marks numbers that should be 0. With a ``condition``, the rows that meet it are counted. If there are
    too many rows ``among`` which those were looked for, the number is only the least there can be.
    """

    label: "_StrOrPromise"
    rows: QuerySet[Any]
    model: type[Model]
    filters: Filters
    is_warning: bool = False
    condition: Q | None = None
    among: QuerySet[Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Series:
    """Bars of a span: how many ``rows`` were created in each. ``filters`` are those of the list of ``model``.

    Without an end, the filters are of everything since the start.
    """

    title: "_StrOrPromise"
    rows: QuerySet[Any]
    model: type[Model]
    filters: Callable[[datetime, datetime | None], Filters]


@dataclass(frozen=True, kw_only=True)
class Share:
    """A part of the rows that a panel looked at, which are few enough to read."""

    label: "_StrOrPromise"
    number: int
    model: type[Model]
    filters: Filters


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel. ``shares`` may run one query. ``note`` says what the numbers leave out."""

    title: "_StrOrPromise"
    figures: Sequence[Figure] = ()
    series: Series | CountedSeries | None = None
    shares: Callable[[], Sequence[Share]] | None = None
    note: "_StrOrPromise" = ""


# Returns a panel about a span.
Source = Callable[[Span], Panel]


@dataclass(frozen=True, kw_only=True)
class _Registered:
    source: Source
    models: Sequence[type[Model]]
    place: int


_registered: dict[str, _Registered] = {}


def register(name: str, source: Source, *, models: Sequence[type[Model]], place: int) -> None:
    """Register a panel. Call it in the ``admin`` module of the app. Another source replaces it.

    An operator sees it with the permission to view all of ``models``. ``place`` orders the page.
    """
    _registered[name] = _Registered(source=source, models=models, place=place)


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number that a page shows, with its link."""

    label: "_StrOrPromise"
    text: str
    url: str
    is_warning: bool = False


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A panel as the page shows it."""

    name: str
    title: "_StrOrPromise"
    note: "_StrOrPromise"
    figures: Sequence[Number]
    shares: Sequence[Number] = field(default=())
    chart: Chart | None = None


def may_view_any(request: HttpRequest, site: AdminSite) -> bool:
    """Return True if the operator may view one of the panels."""
    return any(_may_view(request, site, each.models) for each in _registered.values())


def _may_view(request: HttpRequest, site: AdminSite, models: Sequence[type[Model]]) -> bool:
    """Return True if the site has lists of all these models, and the operator may view them."""
    return all(
        site.is_registered(model) and site.get_model_admin(model).has_view_permission(request) for model in models
    )


def shown_panels(request: HttpRequest, site: AdminSite, span: Span) -> Sequence[Shown]:
    """Return the panels that the operator may view: one query, and one for each chart and for the shares of each."""
    ordered = sorted(_registered.items(), key=lambda item: item[1].place)
    panels = {name: each.source(span) for name, each in ordered if _may_view(request, site, each.models)}
    counts = iter(bounded_counts([each for panel in panels.values() for each in _counted(panel)]))
    return [_shown(name, panel, span, counts, site) for name, panel in panels.items()]


def created_between(start: datetime, end: datetime | None) -> dict[str, str]:
    """Return the parameters of ``TimeFilter`` for rows created from a time until before another one."""
    is_minute = end and not (end.second or end.microsecond)
    last = end and (end - MINUTE if is_minute else end)  # the filter includes a whole minute
    return {name: _as_input(time) for name, time in ((FROM, start), (UNTIL, last)) if time}


def _as_input(time: datetime) -> str:
    """Return the local time as a field of a form takes it: without an offset, and to the millisecond."""
    return (
        timezone.localtime(time).replace(tzinfo=None).isoformat(timespec="milliseconds" if time.second else "minutes")
    )


def between(column: str, start: datetime | None, end: datetime | None) -> dict[str, str]:
    """Return the parameters of a list without this filter, for rows from a time until before another one."""
    return {name: _as_text(time) for name, time in ((f"{column}__gte", start), (f"{column}__lt", end)) if time}


def _as_text(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _counted(panel: Panel) -> Iterator[Bounded]:
    """Yield what is counted for the figures of a panel, in the order in which ``_shown`` takes the counts."""
    for figure in panel.figures:
        yield Bounded(figure.rows, MOST, figure.condition)
        if figure.among is not None:
            yield Bounded(figure.among, MOST)


def _shown(name: str, panel: Panel, span: Span, counts: Iterator[int], site: AdminSite) -> Shown:
    figures = []
    for figure in panel.figures:
        count = next(counts)
        is_least = figure.among is not None and next(counts) > MOST
        figures.append(_number(site, AtLeast(count) if is_least and count <= MOST else up_to(MOST, count), figure))
    return Shown(
        name=name,
        title=panel.title,
        note=panel.note,
        figures=figures,
        chart=_chart(panel.series, span, site) if panel.series else None,
        shares=[_number(site, each.number, each) for each in (panel.shares() if panel.shares else ())],
    )


def _number(site: AdminSite, count: int, listed: Figure | Share) -> Number:
    return Number(
        label=listed.label,
        text=as_text(count),
        url=_list_url(site, listed.model, listed.filters),
        is_warning=isinstance(listed, Figure) and listed.is_warning and count > 0,
    )


def _chart(series: Series | CountedSeries, span: Span, site: AdminSite) -> Chart:
    if isinstance(series, CountedSeries):
        return chart_of_counts(series, span)
    times = [each for bounds in span.bars for each in span.with_earlier(bounds)]
    counts = iter(counts_between(series.rows, times, most=MOST))
    numbers = []
    for start, end in span.bars:
        now, *before = (up_to(MOST, next(counts)) for _ in range(1 + len(span.range.earlier)))
        numbers.append(
            Numbers(
                label=span.label((start, end)),
                tick=span.tick((start, end)),
                now=now,
                before=before,
                url=_list_url(site, series.model, series.filters(start, end)),
                since_url=_list_url(site, series.model, series.filters(start, None)),
            )
        )
    labels = [label for _, label in span.range.earlier]
    return make_chart(series.title, numbers, end=span.tick((span.at, span.at)), earlier=labels)


def _list_url(site: AdminSite, model: type[Model], filters: Filters) -> str:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    return f"{reverse(name, current_app=site.name)}?{urlencode(filters)}"


def dashboard_context(request: HttpRequest, site: AdminSite) -> dict[str, Any]:
    """Return what the dashboard shows for the range that the address names."""
    chosen = RANGES.get(request.GET.get("range", ""), RANGES[DEFAULT])
    span = Span(chosen, timezone.now())
    return {
        "span": span,
        "ranges": RANGES.values(),
        "panels": shown_panels(request, site, span),
        "time_zone": get_current_timezone_name(),
    }
