"""The first run: ``manage.py serve`` in an empty folder, and its printed commands."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.embedded import apart
from tests.pages import DOCS

pytestmark = apart

ROOT = DOCS.parent
GIVEN = {"SECRET_KEY", "GATEPASS_TOKEN_KEYS", "GATEPASS_ENCRYPTION_KEYS", "GATEPASS_URL", "DATABASE_URL"}


def environment(data: Path, **more: str) -> dict[str, str]:
    """Return an environment without any of our variables."""
    own = {name: value for name, value in os.environ.items() if name not in GIVEN}
    return (
        own
        | {"GATEPASS_DATA": str(data), "GATEPASS_WORKERS": "1", "PYTHONUNBUFFERED": "1", "GATEPASS_SANDBOX": "yes"}
        | more
    )


def migrate(data: Path) -> None:
    """Give a data folder the tables of the reference server, which are made once for all tests, and no secrets."""
    shutil.copy(Path(_migrated().name) / "gatepass.sqlite3", data)


@cache
def _migrated() -> TemporaryDirectory[str]:
    folder = TemporaryDirectory(prefix="gatepass-migrated-")
    command = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(command, cwd=ROOT, env=environment(Path(folder.name)), check=True, capture_output=True)
    return folder


def serve(data: Path, port: int, **more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "manage.py", "serve", "--port", str(port)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, env=environment(data, **more), text=True, **pipes)


@contextmanager
def served(data: Path, **more: str) -> Iterator[tuple[str, str]]:
    """Yield the address and the output."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with serve(data, port, **more) as process:
        try:
            assert process.stdout and process.stderr
            printed = ""
            while "Ctrl-C" not in printed:
                line = process.stdout.readline()
                assert line, process.stderr.read()
                printed += line
            wait_until_ready(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}", printed
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def wait_until_ready(url: str, process: "subprocess.Popen[str]") -> None:
    while process.poll() is None:
        try:
            with urlopen(f"{url}/ready", timeout=5) as answer:
                assert json.load(answer) == {"ok": True}
                return
        except HTTPError:
            raise
        except OSError:
            continue


def commands(printed: str) -> list[str]:
    return re.split(r"^# \d\..*$", printed.rpartition("Ctrl-C")[0], flags=re.MULTILINE)[1:]


def paste(command: str) -> dict[str, object]:
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.skipif(
    not shutil.which("curl"), reason="what is printed are commands of curl, which is not installed here"
)
def test_the_printed_commands_work_on_the_first_run_and_on_later_ones(tmp_path):
    keys = []
    for _ in range(2):
        with served(tmp_path) as (_, printed):
            create, devices, mint = (paste(command) for command in commands(printed))
        assert create["client_session"]["user_identifier_key"] == "jane_doe"
        assert [device["display_name"] for device in devices["devices"]] == ["Front door", "Back door"]
        assert mint["object"] == "token"
        keys.append(re.findall(r"seam_(?:test|pk1)\w+", printed))
    assert keys[0] == keys[1] != []
    assert stat.S_IMODE((tmp_path / "secrets.env").stat().st_mode) == 0o600


def test_a_server_has_a_page_a_health_check_and_a_console(tmp_path):
    with served(tmp_path) as (url, printed):
        for path in ("/", "/health", "/ready", "/admin/login/", "/static/admin/css/base.css"):
            with urlopen(url + path) as answer:
                assert answer.status == 200
        assert f"{url}/admin/" in printed
        with pytest.raises(HTTPError) as missing:
            urlopen(f"{url}/nowhere")
        with missing.value as answer:
            assert json.load(answer)["error"]["type"] == "not_found"


MAKE = "from sessions_project.sandbox import make_sandbox; make_sandbox()"


@pytest.fixture(scope="module")
def set_up(tmp_path_factory) -> Path:
    """Return the data folder of a server that is ready to start. Tests must not change it."""
    data = tmp_path_factory.mktemp("data")
    migrate(data)
    command = [sys.executable, "manage.py", "shell", "-v0", "-c", MAKE]
    subprocess.run(command, cwd=ROOT, env=environment(data), check=True, capture_output=True)
    return data


# Prints the message with which each application refuses to be imported.
IMPORT_BOTH = """
from importlib import import_module
for application in ("wsgi", "asgi"):
    try:
        import_module(f"sessions_project.{application}")
    except SystemExit as refusal:
        print(refusal.code, "end of a refusal")
"""


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"GATEPASS_ENCRYPTION_KEYS": "x" * 40}, "Add the encryption key that encrypted them"),
        ({"GATEPASS_ENCRYPTION_KEYS": ""}, "'ENCRYPTION_KEYS'] must be a non-empty list of keys"),
        ({"GATEPASS_TOKEN_KEYS": "short"}, "'TOKEN_KEYS'] must be text of at least 32 characters"),
    ],
)
def test_an_invalid_key_stops_the_start_with_a_message(set_up, keys, sentence):
    with serve(set_up, free_port(), **keys) as process:
        _, said = process.communicate(timeout=60)
        assert process.returncode != 0
    assert sentence in said
    assert "Traceback" not in said
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_BOTH], cwd=ROOT, env=environment(set_up, **keys), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    refusals = done.stdout.split("end of a refusal")
    assert [sentence in each for each in refusals] == [True, True, False]


