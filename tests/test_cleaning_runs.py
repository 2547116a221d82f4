"""Runs of ``manage.py sessions clean`` over rows of every kind end alike: one, one after a killed one, two at once."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from benchmarks.end_state import fill_mixed, state
from sessions_core.cleaning import clean, kinds
from tests.databases import url_for_other_processes
from user_sessions.models import UserSession

# Of each kind of session.
ROWS = 600

# Slow, so that it is still running when it is killed.
_SLOW_RUN = """
import django; django.setup()
from sessions_core import cleaning
cleaning.BATCH = 10
cleaning.time.sleep = lambda seconds, sleep=cleaning.time.sleep: sleep(0.02)
for kind in cleaning.kinds():
    cleaning.clean(kind)
"""


@pytest.fixture
def end(transactional_db: None) -> dict[str, Any]:
    """Return what one run leaves, having rolled it back."""
    fill_mixed(ROWS)
    with transaction.atomic():
        clean_all()
        left = state()
        transaction.set_rollback(True)
    return left


def clean_all() -> None:
    for kind in kinds():
        clean(kind)


def test_one_run_leaves_what_is_live_or_recent(end):
    before, after = state()["rows"], end["rows"]
    assert before["user sessions"] == ROWS
    assert ROWS / 3 < after["user sessions"] == after["activities"] < ROWS
    assert all(0 < after[name] < before[name] for name in before)


def test_a_killed_run_and_the_next_one_leave_what_one_leaves(end):
    environment = os.environ | {
        "DATABASE_URL": url_for_other_processes(),
        "DJANGO_SETTINGS_MODULE": "sessions_project.settings",
    }
    run = subprocess.Popen([sys.executable, "-c", _SLOW_RUN], cwd=Path(__file__).parent.parent, env=environment)
    while UserSession.objects.count() == ROWS and run.poll() is None:
        time.sleep(0.02)
    run.kill()
    run.wait(timeout=30)
    assert UserSession.objects.count() > end["rows"]["user sessions"]
    clean_all()
    assert state() == end


def test_two_runs_at_once_leave_what_one_leaves(end, at_once):
    at_once(clean_all, clean_all)
    assert state() == end
