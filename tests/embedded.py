"""Mark tests that do not depend on the main database or the Python version, and choose the run that has them."""

import os

import pytest

from tests.versions import IS_STATED_SET, ON_POSTGRESQL

embedded = pytest.mark.skipif(
    ON_POSTGRESQL,
    reason="it has an embedded database of its own or asks nothing of one: the run on SQLite has tried it already",
)

# Set in the run on SQLite while one on PostgreSQL is beside it, so that the two take about as long. In the stated set
# SQLite has these tests.
IS_RELIEVED = "GATEPASS_RELIEVED" in os.environ and not IS_STATED_SET

apart = pytest.mark.skipif(
    IS_RELIEVED,
    reason="it starts servers or projects with databases of their own: the run beside this one does",
)

sdk = pytest.mark.skipif(
    IS_STATED_SET or IS_RELIEVED,
    reason="it asks a vendor's SDK, which is the same everywhere: the run beside this one does, or one before it did",
)

in_browser = pytest.mark.skipif(
    IS_STATED_SET,
    reason="it asks a browser for a page, which is the same under every Python: a run before this one did",
)


def examples(most: int) -> int:
    """Return the number of random examples: a third in the stated set, because the whole suite tries all of them."""
    return most // 3 if IS_STATED_SET else most
