"""Host projects: small ones with tests of their own, each a folder here, and new ones that are created as the
installation page describes."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.pages import DOCS, blocks

__all__ = ["HOSTS", "ROOT", "environment_of", "run", "start_project", "started"]

ROOT = DOCS.parent
HOSTS = Path(__file__).parent


def start_project(folder: Path) -> Path:
    """Create a project with the page's lines in its settings and routes."""
    shutil.copytree(started(), folder, dirs_exist_ok=True)
    settings, urls = blocks("install.md", "python")[:2]
    for name, lines in (("settings", settings), ("urls", urls)):
        with (folder / "host" / f"{name}.py").open("a") as file:
            file.write(lines)
    return folder


def started() -> Path:
    """Return the folder with what ``startproject`` writes."""
    return Path(_started().name)


@cache
def _started() -> TemporaryDirectory[str]:
    """What ``startproject`` makes, once for all tests: every start of Python and Django costs half a second."""
    folder = TemporaryDirectory(prefix="gatepass-host-")
    run(Path(folder.name), sys.executable, "-m", "django", "startproject", "host", ".")
    return folder


def run(project: Path, *command: str) -> str:
    """Run a command in the project's folder. Return its output; it must succeed."""
    done = subprocess.run(command, cwd=project, env=environment_of(project), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def environment_of(project: Path) -> dict[str, str]:
    """Return the environment of a command in the project's folder."""
    keys = {"TOKEN_KEY": "t" * 40, "ENCRYPTION_KEY": "e" * 40, "DJANGO_SETTINGS_MODULE": "host.settings"}
    if not (project / "host").exists():
        del keys["DJANGO_SETTINGS_MODULE"]
    return os.environ | keys | {"PYTHONPATH": f"{ROOT}{os.pathsep}{project}"}
