"""The whole suite, once on SQLite and once on PostgreSQL: ``python -m tests [pytest arguments]``.

DATABASE_URL, when it is set, is used instead of both.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.databases import Database, NoPostgreSQL, postgresql, sqlite


def main(arguments: list[str]) -> int:
    """Run the suite on each database. Returns the first exit code that is not 0."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with databases() as chosen, tempfile.TemporaryDirectory(prefix="gatepass-tests-") as data:
        print("databases: " + ", ".join(database.name for database in chosen), flush=True)
        codes = [run(database, data, arguments) for database in chosen]
    return next((code for code in codes if code), 0)


@contextmanager
def databases() -> Iterator[list[Database]]:
    """What to run on. Ends the program if PostgreSQL is missing where it may not be: in CI."""
    if url := os.environ.get("DATABASE_URL"):
        yield [Database(name=f"the given DATABASE_URL ({url.partition(':')[0]})", url=url)]
        return
    with ExitStack() as stack:
        base = stack.enter_context(tempfile.TemporaryDirectory(prefix="gatepass-sqlite-"))
        chosen = [sqlite(Path(base))]
        try:
            chosen.append(stack.enter_context(postgresql()))
        except NoPostgreSQL as reason:
            if os.environ.get("CI"):
                sys.exit(f"The suite must also run on PostgreSQL here. {reason}")
            print(f"{reason} Running on SQLite only.", file=sys.stderr)
        yield chosen


def run(database: Database, data: str, arguments: list[str]) -> int:
    print(f"\n== {database.name}", flush=True)
    environment = os.environ | {"DATABASE_URL": database.url, "GATEPASS_DATA": data}
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], env=environment).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