@pytest.mark.parametrize("sandbox", ["yes", "no"])
def test_a_database_of_an_earlier_version_gets_an_error_message(set_up, tmp_path, sandbox):
    data = shutil.copytree(set_up, tmp_path / "data")
    with closing(sqlite3.connect(next(data.glob("*.sqlite3")))) as database:
        database.execute("ALTER TABLE user_sessions_signingkey RENAME COLUMN sealed_private_key TO private_key")
    with serve(data, free_port(), GATEPASS_SANDBOX=sandbox, GATEPASS_URL="https://example.com") as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "(sessions_core.E023)" in said and "Use a new database" in said
    assert "Traceback" not in said


def test_bootstrap_before_migrate_gets_an_error_message(tmp_path):
    command = [sys.executable, "manage.py", "bootstrap", "Acme"]
    done = subprocess.run(command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True)
    assert done.returncode != 0
    assert "Has manage.py migrate been run?" in done.stderr
    assert "Traceback" not in done.stderr


def test_bootstrap_prints_a_key_once(tmp_path):
    migrate(tmp_path)
    command = [sys.executable, "manage.py", "bootstrap", "Acme", "--operator", "ann", "--json"]
    printed = []
    for _ in range(2):
        done = subprocess.run(command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    first, second = map(json.loads, printed)
    assert first["api_key"].startswith("seam_") and first["operator_password"]
    assert second == first | {"api_key": None, "operator_password": None}


LIVE = {"GATEPASS_SANDBOX": "no", "SECRET_KEY": "a-real-secret-key-" * 3}


def refused(data: Path, *options: str, **more: str) -> str:
    """Return the error of a live server that does not start."""
    done = subprocess.run(
        [sys.executable, "manage.py", "serve", "--port", "1", *options],
        cwd=ROOT,
        env=environment(data, **LIVE | more),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        ({"DEBUG": "1"}, "sessions_project.E001"),
        ({"SECRET_KEY": "short"}, "sessions_project.E002"),
        ({"ALLOWED_HOSTS": "*"}, "sessions_project.E003"),
        ({"GATEPASS_URL": "https://sessions.example.com"}, "sessions_project.E004"),
        ({"GATEPASS_URL": "http://sessions.example.com"}, "sessions_project.E005"),
        ({"GATEPASS_URL": "https://sessions.example.com", "GATEPASS_SECURE": "no"}, "sessions_project.E006"),
    ],
)
def test_a_live_server_does_not_start_with_unsafe_settings(set_up, wrong, check):
    port = ["--port", str(free_port())]
    assert check in refused(set_up, *port, **wrong)
    worker = [sys.executable, "-c", "import sessions_project.wsgi"]
    done = subprocess.run(worker, cwd=ROOT, env=environment(set_up, **LIVE | wrong), capture_output=True, text=True)
    assert done.returncode != 0
    assert check in done.stderr


def test_a_live_server_refuses_a_database_that_is_not_migrated(tmp_path):
    assert "has no tables yet" in refused(tmp_path, "--port", str(free_port()))


@pytest.mark.parametrize("options", [["--host", "nowhere"], ["--port", "0"], ["--port", "70000"]])
def test_an_address_that_cannot_be_bound_is_refused(set_up, options):
    assert "must be" in refused(set_up, *options)


def test_plain_http_is_not_served_to_the_network(set_up):
    assert "send every credential" in refused(set_up, "--host", "0.0.0.0", "--port", str(free_port()))


def test_a_live_server_creates_nothing_and_prints_no_secret(tmp_path):
    migrate(tmp_path)
    with served(tmp_path, **LIVE) as (_, printed):
        assert len(printed.splitlines()) == 1
    count = "from django.contrib.auth.models import User; from sessions_core.models import ApiKey, Workspace; "
    count += "print(User.objects.count(), ApiKey.objects.count(), Workspace.objects.count())"
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", count],
        cwd=ROOT,
        env=environment(tmp_path, **LIVE),
        capture_output=True,
        text=True,
    )
    assert done.stdout == "0 0 0\n", done.stderr
    with serve(tmp_path, free_port()) as process:
        _, said = process.communicate(timeout=60)
    assert "belongs to a live server" in said and process.returncode == 1


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://Sessions.Example.com:443/", "https://sessions.example.com"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("https://sessions.example.com:8443", "https://sessions.example.com:8443"),
    ],
)
def test_the_public_address_is_normalised_as_in_browsers(tmp_path, given, address):
    command = [sys.executable, "-c", "from sessions_project.settings import GATEPASS_URL; print(GATEPASS_URL)"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(tmp_path, GATEPASS_URL=given), capture_output=True, text=True
    )
    assert done.stdout.strip() == address, done.stderr
