"""The times and lifetimes that the verbs of models accept, the same on every database."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

__all__ = ["LONGEST_LIFETIME", "duration", "instant", "moment"]

# Any lifetime can be added to or taken from a time between these.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)

# Dates end in the year 9999, and a DurationField on SQLite ends before that.
LONGEST_LIFETIME = timedelta(days=3650)


def moment(at: datetime | None) -> datetime:
    """Return the time at which a verb happens: the given one, or now for None. Raises ValueError."""
    if at is None:
        return timezone.now()
    if not EARLIEST <= instant(at, name="at") <= LATEST:
        raise ValueError(f"at must be between the years {EARLIEST.year} and {LATEST.year}.")
    return at


def instant(value: datetime, *, name: str) -> datetime:
    """Return a time that every database can store. Raises ValueError, which names the argument."""
    given: object = value
    if not isinstance(given, datetime) or given.utcoffset() is None:
        raise ValueError(f"{name} must be a datetime with a time zone, such as timezone.now().")
    try:
        given.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{name} must be between the years 1 and 9999 in UTC.") from None
    return value


def duration(value: timedelta, *, name: str) -> timedelta:
    """Return a lifetime that a session, ticket or token can have. Raises ValueError, which names the argument."""
    given: object = value
    if not isinstance(given, timedelta) or not timedelta(0) < given <= LONGEST_LIFETIME:
        raise ValueError(f"{name} must be a timedelta of more than 0 and at most {LONGEST_LIFETIME.days} days.")
    return value
