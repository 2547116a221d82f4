"""The bars of a dashboard begin at whole steps of the clock, also where the clock changes."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.utils import timezone

from sessions_core.console.charts import Numbers, make_chart, up_to
from sessions_core.console.spans import RANGES, Span
from tests.embedded import embedded

pytestmark = embedded

AT = datetime(2026, 11, 27, 18, 47, 12, tzinfo=UTC)


@pytest.mark.parametrize("range", RANGES.values(), ids=str)
def test_the_bars_join_and_end_now(range):
    bars = Span(range, AT).bars
    assert len(bars) == range.bars and bars[-1][1] == AT
    assert all(end == start for (_, end), (start, _) in pairwise(bars))


@pytest.mark.parametrize(("name", "starts"), [("1h", "18:45"), ("24h", "18:00"), ("7d", "18:00"), ("30d", "00:00")])
def test_the_last_bar_begins_at_a_whole_step(name, starts):
    assert f"{Span(RANGES[name], AT).bars[-1][0]:%H:%M}" == starts


def test_hours_are_those_of_the_time_zone_of_the_operator():
    with timezone.override("Asia/Kolkata"):
        span = Span(RANGES["24h"], AT)
        assert span.bars[-1][0] == datetime(2026, 11, 27, 18, 30, tzinfo=UTC)
        assert span.label(span.bars[-1]) == "Sat 28 Nov, 00:00 - 00:17"


def test_a_day_on_which_the_clock_changes_has_25_hours():
    with timezone.override("Europe/Berlin"):
        days = [end - start for start, end in Span(RANGES["30d"], datetime(2026, 10, 30, tzinfo=UTC)).bars]
    assert days.count(timedelta(hours=25)) == 1


def test_the_same_hour_of_yesterday_is_that_of_the_clock():
    with timezone.override("Europe/Berlin"):
        span = Span(RANGES["24h"], datetime(2026, 10, 25, 12, 30, tzinfo=UTC))
        start, end = span.before(span.bars[-1], timedelta(days=1))
    assert (start.hour, end.hour, end.minute) == (11, 11, 30)  # UTC, in summer time


def numbers(*now: int) -> list[Numbers]:
    return [Numbers(label="", tick=str(n), now=n, before=[1], url="", since_url="") for n in now]


def test_a_chart_of_nothing_has_bars_without_height():
    chart = make_chart("x", [Numbers(label="", tick="", now=0, before=[], url="", since_url="")])
    assert (chart.total, chart.top, chart.bars[0].height) == ("0", "0", 0)


def test_the_highest_bar_fills_the_drawing():
    assert [bar.height for bar in make_chart("x", numbers(1, 2, 4), earlier=["before"]).bars] == [25, 50, 100]


def test_a_sum_of_bounded_numbers_says_more_than():
    chart = make_chart("x", numbers(up_to(10, 11), 5), earlier=["before"])
    assert (chart.total, chart.earlier[0].change) == ("more than 15", "")


def test_a_number_has_separators():
    assert make_chart("x", numbers(1200, 34)).total == "1,234"
