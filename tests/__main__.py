"""The suite, on SQLite and on PostgreSQL at the same time: ``python -m tests [--all] [pytest arguments]``.

If DATABASE_URL is set, only that database is used. Arguments apply to the suite in this folder; without arguments, the
suite of the example runs after it, and without ``--all`` the modules of tests/long_modules.py are left out.

Without arguments each database has a worker per processor, and SQLite one more while PostgreSQL runs too: its run is
the longer one, and its tests often wait. With arguments it has one process, because a worker takes longer to start than
a few tests to run, and ``--pdb`` and ``-s`` need the terminal.

With CI set, ``--all`` also measures branch coverage in its run on SQLite, and fails below the floor in
pyproject.toml. Measuring costs processor time, so tests/measured.py chooses the tests, and the run on PostgreSQL does
without.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.databases import Database, NoPostgreSQL, postgresql, sqlite
from tests.long_modules import LONG_MODULES, long_paths
from tests.versions import IS_STATED_SET

ROOT = Path(__file__).parent.parent
SUITES = [ROOT, ROOT / "examples" / "smart_building"]
ALL = "--all"
COVERAGE = ["--cov", "--cov-report=term-missing:skip-covered"]
# A worker that has nothing left to do takes tests of another, so none waits for the slowest module.
STEALING = ["--dist", "worksteal"]


def main(words: list[str]) -> int:
    """Run the suites on each database. Return the first exit code that is not 0."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with databases() as (first, *others), ExitStack() as stack:
        endings = [stack.enter_context(beside(other, words)) for other in others]
        relieved = {"GATEPASS_RELIEVED": "yes"} if others else {}  # of the tests that tests/embedded.py marks
        is_measured = bool(os.environ.get("CI") and others and words == [ALL])
        more = len(others)
        codes = [run(first, words, more=more, is_measured=is_measured, **relieved), *(end() for end in endings)]
    if others and not words and not IS_STATED_SET:
        print(f"Left out: the tests of {', '.join(LONG_MODULES)}. To run them too: python3 dev.py test {ALL}")
    return next((code for code in codes if code), 0)


@contextmanager
def databases() -> Iterator[list[Database]]:
    """Yield the databases to use. Exit if PostgreSQL is missing in CI."""
    if url := os.environ.get("DATABASE_URL"):
        yield [Database(name=f"{url.partition(':')[0]}, by DATABASE_URL", url=url)]
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


def run(database: Database, words: list[str], *, more: int = 0, is_measured: bool = False, **given: str) -> int:
    """Run the suites one after the other, the first under coverage if ``is_measured``, with so many ``more`` workers
    than processors. Return the first exit code that is not 0."""
    arguments = [word for word in words if word != ALL]
    is_chosen = bool(arguments or IS_STATED_SET)
    left_out = [] if words or is_chosen else [f"--ignore={path}" for path in long_paths()]
    codes = []
    for suite in SUITES[:1] if is_chosen else SUITES:
        print(f"\n== {suite.name} on {database.name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="gatepass-tests-") as data:
            environment = environment_of_tests() | {"DATABASE_URL": database.url, "GATEPASS_DATA": data} | given
            measuring = COVERAGE if is_measured and suite == ROOT else []
            workers = str((os.cpu_count() or 1) + more) if more else "logical"
            dividing = ["-n", workers, *STEALING, *left_out] if suite == ROOT and not is_chosen else []
            command = [sys.executable, "-m", "pytest", *dividing, *measuring, *arguments]
            codes.append(subprocess.run(command, cwd=suite, env=environment).returncode)
    return next((code for code in codes if code), 0)


def environment_of_tests() -> dict[str, str]:
    """Return the environment, without what forbids to keep compiled modules: tests start Python hundreds of times."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@contextmanager
def beside(database: Database, words: list[str]) -> Iterator[Callable[[], int]]:
    """Run the suites quietly in another process. The yielded function waits for it and prints its output."""
    command = [sys.executable, "-m", "tests", *words]
    environment = os.environ | {"DATABASE_URL": database.url}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT)

        def end() -> int:
            code = process.wait()
            said.seek(0)
            print(said.read().decode(errors="replace"), flush=True)
            return code

        try:
            yield end
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
