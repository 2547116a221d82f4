"""Every command is documented and reports missing requirements in one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command, get_commands

import dev
from tests.embedded import embedded
from tests.pages import DOCS, table
from user_sessions.models import UserSessionPolicy

ROOT = DOCS.parent
OURS = {"sessions_core", "client_sessions", "client_sessions.devices", "user_sessions", "sessions_project"}

ID = "00000000-0000-0000-0000-000000000000"


def test_every_command_is_documented():
    documented = {command.split()[0] for command, *_ in table("configuration.md", "Management commands")}
    assert documented == {command for command, app in get_commands().items() if app in OURS}


NEEDING_TABLES = [
    ["signing_keys", "list", "Sandbox"],
    ["signing_keys", "list", ID],
    ["jwt_template", "preview", "t1", "--session", "sess_1"],
    ["replay_webhook", "msg_1"],
    ["rotate_webhook_secret", ID],
    ["deliver_webhooks", "--once"],
    ["reencrypt"],
    ["bootstrap", "Acme"],
    ["workspace", "create", "Acme"],
    ["workspace", "list"],
    ["workspace", "policy", "Acme"],
    ["api_key", "create", "Acme", "--name", "backend"],
    ["api_key", "list"],
    ["api_key", "roll", "backend"],
    ["sessions", "list"],
    ["sessions", "show", "sess_1"],
    ["sessions", "revoke", "--user", "ann"],
    ["sessions", "stats"],
    ["sessions", "clean"],
    ["token_keys"],
]

# One process for all of the commands: starting Django costs more than any of them.
EACH = """
import contextlib, io, json, runpy, sys
said = []
for command in json.loads(sys.argv[1]):
    sys.argv = ["manage.py", *command]
    with contextlib.redirect_stderr(io.StringIO()) as stderr:
        try:
            code = runpy.run_path("manage.py", run_name="__main__") and 0
        except SystemExit as end:
            code = end.code
    said.append([code, stderr.getvalue()])
print(json.dumps(said))
"""


@embedded
def test_without_tables_a_command_prints_a_one_line_error(tmp_path: Path):
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    printed = subprocess.run(
        [sys.executable, "-c", EACH, json.dumps(NEEDING_TABLES)],
        cwd=ROOT,
        env=environment | {"GATEPASS_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for command, (code, said) in zip(NEEDING_TABLES, json.loads(printed), strict=True):
        assert code == 1, command
        assert "Has manage.py migrate been run?" in said, command
        assert len(said.splitlines()) == 1, command


@embedded
def test_without_its_packages_manage_py_says_what_to_do():
    bare = [sys.executable, "-S", "manage.py", "check"]  # -S hides every installed package
    done = subprocess.run(bare, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "python3 dev.py run" in done.stderr and len(done.stderr.splitlines()) == 1


@embedded
@pytest.mark.parametrize("name", ["GATEPASS_SECURE", "DEBUG", "GATEPASS_SANDBOX"])
@pytest.mark.parametrize("value", ["maybe", "", "2"])
def test_a_flag_that_is_neither_yes_nor_no_is_refused(tmp_path, name, value):
    assert f"{name} must be yes or no" in refusal(tmp_path, name, value)


@embedded
@pytest.mark.parametrize("name", ["GATEPASS_WORKERS", "GATEPASS_TRUSTED_PROXIES"])
@pytest.mark.parametrize("value", ["many", "", "-1", "1.5", "1_0", "9" * 30])
def test_an_invalid_number_is_refused(tmp_path, name, value):
    assert f"{name} must be a whole number" in refusal(tmp_path, name, value)


@embedded
@pytest.mark.parametrize("name", ["GATEPASS_RATES", "GATEPASS_SIGN_IN_RATES"])
def test_invalid_rates_are_refused(tmp_path, name):
    assert f"{name} must be a list" in refusal(tmp_path, name, "fast")


@embedded
@pytest.mark.parametrize(("content", "sentence"), [(b"", "is empty"), (b"garbage" * 100, "is not a database")])
def test_a_database_file_that_lost_its_contents_is_refused(tmp_path, content, sentence):
    file = tmp_path / "gatepass.sqlite3"
    file.write_bytes(content)
    for timeout in ("0", "2"):  # of commands, and of web processes
        assert sentence in refusal(tmp_path, "GATEPASS_DATABASE_TIMEOUT", timeout)
    assert file.read_bytes() == content


def refusal(data: Path, name: str, value: str) -> str:
    """Return the one-line error of a command that does not start."""
    environment = {key: text for key, text in os.environ.items() if key != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--database", "default"],
        cwd=ROOT,
        env=environment | {"GATEPASS_DATA": str(data), name: value},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


@pytest.mark.django_db
def test_bootstrap_names_the_issuer(capsys):
    call_command("bootstrap", "Acme")
    assert f"Issuer           {UserSessionPolicy.objects.get().issuer}\n" in capsys.readouterr().out


def test_dev_run_prints_the_management_command(tmp_path):
    assert dev.manage_line(ROOT / "var") == "Manage it   python3 dev.py signing_keys list Sandbox"
    elsewhere = tmp_path / "a folder"
    assert dev.manage_line(elsewhere) == (
        f"Manage it   GATEPASS_DATA='{elsewhere}' python3 dev.py signing_keys list Sandbox"
    )


@pytest.fixture
def sdk_folder(tmp_path, monkeypatch):
    """Return an empty SDK folder, with only its parent folder on the PATH."""
    monkeypatch.setattr(dev, "BROWSER_SDK", tmp_path / "sdk")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "sdk"


def test_an_sdk_with_an_unknown_checksum_is_not_unpacked(sdk_folder):
    npm = sdk_folder.parent / "npm"
    npm.write_text('#!/bin/sh\nfor folder; do :; done\necho another > "$folder/package.tgz"\n')
    npm.chmod(0o755)
    with pytest.raises(SystemExit, match="hash of the fetched @clerk/clerk-js"):
        dev.browser_sdk()
    assert not sdk_folder.exists()


def test_fetching_the_sdk_without_npm_gets_an_error_message(sdk_folder):
    with pytest.raises(SystemExit, match="npm is needed to fetch the SDK"):
        dev.browser_sdk()
