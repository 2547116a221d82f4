"""The file of secrets that nobody gave: ``KEY=value`` lines that only the server's own user may read.

Every change is a whole new file renamed over the old one, made by one process at a time, so that a reader never
sees half of it and two first runs end up with the same secrets.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.utils.crypto import get_random_string

__all__ = ["ensure", "read", "update"]

# Letters and digits: nearly 6 bits each.
_LENGTH = 50

_HEADER = "# Gatepass made this file and needs it: without it, tokens and stored secrets are lost. Back it up.\n"


def read(path: Path) -> dict[str, str]:
    """What the file holds; empty if there is none yet."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def ensure(path: Path, names: Iterable[str]) -> dict[str, str]:
    """One secret for each name, generated if the file has none by that name."""
    wanted = set(names)
    saved = read(path)
    if not wanted <= saved.keys():
        with _locked(path):
            saved = {name: get_random_string(_LENGTH) for name in sorted(wanted)} | read(path)
            _write(path, saved)
    return {name: saved[name] for name in wanted}


def update(path: Path, **values: str) -> None:
    """Put these beside what is there already, or in place of it."""
    if any("\n" in value for value in values.values()):
        raise ValueError("A value is one line.")
    with _locked(path):
        _write(path, read(path) | values)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Nobody else changes the file meanwhile. The lock is on the directory, because the file itself is replaced."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _write(path: Path, values: Mapping[str, str]) -> None:
    descriptor, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 by its own promise
    try:
        with open(descriptor, "w") as file:
            file.write(_HEADER + "".join(f"{name}={value}\n" for name, value in values.items()))
            file.flush()
            os.fsync(descriptor)
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise
