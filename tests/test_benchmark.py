"""The benchmark: one short round, the databases that it refuses, and rows that were refused."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from django.utils import timezone

from benchmarks import console, page, report
from benchmarks.chart import chart
from benchmarks.databases import NotOurs, databases
from benchmarks.figures import WARM_UP, Figures, Measured, Round
from benchmarks.fill import fill
from benchmarks.goals import GOALS
from benchmarks.load import CUT_OFF, HOST, Operation, Request, drive, message
from benchmarks.projects import Server, checkout
from tests.embedded import embedded
from tests.versions import ON_POSTGRESQL

# The short round prepares all rows, which takes longer on a busy machine.
SECONDS = 400

pytestmark = pytest.mark.timeout(SECONDS)

ROOT = Path(__file__).parent.parent
A_ROUND = Round(rate=100, share=0.5, p50=1, p95=2, p99=3, processor=400)


def benchmark(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """The JSON of a short round of our operations."""
    file = tmp_path_factory.mktemp("benchmark") / "result.json"
    short = ["--rounds", "1", "--seconds", "0.05", "--sessions", "20"]
    done = benchmark(*short, "--server", "gthread", "--without-peers", "--json", str(file))
    assert done.returncode == 0, done.stderr
    return json.loads(file.read_text())


def figures(*, statuses: dict[int, int], **others: object) -> dict[str, object]:
    return Figures(project="gatepass", statuses=statuses, rounds=[A_ROUND], **others).as_json()


@embedded
def test_a_short_round_measures_each_operation_that_has_a_goal(result):
    (run,) = result["runs"]
    shares = {row["name"]: row["share"] for row in run["rows"]}
    assert GOALS.keys() <= shares.keys()
    assert None not in shares.values(), {row["name"]: row["statuses"] for row in run["rows"]}


@embedded
def test_each_row_has_all_figures(result):
    for row in result["runs"][0]["rows"]:
        assert row["rate"] > 0
        assert 0 < row["p50"] <= row["p95"] <= row["p99"]
        assert isinstance(row["statements"], int)
    assert {row["statements"] for row in result["runs"][0]["rows"] if row["name"] == "bare view"} == {0}
    assert result["runs"][0]["memory"]["gatepass"]["start"] > 0
    assert result["versions"]["django"]


@embedded
def test_the_tables_and_the_chart_are_made_from_the_json(result):
    made = page.filled("<!-- begin operations -->\nold\n<!-- end operations -->\n", result)
    assert "| session token check | 1 |" in made
    assert "old" not in made
    assert "session token check" in chart(result["runs"][0])


@embedded
def test_the_page_shows_the_figures_of_its_json():
    text, result = page.PAGES[0].read_text(), json.loads(page.FIGURES.read_text())
    assert page.filled(text, result) == text
    assert page.CHART.read_text() == chart(page.runs_with_peers(result)[0])


@embedded
def test_the_page_of_the_console_shows_the_figures_of_its_json():
    results = json.loads(console.RESULTS.read_text())
    assert console.table(results) in (ROOT / "docs" / "console.md").read_text()


@pytest.mark.django_db
def test_each_page_of_the_console_is_measured(monkeypatch):
    monkeypatch.setattr(console, "CALLS", 1)
    fill(console.begin(), 20, since=timezone.now() - timedelta(seconds=20))
    assert all(page["queries"] > 1 for page in console.pages().values())


def test_a_row_with_an_unexpected_answer_has_no_ratio():
    row = figures(name="mint", statuses={200: 99, 429: 1})
    assert row["share"] is None
    assert row["shares"] == []
    assert report.share(row) == "200+429"


@embedded
def test_the_cost_of_a_refusal_is_not_compared_with_a_row_that_was_refused_itself():
    good, bad = figures(name="mint", statuses={429: 9}), figures(name="forged", good="mint", statuses={200: 9})
    assert report.cost_of({"rows": [good, bad]}, bad) is None


@embedded
def test_a_connection_that_the_server_cuts_counts_as_an_unexpected_answer():
    with socket.create_server((HOST, 0)) as listener:
        Thread(target=lambda: [listener.accept()[0].close() for _ in range(6)], daemon=True).start()
        answers = drive(listener.getsockname()[1], iter([message(Request("GET", "/bare"))] * 6), seconds=5)
    assert answers.statuses == {CUT_OFF: 6}


@embedded
def test_a_request_that_is_sent_once_is_sent_in_one_round_only():
    once = Operation(name="revoke", requests=[Request("POST", f"/{n}") for n in range(WARM_UP + 6)], is_once=True)
    server = Server(port=1, pid=1)
    row = Measured(operation=once, server=server, bare=server, figures=Figures(project="gatepass", name="revoke"))
    sent = [line.split()[1] for number in range(3) for line in row.messages(number, rounds=3)]
    assert sent == [f"/{WARM_UP + n}".encode() for n in range(6)]  # the first ones have warmed the server up


@embedded
def test_another_commit_is_checked_out_with_this_benchmark_and_removed_at_the_end(tmp_path):
    with checkout("HEAD", tmp_path) as place:
        assert (place / "benchmarks" / "goals.py").read_text() == (ROOT / "benchmarks" / "goals.py").read_text()
        assert (place / "user_sessions" / "apps.py").exists()
    assert list(tmp_path.iterdir()) == []


@embedded
def test_a_file_that_the_benchmark_did_not_make_is_refused(tmp_path):
    file = tmp_path / "mine.sqlite3"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE mine (id)")
    done = benchmark("--database", f"sqlite:///{file}", "--sessions", "1")
    assert done.returncode == 1
    assert f"{file}' exists, and the benchmark did not make it" in done.stderr
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM mine").fetchone() == (0,)


@embedded
def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "notes").write_text("not a database " * 100)
    with pytest.raises(NotOurs), databases(f"sqlite:///{tmp_path / 'notes'}"):
        pass


@embedded
def test_a_file_of_a_run_that_was_killed_is_used_again(tmp_path):
    choice = f"sqlite:///{tmp_path / 'new.sqlite3'}"
    with databases(choice), databases(choice) as again:
        again.make("_peer")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not ON_POSTGRESQL, reason="it needs a PostgreSQL server")
def test_a_postgresql_database_that_the_benchmark_did_not_make_is_refused():
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    with psycopg.connect(f"{base}/postgres", autocommit=True) as server:
        server.execute("CREATE DATABASE not_of_the_benchmark")
        try:
            with pytest.raises(NotOurs), databases(f"{base}/not_of_the_benchmark"):
                pass
        finally:
            server.execute("DROP DATABASE not_of_the_benchmark")


@pytest.mark.skipif(not ON_POSTGRESQL, reason="it needs a PostgreSQL server")
def test_postgresql_databases_are_deleted_at_the_end():
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    with databases(f"{base}/of_the_benchmark") as made:
        made.make("_peer")
    with psycopg.connect(f"{base}/postgres") as server:
        found = server.execute("SELECT datname FROM pg_database WHERE datname LIKE 'of_the_benchmark%'").fetchall()
    assert found == []
