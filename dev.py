#!/usr/bin/env python3
"""Run, test and check this checkout. Needs only Python 3.11, pip and git.

    python3 dev.py run [--port N] [--data DIR]   serve a sandbox on 127.0.0.1, data and keys in DIR
    python3 dev.py example [--port N]            serve examples/smart_building, a project with models of its own
    python3 dev.py test [pytest arguments]       the suite, on SQLite and on PostgreSQL; --all: browsers, servers too
    python3 dev.py check                         lint, types, import arrows, dead code, migrations, docs
    python3 dev.py browser_sdk                   fetch the SDK for the page "Try it in this browser"; needs npm
    python3 dev.py benchmark [--database NAME]   each operation beside a bare view and peers; see benchmarks/README.md
    python3 dev.py WORD ...                      manage.py WORD ..., on the data of run, or of $GATEPASS_DATA

Each command first updates the environment in .venv if needed.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"

# The installations. "dev" includes "server".
INSTALLS = {"server": ["-e", ".", "--group", "server"], "dev": ["-e", ".", "--group", "dev"]}

# A vendor's SDK, which is fetched, not distributed. The page of the reference server and tests use it unchanged.
BROWSER_SDK = ROOT / ".browser_sdk"
BROWSER_SDK_PACKAGE = "@clerk/clerk-js@6.40.0"
BROWSER_SDK_SHA512 = "2MnZ/ygvuCmeuqfXQmsxfQaLN/SSJvQbtT2cLXbgr5VKr3KmZFZBVvX977fG3eZ6pprl4J9pO+I2bbe6BvColg=="
# The two builds without dependencies, each with the parts that it loads later.
BROWSER_SDK_FILES = re.compile(r"package/dist/((?:clerk|\w[\w-]*_clerk)\.(?:browser|native)[\w.]*\.js)")

CHECKS = {
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "import arrows": ["lint-imports"],
    "dead code": ["vulture"],
    "migrations": ["python", "manage.py", "makemigrations", "--check", "--dry-run"],
    "docs": ["sphinx-build", "-W", "-q", "docs", "docs/_build"],
}


def main(words: list[str]) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036  (an error message for older versions)
        sys.exit(f"Gatepass needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    task, options = words[:1], words[1:]
    if task == ["run"]:
        run(options)
    elif task == ["example"]:
        install("server")
        replace_process("examples/smart_building/manage.py", "demo", *options)
    elif task == ["test"]:
        install("dev")
        replace_process("-m", "tests", *options)
    elif task == ["benchmark"]:
        install("dev")
        replace_process("-m", "benchmarks", *options)
    elif words == ["browser_sdk"]:
        print(f"{BROWSER_SDK_PACKAGE} is in {browser_sdk().name}/. Reload the page.")
    elif words == ["check"]:  # with options it is the command of manage.py
        install("dev")
        sys.exit(check())
    elif not task or task[0].startswith("-"):
        print(__doc__)
    else:
        install("server")
        replace_process("manage.py", *words)


def run(options: list[str]) -> NoReturn:
    """Serve a sandbox, which the first run creates."""
    parser = argparse.ArgumentParser(prog="dev.py run")
    parser.add_argument("--port", default="8000")
    parser.add_argument("--data", default=os.environ.get("GATEPASS_DATA") or ROOT / "var", type=Path)
    chosen = parser.parse_args(options)
    os.environ["GATEPASS_DATA"] = str(chosen.data.resolve())
    install("server")
    os.environ["GATEPASS_SANDBOX"] = "yes"
    print(manage_line(chosen.data.resolve()), flush=True)
    replace_process("manage.py", "serve", "--port", chosen.port)


def manage_line(data: Path) -> str:
    """Return the line that shows how to use manage.py on this data."""
    where = "" if data == ROOT / "var" else f"GATEPASS_DATA={shlex.quote(str(data))} "
    return f"Manage it   {where}python3 dev.py signing_keys list Sandbox"


def browser_sdk() -> Path:
    """Fetch the browser SDK with npm, unless it is there, and verify its hash. Return its folder."""
    return npm_files(BROWSER_SDK_PACKAGE, BROWSER_SDK_SHA512, BROWSER_SDK_FILES, BROWSER_SDK)


def npm_files(package: str, sha512: str, names: re.Pattern[str], folder: Path) -> Path:
    """Unpack the files of an npm package that ``names`` matches into the folder. Its group is the new file name."""
    stamp = folder / "stamp"
    if stamp.exists() and stamp.read_text() == sha512:
        return folder
    if not shutil.which("npm"):
        sys.exit("npm is needed to fetch the SDK, but it is not on the PATH. Install Node.js.")
    with tempfile.TemporaryDirectory() as fetched:
        options = ["--ignore-scripts", "--loglevel=error", "--pack-destination", fetched]
        call("npm", "pack", package, *options, output=subprocess.DEVNULL)
        (archive,) = Path(fetched).iterdir()
        digest = hashlib.sha512(archive.read_bytes()).digest()
        if base64.b64encode(digest).decode() != sha512:
            sys.exit(f"The hash of the fetched {package} is wrong. Nothing was unpacked.")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        unpack(archive, names, folder)
    stamp.write_text(sha512)
    return folder


def unpack(archive: Path, names: re.Pattern[str], folder: Path) -> None:
    with tarfile.open(archive) as files:
        for member in files:
            name = names.fullmatch(member.name)
            if name and (file := files.extractfile(member)):
                (folder / name[1]).write_bytes(file.read())


def check() -> int:
    """Run all checks in parallel and print those that failed. Return the exit code."""
    failed = []
    with tempfile.TemporaryDirectory() as data, ThreadPoolExecutor() as threads:
        for name, done in zip(
            CHECKS, threads.map(lambda command: run_check(command, data), CHECKS.values()), strict=True
        ):
            print(f"== {name}\n{done.stdout}", end="", flush=True)
            if done.returncode:
                failed.append(name)
    print("failed: " + ", ".join(failed) if failed else "all checks passed")
    return 1 if failed else 0


def run_check(command: list[str], data: str) -> subprocess.CompletedProcess[str]:
    """Run a command of .venv and capture its output."""
    program, *arguments = command
    return subprocess.run(
        [str(VENV / "bin" / program), *arguments],
        cwd=ROOT,
        env=os.environ | {"GATEPASS_DATA": data},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def install(name: str) -> None:
    """Install the requirements into .venv, unless a stamp shows that they are installed."""
    wanted = hashlib.sha256(sys.version.encode())
    for file in ("pyproject.toml", "constraints.txt"):
        wanted.update((ROOT / file).read_bytes())
    stamps = {VENV / f"{each}.stamp" for each in (name, "dev")}
    if any(stamp.exists() and stamp.read_text() == wanted.hexdigest() for stamp in stamps):
        return
    print(f"Installing the requirements of '{name}' into .venv ...", file=sys.stderr, flush=True)
    make_environment()
    pins = ["-c", "constraints.txt", "--build-constraints", "constraints.txt"]
    call(VENV / "bin" / "uv", "pip", "install", "--quiet", "--python", PYTHON, *pins, *INSTALLS[name])
    (VENV / f"{name}.stamp").write_text(wanted.hexdigest())


def make_environment() -> None:
    """Create .venv with uv, unless this version of Python created it."""
    stamp = VENV / "python.stamp"
    if stamp.exists() and stamp.read_text() == sys.version:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    has_pip = importlib.util.find_spec("ensurepip") is not None  # Debian has it in the package python3-venv
    venv.create(VENV, with_pip=has_pip, symlinks=True)
    pip = [str(PYTHON), "-m", "pip"] if has_pip else [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    call(*pip, "install", "--quiet", "--disable-pip-version-check", "-c", "constraints.txt", "uv")
    stamp.write_text(sys.version)


def call(*command: str | Path, output: int | None = None) -> None:
    """Run a step of the installation. Exit if it fails."""
    environment = os.environ | {"UV_PYTHON_DOWNLOADS": "never"}
    if subprocess.run(command, cwd=ROOT, env=environment, stdout=output).returncode:
        sys.exit("The installation failed; see the lines above.")


def replace_process(*arguments: str) -> NoReturn:
    """Replace this process by Python of .venv, so that signals and exit codes need no forwarding."""
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
