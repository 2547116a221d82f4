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


def ask(data, **given: str) -> "subprocess.CompletedProcess[str]":
    own = environment(data, DJANGO_SETTINGS_MODULE="sessions_project.settings", **given)
    return subprocess.run([sys.executable, "-c", ASK], cwd=ROOT, env=own, capture_output=True, text=True)
