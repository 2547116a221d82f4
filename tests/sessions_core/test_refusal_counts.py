"""Refused requests are counted in memory, and written together once a minute."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.signals import request_finished
from django.db import OperationalError, ProgrammingError, connection, connections
from django.test import Client
from django.utils import timezone

from sessions_core.cleaning import clean, kind_named
from sessions_core.db import side_writes
from sessions_core.db.side_writes import WRITE_INTERVAL
from sessions_core.models import refusal_counts as module
from sessions_core.models.refusal_counts import (
    NO_WORKSPACE,
    STEP,
    RefusalCount,
    RefusalKind,
    Refusals,
    refusals,
    step_of,
)
from tests.callers import Caller, bearer

NOW = timezone.now().replace(minute=3, second=0, microsecond=0)
FORGED = "seam_cst1aaaaaaaa_" + "1" * 24

WRONG, LIMIT, INVALID = RefusalKind.WRONG_PASSWORD, RefusalKind.RATE_LIMIT, RefusalKind.INVALID_CREDENTIAL


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function that sets the clock of the writes, which begins at 0."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, seconds)


def stored() -> dict[tuple[str, UUID], int]:
    return {(row.kind, row.workspace_id): row.number for row in RefusalCount.objects.all()}


def counted() -> dict[tuple[str, UUID], int]:
    """Write what this process counted, and return all of it."""
    refusals.write()
    return stored()


# Counting and writing


@pytest.mark.django_db(transaction=True)
def test_a_flood_writes_one_statement_a_minute(clock, statements):
    here = Refusals()
    made = []
    for second in (0, 1, WRITE_INTERVAL - 1, WRITE_INTERVAL):
        clock(second)
        with statements() as seen:
            for kind in (LIMIT, INVALID) * 10:
                here.count(kind, at=NOW)
                here.write_due()
        made.append([sql.split()[0] for sql in seen if not sql.startswith(("BEGIN", "COMMIT"))])
    assert made == [["INSERT"], [], [], ["INSERT"]]
    assert sum(stored().values()) == 61  # the first one of each minute comes with those before


def test_counts_of_processes_add_up_in_the_row_of_their_step(workspace):
    for process in (Refusals(), Refusals()):
        for minutes in (0, 1, 2):  # from 03 to 05: two steps
            process.count(WRONG, workspace.pk, at=NOW + timedelta(minutes=minutes))
        process.write()
    rows = RefusalCount.objects.order_by("step").values_list("step", "number", "workspace_id")
    assert list(rows) == [(step_of(NOW), 4, workspace.pk), (step_of(NOW + STEP), 2, workspace.pk)]


@pytest.mark.django_db(transaction=True)
def test_processes_that_write_at_once_lose_nothing(at_once):
    processes = [Refusals() for _ in range(4)]
    for process in processes:
        for kind in RefusalKind:
            process.count(kind, at=NOW)
    at_once(*[process.write for process in processes])
    for process in processes:  # SQLite may have been locked
        process.write()
    assert stored() == {(kind, NO_WORKSPACE): 4 for kind in RefusalKind}


def test_nothing_is_written_inside_a_transaction(db, clock):
    refusals_here = Refusals()
    refusals_here.count(LIMIT)
    refusals_here.write_due()
    assert stored() == {}


@pytest.mark.parametrize("error", [OperationalError("database is locked"), ProgrammingError("no such table")])
@pytest.mark.django_db(transaction=True)
def test_a_database_that_refuses_the_write_loses_no_count(error, caplog):
    here = Refusals()
    here.count(LIMIT, at=NOW)

    def refuse(execute, sql, params, many, context):
        raise error

    with connection.execute_wrapper(refuse):
        here.write_due()
    assert "Refused requests were not recorded" in caplog.text
    here.count(LIMIT, at=NOW)
    here.write()
    assert stored() == {("rate_limit", NO_WORKSPACE): 2}


def test_above_a_bound_workspaces_are_counted_together(db, monkeypatch):
    monkeypatch.setattr(module, "MOST_COUNTS", 2)
    here = Refusals()
    for number in range(1, 6):
        here.count(LIMIT, UUID(int=number), at=NOW)
    assert len(here._counts) == 3
    here.write()
    assert stored() == {("rate_limit", UUID(int=1)): 1, ("rate_limit", UUID(int=2)): 1, ("rate_limit", NO_WORKSPACE): 3}


def test_without_a_database_for_long_the_oldest_counts_go(monkeypatch):
    monkeypatch.setattr(module, "MOST_COUNTS", 2)
    here = Refusals()
    for step in range(9):
        here.count(LIMIT, at=NOW + step * STEP)
    assert len(here._counts) == 4


@pytest.mark.django_db(transaction=True)
def test_the_end_of_a_process_writes_the_rest(clock):
    here = Refusals()
    for _ in range(2):
        here.count(LIMIT, at=NOW)
        here.write_due()
    here.write_at_exit()
    assert stored() == {("rate_limit", NO_WORKSPACE): 2}


@pytest.mark.django_db(transaction=True)
def test_the_end_of_a_process_writes_nothing_to_another_database(clock, monkeypatch):
    here = Refusals()
    here.count(LIMIT, at=NOW)
    here.write_due()
    here.count(LIMIT, at=NOW)
    monkeypatch.setattr(side_writes, "database_name", lambda: "not the database of the tests")
    here.write_at_exit()
    assert stored() == {("rate_limit", NO_WORKSPACE): 1}


@pytest.mark.django_db(transaction=True)
def test_the_end_of_any_request_writes_what_is_due(monkeypatch, clock):
    monkeypatch.setattr(refusals, "_due_at", 0.0)
    refusals.count(LIMIT, at=NOW)
    request_finished.send(sender=None)
    assert stored() == {("rate_limit", NO_WORKSPACE): 1}


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_open_before_the_write_stays_open(monkeypatch):
    closed = []
    monkeypatch.setattr(type(connections["default"]), "close_if_unusable_or_obsolete", closed.append)
    connection.ensure_connection()
    here = Refusals()
    here.count(LIMIT, at=NOW)
    here.write_due()
    assert stored() and not closed


def test_old_counts_are_deleted_with_the_events_of_their_time(db):
    for days in (364, 366):
        RefusalCount.objects.create(kind=LIMIT, number=1, step=step_of(NOW - timedelta(days=days)))
    assert clean(kind_named("refusal_counts"), at=NOW).deleted == 1
    assert RefusalCount.objects.get().step == step_of(NOW - timedelta(days=364))


# What counts


def test_a_forged_token_counts_and_needs_no_query(db, statements):
    with statements() as seen:
        assert bearer(FORGED).get("workspaces/get").status_code == 401
    assert seen == []
    assert counted() == {("invalid_credential", NO_WORKSPACE): 1}


def test_a_rate_limit_counts_in_the_workspace_of_the_caller(backend, workspace, settings):
    settings.CLIENT_SESSIONS = {"RATES": {"api_key": "1/day"}}
    assert [backend.get("workspaces/get").status_code for _ in range(3)] == [200, 429, 429]
    assert counted() == {("rate_limit", workspace.pk): 2}


def test_failed_authentications_over_their_limit_count_once(db, settings):
    settings.CLIENT_SESSIONS = {"RATES": {"anonymous": "1/day"}}
    assert [bearer(FORGED).get("workspaces/get").status_code for _ in range(2)] == [401, 429]
    assert counted() == {("invalid_credential", NO_WORKSPACE): 1, ("rate_limit", NO_WORKSPACE): 1}


def test_an_unknown_publishable_key_is_an_invalid_credential(db):
    stranger = Caller(**{"seam-publishable-key": "seam_pk1abcdef_" + "1" * 24})
    assert stranger.post("client_sessions/get_or_create", user_identifier_key="u").status_code == 400
    assert counted() == {("invalid_credential", NO_WORKSPACE): 1}


def test_other_refusals_do_not_count(backend):
    assert backend.get("client_sessions/get?client_session_id=unknown").status_code in (400, 404)
    assert counted() == {}


def test_an_invalid_secret_key_of_the_backend_api_counts(db):
    headers = {"authorization": "Bearer sk_test_unknown"}
    assert Client().get("/v1/sessions", headers=headers).status_code == 401
    assert counted() == {("invalid_credential", NO_WORKSPACE): 1}


def test_a_wrong_password_counts_on_every_page(db):
    get_user_model().objects.create_user("maria", password="correct")
    assert authenticate(username="maria", password="correct")
    assert authenticate(username="maria", password="wrong") is None
    Client().post("/admin/login/", {"username": "maria", "password": "wrong"})
    assert counted() == {("wrong_password", NO_WORKSPACE): 2}


def test_a_failure_of_a_backend_without_passwords_is_an_invalid_credential(db):
    assert authenticate(token="forged") is None
    assert counted() == {("invalid_credential", NO_WORKSPACE): 1}


def test_a_rate_limit_of_the_console_counts(db, settings):
    settings.USER_SESSIONS = {**settings.USER_SESSIONS, "RATES": {"visitor": "1/day"}}
    for _ in range(2):
        Client().post("/admin/login/", {"username": "maria", "password": "wrong"})
    assert counted() == {("wrong_password", NO_WORKSPACE): 1, ("rate_limit", NO_WORKSPACE): 1}
