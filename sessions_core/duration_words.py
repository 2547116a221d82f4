"""Durations in words, in the language of the reader."""

from datetime import timedelta

from django.utils.timesince import TIME_STRINGS
from django.utils.translation import gettext

__all__ = ["duration_in_words"]

_UNITS = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))


def duration_in_words(duration: timedelta) -> str:
    """Return a text such as "7 days" or "1 hour, 30 minutes"."""
    parts = []
    for name, unit in _UNITS:
        number, duration = divmod(duration, unit)
        if number:
            parts.append(str(TIME_STRINGS[name] % {"num": number}))
    if duration or not parts:
        parts.append(gettext("%(seconds)d s") % {"seconds": duration.total_seconds()})
    return ", ".join(parts)
