"""Checks of the times and lifetimes that callers pass, the same on every database."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

__all__ = ["LONGEST_LIFETIME", "duration", "instant", "moment"]

# Adding or subtracting any lifetime to a time in this range does not overflow.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)

# Dates end in the year 9999, and a DurationField on SQLite ends before that.
LONGEST_LIFETIME = timedelta(days=3650)


def moment(at: datetime | None) -> datetime:
    """Return ``at``, or the current time for None. Raise ValueError for an invalid time."""
    if at is None:
        return timezone.now()
    if not EARLIEST <= instant(at, name="at") <= LATEST:
        raise ValueError(f"at must be between the years {EARLIEST.year} and {LATEST.year}.")
    return at


def instant(value: datetime, *, name: str) -> datetime:
    """Return the time. Raise ValueError, with the name of the argument, if a database cannot store it."""
    given: object = value
    if isinstance(given, datetime) and given.tzinfo is UTC:
        return value
    if not isinstance(given, datetime) or given.utcoffset() is None:
        raise ValueError(f"{name} must be a datetime with a time zone, such as timezone.now().")
    try:
        given.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{name} must be between the years 1 and 9999 in UTC.") from None
    return value


def duration(value: timedelta, *, name: str) -> timedelta:
    """Return the lifetime. Raise ValueError, with the name of the argument, if it is out of range."""
    given: object = value
    if not isinstance(given, timedelta) or not timedelta(0) < given <= LONGEST_LIFETIME:
        raise ValueError(f"{name} must be a timedelta of more than 0 and at most {LONGEST_LIFETIME.days} days.")
    return value
