"""Times that are read without Django's parsing are the same times."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from sessions_core.db.instants import Instant
from sessions_core.models import ApiKey

TIMES = [
    datetime(2026, 11, 27, 15, 44, 21, 123456, tzinfo=UTC),
    datetime(2026, 11, 27, 15, 44, 21, tzinfo=UTC),
    datetime(2026, 10, 25, 3, 30, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(8999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
]


@pytest.fixture
def key(workspace):
    return ApiKey.objects.issue(workspace, name="a backend", actor="test")[0]


@pytest.mark.parametrize("at", TIMES)
def test_an_instant_is_the_stored_time(key, at):
    ApiKey.objects.update(created_at=at)
    created_at, instant = ApiKey.objects.annotate(instant=Instant("created_at")).values_list("created_at", "instant")[0]
    assert instant == created_at == at
    assert instant.tzinfo is not None


def test_an_unknown_time_stays_unknown(key):
    assert ApiKey.objects.annotate(instant=Instant("revoked_at")).get().instant is None


def test_a_database_with_another_time_zone_returns_the_same_times(key, monkeypatch):
    monkeypatch.setattr(connection, "timezone", ZoneInfo("Europe/Paris"))
    ApiKey.objects.update(created_at=TIMES[0])
    assert ApiKey.objects.annotate(instant=Instant("created_at")).get().instant == TIMES[0]
