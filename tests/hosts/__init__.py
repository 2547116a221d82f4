"""Host projects: small ones with tests of their own, each a folder here, and new ones that are created as the
installation page and the README describe."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.pages import DOCS, blocks

__all__ = ["HOSTS", "ROOT", "bare_project", "environment_of", "extend", "migrate", "run", "start_project", "started"]

ROOT = DOCS.parent
HOSTS = Path(__file__).parent


def start_project(folder: Path) -> Path:
    """Create a project with every line of the page in its settings and routes."""
    return extend(bare_project(folder), blocks("install.md", "python"))


def bare_project(folder: Path) -> Path:
    """Create a project without Gatepass."""
    return Path(shutil.copytree(started(), folder, dirs_exist_ok=True))


def extend(project: Path, code: Sequence[str]) -> Path:
    """Add blocks of a page at the end of the project's settings or routes."""
    for block in code:
        name = "urls" if "urlpatterns" in block else "settings"
        with (project / "host" / f"{name}.py").open("a") as file:
            file.write(f"\n{block}")
    return project


def started() -> Path:
    """Return the folder with what ``startproject`` writes."""
    return Path(_started().name)


@cache
def _started() -> TemporaryDirectory[str]:
    """What ``startproject`` makes, once for all tests: every start of Python and Django costs half a second."""
    folder = TemporaryDirectory(prefix="gatepass-host-")
    run(Path(folder.name), sys.executable, "-m", "django", "startproject", "host", ".")
    return folder


def migrate(project: Path, database: str = "db.sqlite3", *, adds_apps: bool = False) -> None:
    """Give the project its tables: a copy of those that every project has, and those of the apps that it adds."""
    shutil.copy(Path(_migrated().name) / "db.sqlite3", project / database)
    if adds_apps:
        run(project, sys.executable, "manage.py", "migrate", "-v0")


@cache
def _migrated() -> TemporaryDirectory[str]:
    """What ``migrate`` makes of a project, once for all tests: it costs two seconds."""
    folder = TemporaryDirectory(prefix="gatepass-migrated-")
    run(start_project(Path(folder.name)), sys.executable, "manage.py", "migrate", "-v0")
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
