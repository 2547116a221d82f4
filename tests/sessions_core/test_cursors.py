"""The cursors that hot statements reuse."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

import psycopg
import pytest
from django.db import DatabaseError, connections, transaction
from django.test.utils import CaptureQueriesContext

from sessions_core.db.cursors import LONGEST_PARAMETER, MOST_CURSORS, MOST_ROWS, fetch_all

ROWS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s) SELECT n FROM numbers"
OTHER = "SELECT 7"

connection = connections["default"]
reuses_cursors = connection.vendor == "postgresql"
on_postgresql = pytest.mark.skipif(not reuses_cursors, reason="it is about PostgreSQL")


@pytest.fixture(autouse=True)
def none_reused():
    vars(connection).pop("gatepass_cursors", None)


def reused():
    _, cursors = vars(connection).get("gatepass_cursors", (None, {}))
    return cursors


@pytest.mark.django_db
def test_a_statement_runs_again_on_its_own_cursor_on_postgresql():
    fetch_all(connection, ROWS, [1])
    fetch_all(connection, OTHER, [])
    first = reused().get(ROWS)
    assert fetch_all(connection, "".join(ROWS), [2]) == [(1,), (2,)]
    assert reused().get(ROWS) == first
    assert len(reused()) == (2 if reuses_cursors else 0)


@pytest.mark.django_db
def test_a_cursor_with_many_rows_is_not_reused():
    assert len(fetch_all(connection, ROWS, [MOST_ROWS + 1])) == MOST_ROWS + 1
    assert not reused()


@pytest.mark.django_db
def test_a_cursor_with_a_long_parameter_is_not_reused():
    assert fetch_all(connection, "SELECT LENGTH(%s)", ["x" * (LONGEST_PARAMETER + 1)]) == [(LONGEST_PARAMETER + 1,)]
    assert not reused()


@on_postgresql
@pytest.mark.django_db
def test_the_cursor_that_was_used_least_recently_is_dropped_first():
    fetch_all(connection, ROWS, [1])
    for number in range(MOST_CURSORS - 1):
        fetch_all(connection, f"SELECT {number}", [])
    fetch_all(connection, ROWS, [1])
    fetch_all(connection, OTHER + " + 0", [])
    assert len(reused()) == MOST_CURSORS
    assert ROWS in reused() and "SELECT 0" not in reused()


@pytest.mark.django_db(transaction=True)
def test_a_statement_runs_after_its_connection_was_closed():
    fetch_all(connection, ROWS, [1])
    connection.close()
    assert fetch_all(connection, ROWS, [1]) == [(1,)]


@pytest.mark.django_db
def test_a_cursor_whose_statement_failed_is_not_reused():
    with pytest.raises(DatabaseError), transaction.atomic():
        fetch_all(connection, "SELECT nothing_of_this_name", [])
    assert not reused()


@pytest.mark.django_db
def test_a_debugging_tool_that_replaces_the_cursor_sees_every_statement(monkeypatch):
    fetch_all(connection, ROWS, [1])
    made, make = [], connection.cursor
    monkeypatch.setattr(connection, "cursor", lambda: made.append(1) or make())
    fetch_all(connection, ROWS, [1])
    fetch_all(connection, ROWS, [1])
    assert len(made) == 2


@pytest.mark.django_db
def test_captured_queries_contain_the_statements_of_their_block_only():
    fetch_all(connection, ROWS, [1])
    with CaptureQueriesContext(connection) as queries:
        fetch_all(connection, ROWS, [1])
        fetch_all(connection, OTHER, [])
    before = len(connection.queries_log)
    fetch_all(connection, OTHER, [])
    assert (len(queries), len(connection.queries_log)) == (2, before)


@on_postgresql
@pytest.mark.django_db
def test_a_backend_of_another_package_sets_each_cursor_up(monkeypatch):
    class SchemaWrapper(type(connection)):  # as django-tenants, which sets the schema of the tenant
        __module__ = "tenants.backend"

        def _cursor(self, name=None):
            cursor = super()._cursor(name)
            cursor.execute("SET LOCAL application_name = %s", [self.schema])
            return cursor

    monkeypatch.setattr(connection, "__class__", SchemaWrapper)
    for schema in ("one", "two", "one"):
        connection.schema = schema
        assert fetch_all(connection, "SHOW application_name", []) == [(schema,)]
    del connection.schema


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("has_checks", [True, False])
def test_the_health_of_a_connection_is_checked_before_its_cursor_is_reused(monkeypatch, has_checks):
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", has_checks)
    fetch_all(connection, OTHER, [])
    ended = connection.connection
    with psycopg.connect(ended.info.dsn) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [ended.info.backend_pid])
    connection.health_check_enabled, connection.health_check_done = has_checks, not has_checks
    if has_checks:
        assert fetch_all(connection, OTHER, []) == [(7,)]
    else:
        with pytest.raises(DatabaseError):
            fetch_all(connection, OTHER, [])
        connection.close()


@pytest.mark.django_db
def test_another_thread_may_not_use_the_connection():
    fetch_all(connection, OTHER, [])
    with ThreadPoolExecutor(1) as threads, pytest.raises(DatabaseError, match="created in a thread"):
        threads.submit(fetch_all, connection, OTHER, []).result()


@pytest.mark.django_db
def test_a_test_runner_that_forbids_connections_stops_statements_too(django_db_blocker):
    fetch_all(connection, OTHER, [])
    with django_db_blocker.block(), pytest.raises(RuntimeError, match="Database access not allowed"):
        fetch_all(connection, OTHER, [])


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
