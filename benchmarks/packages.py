"""The package django-user-sessions, which has the module name of our app and so needs a folder of its own."""

import importlib.util
import subprocess
import sys
from pathlib import Path

DJANGO_USER_SESSIONS = "django-user-sessions==2.0.0"


class NotInstalled(Exception):
    """The package could not be installed, for example without a network."""


def folder_of_django_user_sessions(parent: Path) -> Path:
    """Install the package into a folder and return it. Raise NotInstalled."""
    folder = parent / "packages"
    if folder.exists():
        return folder
    options = ["--quiet", "--no-deps", "--target", str(folder), DJANGO_USER_SESSIONS]
    # Environments of dev.py have uv, and pip only if Python has ensurepip.
    pip = [sys.executable, "-m", "pip"] if importlib.util.find_spec("pip") else [_uv(), "pip"]
    if subprocess.run([*pip, "install", *options]).returncode:
        raise NotInstalled(f"{DJANGO_USER_SESSIONS} could not be installed.")
    return folder


def _uv() -> str:
    return str(Path(sys.executable).parent / "uv")
