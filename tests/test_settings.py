"""Settings of the reference server for an embedded database."""

import subprocess
import sys

import pytest

from tests.embedded import embedded
from tests.test_serve import ROOT, environment

pytestmark = embedded

ASK = (
    "import django; django.setup(); from django.db import connection; "
    "print(connection.cursor().execute('PRAGMA synchronous').fetchone()[0])"
)


@pytest.mark.parametrize(("given", "mode"), [({}, "2"), ({"GATEPASS_SQLITE_SYNCHRONOUS": "normal"}, "1")])
def test_sqlite_syncs_to_the_disk_unless_configured_otherwise(tmp_path, given, mode):
    assert ask(tmp_path, **given).stdout.strip() == mode


def test_an_unknown_durability_mode_is_refused(tmp_path):
    assert "must be FULL or NORMAL" in ask(tmp_path, GATEPASS_SQLITE_SYNCHRONOUS="off").stderr


POSTGRESQL = "postgres://nobody@127.0.0.1:1/x?sslmode=disable"
OPTIONS = "import django; django.setup(); from django.conf import settings; print(settings.DATABASES['default'])"


def test_sqlite_keeps_its_connections(tmp_path):
    assert "'CONN_MAX_AGE': None" in ask(tmp_path, OPTIONS).stdout


@pytest.mark.parametrize(
    ("given", "is_prepared"),
    [
        ({"GATEPASS_DATABASE_TIMEOUT": "8"}, True),
        ({"GATEPASS_DATABASE_TIMEOUT": "8", "GATEPASS_PREPARED_STATEMENTS": "no"}, False),
        ({}, False),
    ],
    ids=["a web process", "configured otherwise", "a command"],
)
def test_postgresql_prepares_statements_in_web_processes(tmp_path, given, is_prepared):
    database = ask(tmp_path, OPTIONS, DATABASE_URL=POSTGRESQL, **given).stdout
    assert ("'server_side_binding': True, 'prepare_threshold': 3" in database) == is_prepared
    assert "'sslmode': 'disable'" in database


def test_the_default_workspace_is_named_in_the_environment(tmp_path):
    program = (
        "import django; django.setup(); from sessions_core.conf import settings; print(settings.default_workspace)"
    )
    id = "6f1f5e0c-3a55-4e53-8a52-5a9c0f7c1d11"
    assert ask(tmp_path, program, GATEPASS_DEFAULT_WORKSPACE=id).stdout.strip() == id


def ask(data, program: str = ASK, **given: str) -> "subprocess.CompletedProcess[str]":
    own = environment(data, DJANGO_SETTINGS_MODULE="sessions_project.settings", **given)
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=own, capture_output=True, text=True)
