"""A filter by time: the last hours or days, or from one time until another, to the minute."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy

__all__ = ["FROM", "MINUTE", "UNTIL", "TimeFilter", "frozen_times"]

RANGES = {
    "1h": (timedelta(hours=1), gettext_lazy("last hour")),
    "24h": (timedelta(hours=24), gettext_lazy("last 24 hours")),
    "7d": (timedelta(days=7), gettext_lazy("last 7 days")),
    "30d": (timedelta(days=30), gettext_lazy("last 30 days")),
}
FROM, UNTIL = "created__from", "created__until"

MINUTE = timedelta(minutes=1)


class TimeFilter(admin.ListFilter):
    """Filters ``created_at``. A time without an offset is in the current time zone. The last minute is included."""

    title = pgettext_lazy("time", "created")
    template = "sessions_core/console/time_filter.html"
    parameter_name = "created"
    is_indexed = True

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.expected_parameters():
            if name in params and (value := params.pop(name)[-1]):
                self.used_parameters[name] = value

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [self.parameter_name, FROM, UNTIL]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if (given := self.used_parameters.get(self.parameter_name)) is not None:
            if given not in RANGES:
                raise IncorrectLookupParameters
            queryset = queryset.filter(created_at__gte=timezone.now() - RANGES[given][0])
        if FROM in self.used_parameters:
            queryset = queryset.filter(created_at__gte=_moment(self.used_parameters[FROM]))
        if UNTIL in self.used_parameters:
            until = _moment(self.used_parameters[UNTIL])
            is_minute = not (until.second or until.microsecond)
            queryset = queryset.filter(created_at__lt=until + (MINUTE if is_minute else timedelta(microseconds=1)))
        return queryset

    def choices(self, changelist: Any) -> Any:
        """Yield the ranges, and keep what the form needs."""
        self.form = {
            "from": self.used_parameters.get(FROM, ""),
            "until": self.used_parameters.get(UNTIL, ""),
            "zone": timezone.get_current_timezone_name(),
            "others": [
                (name, value)
                for name, values in changelist.filter_params.items()
                if name not in self.expected_parameters()
                for value in values
            ],
        }
        given, own = self.used_parameters.get(self.parameter_name), (self.parameter_name, FROM, UNTIL)
        yield {
            "selected": not self.used_parameters,
            "query_string": changelist.get_query_string(dict.fromkeys(own)),
            "display": gettext("any time"),
        }
        for value, (_, label) in RANGES.items():
            query = changelist.get_query_string({self.parameter_name: value, FROM: None, UNTIL: None})
            yield {"selected": given == value, "query_string": query, "display": label}


def frozen_times(given: dict[str, list[str]], *, at: datetime) -> dict[str, list[str]]:
    """Return the parameters of an address so that they mean the same later, and in any time zone: ``created=1h``
    becomes the time that is an hour before ``at``. They are valid."""
    frozen, name = dict(given), str(TimeFilter.parameter_name)
    begins = [_moment(value[-1]) for value in [frozen.pop(FROM, [""])] if value[-1]]
    begins += [at - RANGES[value[-1]][0] for value in [frozen.pop(name, [""])] if value[-1]]
    if begins:
        frozen[FROM] = [max(begins).isoformat()]
    if (until := frozen.pop(UNTIL, [""])[-1]) != "":
        frozen[UNTIL] = [_moment(until).isoformat()]
    return frozen


def _moment(given: Any) -> datetime:
    """Return the time in the address. Raise IncorrectLookupParameters."""
    try:
        time = parse_datetime(given)
        if time is None:
            raise ValueError(given)
        aware = time if time.tzinfo else timezone.make_aware(time)
        return aware + MINUTE - MINUTE  # a time that no later sum can overflow
    except (ValueError, OverflowError):
        raise IncorrectLookupParameters from None
