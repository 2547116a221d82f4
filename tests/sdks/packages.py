"""The vendors' SDKs, installed on first use, separate from the environment and from each other."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dev import BROWSER_SDK, npm_files

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
JAVASCRIPT = HERE / "javascript"
COMPONENTS = JAVASCRIPT / "node_modules" / ".components"
COMPONENTS_PACKAGE = "@clerk/ui@1.36.0"
COMPONENTS_SHA512 = "uI96zYCh5jISLOt1mdpIPy/Y31P0kwFxjUFOxLUwFfTHFmGUcRjbqN6bbb+75tdI2Bz6ARGws3rhspDer+xIfQ=="
OLDER_SEAM = HERE / "python" / ".venv-seam-2"


@dataclass(frozen=True)
class Sdk:
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)

    def play(self, act: str, **given: Any) -> Any:
        """Run one act of the SDK's script with the parameters ``given``. Return its result."""
        # The SDKs read their own settings from the environment; a developer's must not count here.
        own = {name: value for name, value in os.environ.items() if not name.startswith(("SEAM_", "CLERK_"))}
        played = subprocess.run(
            [*self.command, act],
            env=own | self.environment | {"GIVEN": json.dumps(given)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert played.returncode == 0, played.stderr
        return json.loads(played.stdout)


def javascript_sdk(alias: str) -> Sdk:
    return Sdk(["node", str(JAVASCRIPT / "story.mjs"), alias])


def clerk_sdk() -> Sdk:
    return Sdk(["node", str(JAVASCRIPT / "clerk.mjs")])


def native_sdk() -> Sdk:
    return Sdk(["node", str(JAVASCRIPT / "native.mjs")])


def python_sdk(packages: Path | None = None) -> Sdk:
    return Sdk([sys.executable, "-P", str(HERE / "story.py")], {"PYTHONPATH": str(packages)} if packages else {})


def javascript() -> Path:
    """Return a folder with the node_modules of package-lock.json."""
    _need_node()
    modules, lock = JAVASCRIPT / "node_modules", JAVASCRIPT / "package-lock.json"
    with _alone():
        if not _is_stamped(modules, lock):
            _call("npm", "ci", "--no-audit", "--no-fund", "--silent")
            _stamp(modules, lock)
    return JAVASCRIPT


def browser_sdk() -> Path:
    """A folder with the SDK for browsers and apps, where the reference server's page has it from."""
    _need_node()
    with _alone():
        _call(sys.executable, str(ROOT / "dev.py"), "browser_sdk")
    return BROWSER_SDK


def components() -> Path:
    """A folder with the prebuilt components as one build for browsers, which needs no other package."""
    names = re.compile(r"package/dist/([\w.-]+\.js)")
    with _alone():
        return npm_files(COMPONENTS_PACKAGE, COMPONENTS_SHA512, names, COMPONENTS)


def older_seam() -> Path:
    """A folder for PYTHONPATH with an older Python SDK: two versions cannot share an environment."""
    requirements = HERE / "python" / "requirements.txt"
    with _alone():
        if not _is_stamped(OLDER_SEAM, requirements):
            _install(requirements)
    return OLDER_SEAM


def _install(requirements: Path) -> None:
    shutil.rmtree(OLDER_SEAM, ignore_errors=True)
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    pip = [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]
    _call(*pip, "--quiet", "--target", str(OLDER_SEAM), "-r", str(requirements))
    _stamp(OLDER_SEAM, requirements)


@contextmanager
def _alone() -> Iterator[None]:
    """Wait for other workers of the suite, which need the same packages."""
    lock = os.open(HERE, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _need_node() -> None:
    if not (shutil.which("node") and shutil.which("npm")):
        stop = pytest.fail if os.environ.get("CI") else pytest.skip
        stop("The JavaScript SDKs need node and npm on the PATH.")


def _call(*command: str) -> None:
    done = subprocess.run(command, cwd=JAVASCRIPT, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def _wanted(pins: Path) -> str:
    return hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()


def _is_stamped(folder: Path, pins: Path) -> bool:
    stamp = folder / ".stamp"
    return stamp.exists() and stamp.read_text() == _wanted(pins)


def _stamp(folder: Path, pins: Path) -> None:
    (folder / ".stamp").write_text(_wanted(pins))
