"""Numbers of sessions by workspace: live ones by device, and those that started and ended on each day."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Case, Count, TextField, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, TruncDate

from sessions_core.cleaning import first_event_after
from sessions_core.management.session_kinds import Rows, Selection, SessionKind
from sessions_core.models import Event, Workspace
from sessions_core.personal_data import ERASED

__all__ = ["COLUMNS", "stats_of"]

COLUMNS = ("workspace", "measure", "of", "number")

# Different reasons that are counted, the most frequent ones first.
MOST_REASONS = 50

DAY = TruncDate("created_at", tzinfo=UTC)


def stats_of(kind: SessionKind, workspace: Workspace | None, *, since: timedelta, at: datetime) -> list[dict[str, Any]]:
    """Return the numbers of a workspace, or of all, as rows with COLUMNS.

    Five queries, and the search for the first event of the time, which grows with the logarithm of their number.
    """
    sessions = kind.select(Selection(workspace=workspace)).order_by()
    counted = [
        *_rows("live", kind.live_by_device(sessions, at=at)),
        *_rows("started", _numbers(sessions.filter(created_at__gte=at - since), of=DAY)),
        *_ended(kind, workspace, since=since, at=at),
    ]
    names = dict(Workspace.objects.filter(pk__in={row["workspace_id"] for row in counted}).values_list("pk", "name"))
    rows = [{"workspace": names[row["workspace_id"]], **row} for row in counted if row["workspace_id"] in names]
    return sorted(rows, key=lambda row: (row["workspace"], str(row["workspace_id"])))


def _ended(
    kind: SessionKind, workspace: Workspace | None, *, since: timedelta, at: datetime
) -> Iterator[dict[str, Any]]:
    # An event with ``was_over`` or ``was_revoked`` is about a session whose end another event records.
    events = (
        Event.objects.filter(type__in=kind.ends, pk__gte=first_event_after(at - since))
        .exclude(data__has_any_keys=["was_over", "was_revoked"])
        .order_by()
    )
    if workspace is not None:
        events = events.filter(workspace=workspace)
    yield from _rows("ended", _numbers(events, of=DAY))
    # An erasure has replaced the reason of a person with the person's pseudonym, which tells none.
    none = Value("", output_field=TextField())
    of = Case(When(data__reason__startswith=ERASED, then=none), default=Coalesce(KT("data__reason"), none))
    reasons = events.values("workspace", "type", of=of).annotate(number=Count("pk"))
    for row in reasons.order_by("-number", "type", "of")[:MOST_REASONS]:
        end = row["type"].partition(".")[2]
        yield _row("reason", row | {"of": f"{end}: {row['of']}" if row["of"] else end})


def _numbers(rows: Rows, *, of: Any) -> Rows:
    return rows.values("workspace", of=of).annotate(number=Count("pk")).order_by("of")


def _rows(measure: str, counted: Rows) -> list[dict[str, Any]]:
    return [_row(measure, row) for row in counted]


def _row(measure: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {"workspace_id": row["workspace"], "measure": measure, "of": row["of"], "number": row["number"]}
