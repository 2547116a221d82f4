"""Durations as arguments of commands, such as 90s, 30m, 24h or 7d."""

import re
from argparse import ArgumentTypeError
from datetime import timedelta

from sessions_core.moments import LONGEST_LIFETIME

__all__ = ["EXAMPLES", "duration_of", "format_duration"]

EXAMPLES = "such as 90s, 30m, 24h or 7d"

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_FORM = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)


def duration_of(text: str) -> timedelta:
    """Return the duration, for use as the ``type`` of an argument. Raise ArgumentTypeError."""
    found = _FORM.fullmatch(text)
    duration = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta(0)
    if not timedelta(0) < duration <= LONGEST_LIFETIME:
        raise ArgumentTypeError(
            f"{text!r} is not a duration {EXAMPLES}, of more than 0 and at most {LONGEST_LIFETIME.days} days"
        )
    return duration


def format_duration(duration: timedelta) -> str:
    """Return the shortest text that ``duration_of`` reads as this duration, if there is one."""
    for unit, name in reversed(_UNITS.items()):
        number, rest = divmod(duration, timedelta(**{name: 1}))
        if number and not rest:
            return f"{number}{unit}"
    return str(duration)
