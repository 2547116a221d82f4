"""An unsupported database is refused before anything is written to it."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import django
import pytest
from django.db import connection

from sessions_core.checks import check_secrets
from sessions_core.database_checks import check_columns, check_databases
from tests.embedded import embedded
from tests.hosts import environment_of

# An SQLite backend with the vendor name of MySQL, so that nothing needs to be installed.
ENGINE = """
from django.db.backends.sqlite3.base import DatabaseWrapper as SQLite

class DatabaseWrapper(SQLite):
    vendor = "mysql"
    display_name = "MySQL"
"""

ROUTER = """
DATABASES["people"] = DATABASES["default"] | {{"NAME": BASE_DIR / "people.sqlite3"}}
DATABASE_ROUTERS = ["host.settings.Router"]

class Router:
    def db_for_read(self, model, **hints):
        return "people" if model._meta.app_label in {labels} else None

    db_for_write = db_for_read
"""


def refused(project: Path, *command: str) -> str:
    """Return the error of a refused command of manage.py."""
    words = [sys.executable, "-W", "ignore", "manage.py", *command]
    done = subprocess.run(words, cwd=project, env=environment_of(project), capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    return done.stderr


@pytest.fixture
def on_mysql(host: Path) -> Path:
    (host / "mysql").mkdir()
    (host / "mysql" / "base.py").write_text(ENGINE)
    with (host / "host" / "settings.py").open("a") as settings:
        settings.write('\nDATABASES["default"]["ENGINE"] = "mysql"\n')
    return host


@embedded
@pytest.mark.parametrize("command", ["check", "migrate", "runserver"])
def test_e020_nothing_runs_on_mysql(on_mysql, command):
    said = refused(on_mysql, command, *(["--noreload"] if command == "runserver" else []))
    assert "(sessions_core.E020) DATABASES['default'] uses mysql, which Gatepass does not support." in said
    with closing(sqlite3.connect(on_mysql / "db.sqlite3")) as database:
        assert database.execute("select name from sqlite_master").fetchall() == []


@embedded
@pytest.mark.skipif(django.VERSION >= (6,), reason="Django 6 loads every engine before any check, and names the driver")
def test_e020_reports_an_engine_without_its_driver(host):
    with (host / "host" / "settings.py").open("a") as settings:
        settings.write(ROUTER.format(labels=["sessions_core", "client_sessions", "user_sessions", "auth"]))
        settings.write('DATABASES["people"]["ENGINE"] = "django.db.backends.oracle"\n')
    assert "(sessions_core.E020) DATABASES['people'] cannot be loaded: " in refused(host, "check")


@pytest.mark.parametrize("vendor", ["mysql", "oracle", "cockroachdb", "microsoft"])
def test_e020_reports_an_unsupported_vendor(monkeypatch, vendor):
    assert list(check_databases()) == []
    monkeypatch.setattr(connection, "vendor", vendor)
    assert [error.id for error in check_databases()] == ["sessions_core.E020"]


@embedded
@pytest.mark.parametrize(("version", "found"), [((3, 34, 1), ["sessions_core.E021"]), ((3, 35, 0), [])])
def test_e021_reports_sqlite_without_returning(monkeypatch, version, found):
    monkeypatch.setattr(connection.Database, "sqlite_version_info", version)
    assert [error.id for error in check_databases()] == found


@embedded
@pytest.mark.parametrize("labels", [["user_sessions"], ["auth"], ["sessions_core", "client_sessions"]])
def test_e022_reports_relations_across_two_databases(host, labels):
    with (host / "host" / "settings.py").open("a") as settings:
        settings.write(ROUTER.format(labels=labels))
    said = refused(host, "check")
    assert "(sessions_core.E022) The router writes " in said and "'people'" in said


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE user_sessions_usersession DROP COLUMN close_reason",
        "ALTER TABLE user_sessions_usersession ADD COLUMN of_old_versions integer",
        "ALTER TABLE user_sessions_signingkey RENAME COLUMN sealed_private_key TO private_key",
        "ALTER TABLE user_sessions_signingkey RENAME TO signing_keys",
    ],
)
def test_e023_reports_a_database_of_an_earlier_initial_migration(change):
    assert list(check_columns(databases=["default"])) == []
    with connection.cursor() as cursor:
        cursor.execute(change)
    (message,) = check_columns(databases=["default"])
    assert message.id == "sessions_core.E023" and "Use a new database" in message.hint
    assert check_secrets(databases=["default"]) == []


@pytest.mark.django_db
def test_e023_accepts_a_database_that_is_not_migrated_yet():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE user_sessions_usersession DROP COLUMN close_reason")
        cursor.execute("DELETE FROM django_migrations WHERE app = 'user_sessions'")
    assert list(check_columns(databases=["default"])) == []
