"""The cursor that hot statements keep."""

import pytest
from django.db import DatabaseError, connections, transaction
from django.test.utils import CaptureQueriesContext

from sessions_core.db.cursors import MOST_KEPT_ROWS, fetch_all

ROWS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s) SELECT n FROM numbers"

connection = connections["default"]
keeps_cursors = connection.vendor == "postgresql"


def kept():
    return vars(connection).get("gatepass_cursor")


@pytest.mark.django_db
def test_two_statements_of_a_connection_share_a_cursor_on_postgresql():
    fetch_all(connection, ROWS, [1])
    first = kept()
    assert fetch_all(connection, ROWS, [2]) == [(1,), (2,)]
    assert (kept() is not None) is keeps_cursors
    assert kept() is first


@pytest.mark.django_db
def test_a_cursor_with_many_rows_is_not_kept():
    assert len(fetch_all(connection, ROWS, [MOST_KEPT_ROWS + 1])) == MOST_KEPT_ROWS + 1
    assert kept() is None


@pytest.mark.django_db(transaction=True)
def test_a_statement_runs_after_its_connection_was_closed():
    fetch_all(connection, ROWS, [1])
    connection.close()
    assert fetch_all(connection, ROWS, [1]) == [(1,)]


@pytest.mark.django_db
def test_a_cursor_whose_statement_failed_is_not_kept():
    fetch_all(connection, ROWS, [1])
    with pytest.raises(DatabaseError), transaction.atomic():
        fetch_all(connection, "SELECT nothing_of_this_name", [])
    assert kept() is None


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
