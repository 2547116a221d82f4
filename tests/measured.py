"""Which tests are measured when coverage is: one case of each test, without the long modules.

Measuring makes a test take two thirds longer. More cases of a test reach hardly another line, and what the long modules
reach in this process other modules reach too. So these run unmeasured, and the floor in pyproject.toml is of the rest.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from coverage import Coverage

from tests.long_modules import long_paths

NOT_MEASURED = pytest.StashKey[bool]()


def choose_measured(items: list[pytest.Item]) -> None:
    """Mark the tests that are not measured."""
    long, seen = {*long_paths()}, set[str]()
    for item in items:
        test = item.nodeid.partition("[")[0]
        item.stash[NOT_MEASURED] = item.path in long or test in seen
        seen.add(test)


@contextmanager
def measuring(item: pytest.Item) -> Iterator[None]:
    """Interrupt the measurement, if there is one, while a test runs that is not measured."""
    measured = Coverage.current()
    if not measured or not item.stash[NOT_MEASURED]:
        yield
        return
    measured.stop()
    try:
        yield
    finally:
        measured.start()
