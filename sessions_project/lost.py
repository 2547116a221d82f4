"""Refuse a database file without contents before anything connects to it and creates a new database in it."""

import time
from collections.abc import Mapping
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

__all__ = ["refuse_lost"]

# The first bytes of every database of SQLite 3 (its file format, section 1.3).
MAGIC = b"SQLite format 3\x00"

# Seconds. A file is empty for a moment while another process creates it.
RETRY_FOR = 1.0


def refuse_lost(database: Mapping[str, object]) -> None:
    """Raise ImproperlyConfigured if the file of an SQLite database exists but is not a database."""
    path = Path(str(database.get("NAME", "")))
    if str(database["ENGINE"]).rpartition(".")[2] != "sqlite3" or not path.is_file():
        return
    deadline = time.monotonic() + RETRY_FOR
    while not (start := _start_of(path)) and time.monotonic() < deadline:
        time.sleep(0.05)
    if start != MAGIC:
        what = "is not a database of SQLite" if start else "is empty, so its data may be lost"
        raise ImproperlyConfigured(
            f"The database file {path} {what}. Restore it from a backup, or move it away to start with a new one."
        )


def _start_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC))
    except OSError as reason:
        raise ImproperlyConfigured(f"The database file cannot be read: {reason}.") from None
