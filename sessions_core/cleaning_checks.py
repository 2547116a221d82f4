"""A system check that old rows are deleted. It needs the database."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import router
from django.utils import timezone

from sessions_core.cleaning import FINISHED
from sessions_core.database_checks import columns_of
from sessions_core.models import Event

__all__ = ["check_cleaning"]

# The command should run daily. A server that is younger than this need not have run it.
CLEANED_WITHIN = timedelta(days=7)


@register(Tags.database)
def check_cleaning(databases: Sequence[str] | None = None, **_: object) -> Iterable[CheckMessage]:
    """Report that ``manage.py sessions clean`` has not finished for a week. Two queries."""
    return [message for using in databases or () if _has_events(using) for message in _check_last_run()]


def _check_last_run() -> list[CheckMessage]:
    long_ago = timezone.now() - CLEANED_WITHIN
    times = Event.objects.values_list("created_at", flat=True)
    first, last = times.order_by("pk").first(), times.filter(type=FINISHED).order_by("created_at", "pk").last()
    if first is None or first > long_ago or (last is not None and last > long_ago):
        return []
    since = "has never finished" if last is None else f"finished last on {last:%Y-%m-%d}"
    return [
        Warning(
            f"Nothing deletes old rows: manage.py sessions clean {since}.",
            hint="Run it daily, for example from cron. It deletes sessions, addresses and events after the times in "
            "SESSIONS_CORE['RETENTION'], USER_SESSIONS['RETENTION'] and CLIENT_SESSIONS['RETENTION'].",
            id="sessions_core.W005",
        )
    ]


def _has_events(using: str) -> bool:
    """Return True if the events are in this database, with the columns that are read. Otherwise E023 reports it."""
    return router.db_for_write(Event) == using and columns_of(Event, using) >= {"id", "type", "created_at"}
