"""The dashboard reads each number by an index, among 20,000 rows of two thousand tenants."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import RequestFactory
from django.utils import timezone

from benchmarks.fill import fill
from sessions_core.console.dashboard import shown_panels
from sessions_core.console.spans import RANGES, Span
from sessions_core.models.refusal_counts import RefusalCount, step_of
from tests.plans import is_slow, plans, statements
from tests.policies import create_workspace

pytestmark = pytest.mark.django_db

ROWS = 20_000

# What is read as a whole or sorted, because it is little.
BOUNDED = {
    r"Seq Scan on user_sessions_epoch": "the epochs, which PostgreSQL hashes for 10,000 sessions",
    r"Sort Key: user_sessions_activity.is_mobile": "the devices of at most 1,000 sign-ins",
    r"Sort Key: sessions_core_refusalcount\S*\.kind": "the counts of one bar",
    r"Seq Scan on sessions_core_webhookmessage": "an empty table",
    r"Seq Scan on (user_sessions_usersession|user_sessions_activity|auth_user)$": "1,000 of 20,000 rows",
}


@pytest.fixture(scope="module")
def steps(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, set[str]]]:
    """Return the steps of the plans of all statements, for each range."""
    with django_db_blocker.unblock(), transaction.atomic():
        fill(create_workspace(name="Here").pk, ROWS, since=timezone.now() - timedelta(seconds=ROWS))
        _refuse()
        _spread_over_days()
        yield {name: _steps(name) for name in RANGES}
        transaction.set_rollback(True)


def _refuse() -> None:
    """Add counts of 5,000 steps in two years, three kinds each."""
    now, kinds = timezone.now(), ("invalid_credential", "rate_limit", "wrong_password")
    RefusalCount.objects.bulk_create(
        RefusalCount(step=step_of(now - number * timedelta(hours=4)), kind=kind, number=1)
        for number in range(5_000)
        for kind in kinds
    )


def _spread_over_days() -> None:
    """Move the events apart, because a bar that has all of them is counted fastest without an index."""
    earlier = {
        "postgresql": "created_at - id % 60 * interval '1 day'",
        "sqlite": "datetime(created_at, '-' || (id % 60) || ' days')",
    }
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE sessions_core_event SET created_at = {earlier[connection.vendor]}")
        cursor.execute("ANALYZE")


def _steps(name: str) -> set[str]:
    request = RequestFactory().get("/")
    request.user = get_user_model()(is_superuser=True, is_active=True)
    with statements() as seen:
        shown_panels(request, admin.site, Span(RANGES[name], timezone.now()))
    return {step for _, steps in plans(seen) for step in steps}


@pytest.mark.parametrize("name", RANGES)
def test_no_number_reads_a_whole_table(steps, name):
    assert [
        step for step in steps[name] if is_slow(step) and not any(re.search(known, step) for known in BOUNDED)
    ] == []


@pytest.mark.parametrize(
    "index",
    [
        "sessions_core_event_type",
        "sessions_core_refusals",
        "user_sessions_unrecorded",
        "client_sessions_ends",
        "user_sessions_key_unrotated",
    ],
)
def test_its_indexes_are_used(steps, index):
    assert any(index in step for step in steps["24h"])
