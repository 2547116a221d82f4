"""The cursors that hot statements keep."""

from datetime import UTC, datetime
from functools import partial

import pytest
from django.db import DatabaseError, connections, transaction
from django.test.utils import CaptureQueriesContext

from sessions_core.db.cursors import MOST_KEPT, MOST_KEPT_ROWS, fetch_all

ROWS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s) SELECT n FROM numbers"
OTHER = "SELECT 7"

connection = connections["default"]
keeps_cursors = connection.vendor == "postgresql"
on_postgresql = pytest.mark.skipif(not keeps_cursors, reason="it is about PostgreSQL")


@pytest.fixture(autouse=True)
def none_kept():
    vars(connection).pop("gatepass_cursors", None)


def kept():
    _, cursors = vars(connection).get("gatepass_cursors", (None, {}))
    return cursors


@pytest.mark.django_db
def test_a_statement_runs_again_on_its_own_cursor_on_postgresql():
    fetch_all(connection, ROWS, [1])
    fetch_all(connection, OTHER, [])
    first = kept().get(ROWS)
    assert fetch_all(connection, "".join(ROWS), [2]) == [(1,), (2,)]
    assert kept().get(ROWS) == first
    assert len(kept()) == (2 if keeps_cursors else 0)


@pytest.mark.django_db
def test_a_cursor_with_many_rows_is_not_kept():
    assert len(fetch_all(connection, ROWS, [MOST_KEPT_ROWS + 1])) == MOST_KEPT_ROWS + 1
    assert not kept()


@on_postgresql
@pytest.mark.django_db
def test_the_cursor_that_was_used_least_recently_is_dropped_first():
    fetch_all(connection, ROWS, [1])
    for number in range(MOST_KEPT - 1):
        fetch_all(connection, f"SELECT {number}", [])
    fetch_all(connection, ROWS, [1])
    fetch_all(connection, OTHER + " + 0", [])
    assert len(kept()) == MOST_KEPT
    assert ROWS in kept() and "SELECT 0" not in kept()


@pytest.mark.django_db(transaction=True)
def test_a_statement_runs_after_its_connection_was_closed():
    fetch_all(connection, ROWS, [1])
    connection.close()
    assert fetch_all(connection, ROWS, [1]) == [(1,)]


@pytest.mark.django_db
def test_a_cursor_whose_statement_failed_is_not_kept():
    with pytest.raises(DatabaseError), transaction.atomic():
        fetch_all(connection, "SELECT nothing_of_this_name", [])
    assert not kept()


@pytest.mark.django_db
def test_a_debugging_tool_that_replaces_the_cursor_sees_every_statement(monkeypatch):
    fetch_all(connection, ROWS, [1])
    made, make = [], connection.cursor
    monkeypatch.setattr(connection, "cursor", lambda: made.append(1) or make())
    fetch_all(connection, ROWS, [1])
    fetch_all(connection, ROWS, [1])
    assert len(made) == 2


@pytest.mark.django_db
def test_captured_queries_contain_the_statements():
    fetch_all(connection, ROWS, [1])
    with CaptureQueriesContext(connection) as queries:
        fetch_all(connection, ROWS, [1])
    assert len(queries) == 1


def read_by_django(statement, parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


@on_postgresql
@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["UTC", "Europe/Rome", "Asia/Kathmandu", "America/St_Johns"])
@pytest.mark.parametrize(
    "time",
    [
        *("2026-11-28 08:38:34.756545+00", "2026-11-28 08:38:34.7+00", "2026-11-28 08:38:34+00", "0001-01-02 00:00+00"),
        *("1883-11-18 12:03:58+00", "9999-12-30 23:59:59.999999+00", "2026-10-25 00:30+00", "2026-10-25 01:30+00"),
    ],
)
def test_times_are_those_that_django_reads(zone, time):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE %s", [zone])
    expected = read_by_django("SELECT %s::timestamptz", [time])
    assert fetch_all(connection, "SELECT %s::timestamptz", [time]) == expected


@on_postgresql
@pytest.mark.django_db
@pytest.mark.parametrize("time", ["infinity", "-infinity", "0044-03-15 12:00+00 BC", "12000-01-01 00:00+00"])
def test_a_time_that_python_has_not_is_the_same_error_as_for_django(time):
    errors = []
    for read in (read_by_django, partial(fetch_all, connection)):
        with pytest.raises(DatabaseError) as error, transaction.atomic():
            read("SELECT %s::timestamptz", [time])
        errors.append(str(error.value))
    assert errors[0] == errors[1]


@on_postgresql
@pytest.mark.django_db
def test_times_have_the_time_zone_of_the_connection():
    [(at,)] = fetch_all(connection, "SELECT %s::timestamptz", ["2026-11-28 08:38:34.5+00"])
    assert at == datetime(2026, 11, 28, 8, 38, 34, 500_000, UTC) and at.tzinfo == connection.timezone
