"""A stranger's first minutes: ``manage.py serve`` on an empty folder, and its printed commands, pasted as they are."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.embedded import embedded
from tests.pages import DOCS

pytestmark = embedded

ROOT = DOCS.parent
GIVEN = {"SECRET_KEY", "GATEPASS_TOKEN_KEYS", "GATEPASS_ENCRYPTION_KEYS", "GATEPASS_URL", "DATABASE_URL"}


def environment(data: Path, **more: str) -> dict[str, str]:
    """As on a machine where nobody has set anything."""
    own = {name: value for name, value in os.environ.items() if name not in GIVEN}
    return own | {"GATEPASS_DATA": str(data), "GATEPASS_WORKERS": "1", "PYTHONUNBUFFERED": "1"} | more


def serve(data: Path, port: int, **more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "manage.py", "serve", "--port", str(port)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, env=environment(data, **more), text=True, **pipes)


@contextmanager
def served(data: Path) -> Iterator[tuple[str, str]]:
    """The address, and what was printed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with serve(data, port) as process:
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


def test_a_server_has_a_page_a_pulse_and_a_console(tmp_path):
    with served(tmp_path) as (url, printed):
        for path in ("/", "/health", "/ready", "/admin/login/", "/static/admin/css/base.css"):
            with urlopen(url + path) as answer:
                assert answer.status == 200
        assert f"{url}/admin/" in printed
        with pytest.raises(HTTPError) as missing:
            urlopen(f"{url}/nowhere")
        with missing.value as answer:
            assert json.load(answer)["error"]["type"] == "not_found"


@pytest.fixture(scope="module")
def set_up(tmp_path_factory) -> Path:
    """Data of a server that is ready to start; for those who only look."""
    data = tmp_path_factory.mktemp("data")
    for command in (["migrate", "-v0"], ["bootstrap", "--json"]):
        manage = [sys.executable, "manage.py", *command]
        subprocess.run(manage, cwd=ROOT, env=environment(data), check=True, capture_output=True)
    return data


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"GATEPASS_ENCRYPTION_KEYS": "x" * 40}, "Put the encryption key that was in use"),
        ({"GATEPASS_ENCRYPTION_KEYS": ""}, "'ENCRYPTION_KEYS'] is missing or empty"),
        ({"GATEPASS_TOKEN_KEYS": "short"}, "'TOKEN_KEYS'] holds a key of under 32 characters"),
    ],
)
def test_a_wrong_key_stops_the_start_with_a_sentence(set_up, keys, sentence):
    with serve(set_up, 0, **keys) as process:
        _, said = process.communicate(timeout=60)
        assert process.returncode != 0
    assert sentence in said
    assert "Traceback" not in said
    for module in ("wsgi", "asgi"):
        worker = [sys.executable, "-c", f"import sessions_project.{module}"]
        done = subprocess.run(worker, cwd=ROOT, env=environment(set_up, **keys), capture_output=True, text=True)
        assert done.returncode != 0
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr


def test_bootstrap_before_migrate_gets_a_sentence(tmp_path):
    command = [sys.executable, "manage.py", "bootstrap", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True)
    assert done.returncode != 0
    assert "Has manage.py migrate been run?" in done.stderr
    assert "Traceback" not in done.stderr


def test_bootstrap_prints_a_key_once(tmp_path):
    printed = []
    for command in (["migrate", "-v0"], ["bootstrap", "--json"], ["bootstrap", "--json"]):
        done = subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    first, second = map(json.loads, printed[1:])
    assert first["api_key"].startswith("seam_test")
    assert all(user["password"] for user in first["users"])
    once = {"api_key": None, "operator": None, "users": [user | {"password": None} for user in first["users"]]}
    assert first | once == second | {"operator": None}


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://Sessions.Example.com:443/", "https://sessions.example.com"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("https://sessions.example.com:8443", "https://sessions.example.com:8443"),
    ],
)
def test_the_public_address_is_written_as_browsers_do(tmp_path, given, address):
    command = [sys.executable, "-c", "from sessions_project.settings import GATEPASS_URL; print(GATEPASS_URL)"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(tmp_path, GATEPASS_URL=given), capture_output=True, text=True
    )
    assert done.stdout.strip() == address, done.stderr
