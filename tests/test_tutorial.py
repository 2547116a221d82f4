"""The tutorial says what is true: its files are written, its commands run, and they print what it shows."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.embedded import embedded
from tests.hosts import ROOT
from tests.pages import DOCS
from tests.proxies import free_port

pytestmark = [
    embedded,
    pytest.mark.skipif(not shutil.which("curl"), reason="the tutorial uses curl, which is not installed here"),
]

PAGE = (DOCS / "tutorial.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (\S+\.py)( \(append\))?\n")
SERVE = "```text\npython manage.py runserver\n```\n"


def script(page: str) -> str:
    """Return the commands of a page in their order, with one that writes each file where the page shows it."""
    return "\n".join(
        _writing(block) if language == "python" else block
        for language, block in BLOCK.findall(page)
        if language in ("bash", "python")
    )


def _writing(block: str) -> str:
    name, is_appended = FILE.match(block).groups()  # type: ignore[union-attr]  # every file names itself
    return f"cat {'>>' if is_appended else '>'} {name} <<'END_OF_FILE'\n{block}END_OF_FILE"


def environment() -> dict[str, str]:
    """A reader's shell: the virtual environment is active, and Gatepass is installed in it."""
    others = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return others | {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


def run(project: Path, commands: str) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], cwd=project, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def served(project: Path, port: int) -> Iterator[None]:
    """The project on its development server, which ends with the block."""
    command = [sys.executable, "manage.py", "runserver", "--noreload", str(port)]
    with (
        (project / "log").open("wb") as log,
        subprocess.Popen(command, cwd=project, env=environment(), stdout=log, stderr=log) as process,
    ):
        try:
            while process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(timeout=10)


@pytest.mark.timeout(300)
def test_the_tutorial_prints_what_it_shows_and_ends_with_both_sessions_over(tmp_path: Path):
    port = free_port()
    before, after = PAGE.replace("127.0.0.1:8000", f"127.0.0.1:{port}").split(SERVE)
    run(tmp_path, script(before))
    with served(tmp_path, port):
        printed = run(tmp_path, script(after))
    shown = "".join(block for language, block in BLOCK.findall(after) if language == "none")
    assert printed.replace("\n", "") == shown.replace("\n", "")  # curl ends its output without a new line


def test_the_tutorial_shows_every_command_in_a_box_that_fits():
    assert [line for _, block in BLOCK.findall(PAGE) for line in block.splitlines() if len(line) > 100] == []
