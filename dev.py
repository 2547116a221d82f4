#!/usr/bin/env python3
"""Everything a checkout can do, with nothing installed but Python 3.11, pip and git.

    python3 dev.py run [--port N] [--data DIR]   serve a sandbox on 127.0.0.1, data and keys in DIR
    python3 dev.py example [--port N]            serve examples/smart_building, a project with models of its own
    python3 dev.py test [pytest arguments]       the whole suite, on SQLite and on PostgreSQL
    python3 dev.py check                         lint, types, import arrows, dead code, migrations, docs
    python3 dev.py browser_sdk                   fetch the SDK for the page "Try it in this browser"; needs npm
    python3 dev.py benchmark [--rounds N]        ratios to a bare view and to the peers; see benchmarks/README.md
    python3 dev.py WORD ...                      manage.py WORD ..., on the data of run, or of $GATEPASS_DATA

Each first brings the environment in .venv up to date, which takes seconds, or none if it is.
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

# What there is to install; "dev" holds all that "server" does.
INSTALLS = {"server": ["-e", ".", "--group", "server"], "dev": ["-e", ".", "--group", "dev"]}

# A vendor's SDK, which is not ours to ship: the reference server's page and the tests run it as it is published.
BROWSER_SDK = ROOT / ".browser_sdk"
BROWSER_SDK_PACKAGE = "@clerk/clerk-js@6.40.0"
BROWSER_SDK_SHA512 = "2MnZ/ygvuCmeuqfXQmsxfQaLN/SSJvQbtT2cLXbgr5VKr3KmZFZBVvX977fG3eZ6pprl4J9pO+I2bbe6BvColg=="
# Its two builds that need no other package, each with the parts that it loads when it needs them.
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
    if sys.version_info < (3, 11):  # noqa: UP036  (older ones get this far, and a sentence)
        sys.exit(f"Gatepass needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    task, options = words[:1], words[1:]
    if task == ["run"]:
        run(options)
    elif task == ["example"]:
        install("server")
        become("examples/smart_building/manage.py", "demo", *options)
    elif task == ["test"]:
        install("dev")
        become("-m", "tests", *options)
    elif words == ["browser_sdk"]:
        print(f"{BROWSER_SDK_PACKAGE} is in {browser_sdk().name}/. Reload the page.")
    elif words == ["check"]:  # with options it is manage.py's
        install("dev")
        sys.exit(check())
    elif not task or task[0].startswith("-"):
        print(__doc__)
    else:
        install("server")
        become("manage.py", *words)


def run(options: list[str]) -> NoReturn:
    """Serve a sandbox, made on the first run and found again on later ones."""
    parser = argparse.ArgumentParser(prog="dev.py run")
    parser.add_argument("--port", default="8000")
    parser.add_argument("--data", default=os.environ.get("GATEPASS_DATA") or ROOT / "var", type=Path)
    chosen = parser.parse_args(options)
    os.environ["GATEPASS_DATA"] = str(chosen.data.resolve())
    install("server")
    os.environ["GATEPASS_SANDBOX"] = "yes"
    print(manage_line(chosen.data.resolve()), flush=True)
    become("manage.py", "serve", "--port", chosen.port)


def manage_line(data: Path) -> str:
    """How another terminal reaches what is served."""
    where = "" if data == ROOT / "var" else f"GATEPASS_DATA={shlex.quote(str(data))} "
    return f"Manage it   {where}python3 dev.py signing_keys list Sandbox"


def browser_sdk() -> Path:
    """Fetch the SDK for browsers with npm, unless it is there, and only if it is what we know. Returns its folder."""
    return npm_files(BROWSER_SDK_PACKAGE, BROWSER_SDK_SHA512, BROWSER_SDK_FILES, BROWSER_SDK)


def npm_files(package: str, sha512: str, names: re.Pattern[str], folder: Path) -> Path:
    """Put files of an npm package into the folder: those that ``names`` matches, under what its group matches."""
    stamp = folder / "stamp"
    if stamp.exists() and stamp.read_text() == sha512:
        return folder
    if not shutil.which("npm"):
        sys.exit("npm fetches the SDK, and is not on the PATH. It comes with Node.js.")
    with tempfile.TemporaryDirectory() as fetched:
        options = ["--ignore-scripts", "--loglevel=error", "--pack-destination", fetched]
        call("npm", "pack", package, *options, output=subprocess.DEVNULL)
        (archive,) = Path(fetched).iterdir()
        digest = hashlib.sha512(archive.read_bytes()).digest()
        if base64.b64encode(digest).decode() != sha512:
            sys.exit(f"What npm fetched is not the {package} that we know. Nothing was unpacked.")
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
    """Run every check, all at once and whatever the others say, and name those that failed. Returns the exit code."""
    failed = []
    with tempfile.TemporaryDirectory() as data, ThreadPoolExecutor() as threads:
        for name, done in zip(CHECKS, threads.map(lambda command: ended(command, data), CHECKS.values()), strict=True):
            print(f"== {name}\n{done.stdout}", end="", flush=True)
            if done.returncode:
                failed.append(name)
    print("failed: " + ", ".join(failed) if failed else "all checks passed")
    return 1 if failed else 0


def ended(command: list[str], data: str) -> subprocess.CompletedProcess[str]:
    """A command of .venv, with all that it said."""
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
    """Bring .venv up to what pyproject.toml and constraints.txt say; a stamp says that it is there already."""
    wanted = hashlib.sha256(sys.version.encode())
    for file in ("pyproject.toml", "constraints.txt"):
        wanted.update((ROOT / file).read_bytes())
    stamps = {VENV / f"{each}.stamp" for each in (name, "dev")}
    if any(stamp.exists() and stamp.read_text() == wanted.hexdigest() for stamp in stamps):
        return
    print(f"Installing what '{name}' needs into .venv ...", file=sys.stderr, flush=True)
    make_environment()
    pins = ["-c", "constraints.txt", "--build-constraints", "constraints.txt"]
    call(VENV / "bin" / "uv", "pip", "install", "--quiet", "--python", PYTHON, *pins, *INSTALLS[name])
    (VENV / f"{name}.stamp").write_text(wanted.hexdigest())


def make_environment() -> None:
    """Make .venv anew, with uv inside, unless this very Python made it before."""
    stamp = VENV / "python.stamp"
    if stamp.exists() and stamp.read_text() == sys.version:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    has_pip = importlib.util.find_spec("ensurepip") is not None  # Debian ships it apart, in python3-venv
    venv.create(VENV, with_pip=has_pip, symlinks=True)
    pip = [str(PYTHON), "-m", "pip"] if has_pip else [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    call(*pip, "install", "--quiet", "--disable-pip-version-check", "-c", "constraints.txt", "uv")
    stamp.write_text(sys.version)


def call(*command: str | Path, output: int | None = None) -> None:
    """Run one step of the installation; the tool has said what is wrong when it fails."""
    environment = os.environ | {"UV_PYTHON_DOWNLOADS": "never"}
    if subprocess.run(command, cwd=ROOT, env=environment, stdout=output).returncode:
        sys.exit("The installation failed; the lines above say why.")


def become(*arguments: str) -> NoReturn:
    """Turn this process into one of .venv's Python, so that signals and exit codes need no passing on."""
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
