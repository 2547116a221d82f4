"""Mark tests that do not depend on the main database or the Python version."""

import os

import pytest

ON_POSTGRESQL = os.environ.get("DATABASE_URL", "").startswith("postgres")

embedded = pytest.mark.skipif(
    ON_POSTGRESQL,
    reason="it has an embedded database of its own or asks nothing of one: the run on SQLite has tried it already",
)

# True if the whole suite has just passed on another Python.
PASSED = "GATEPASS_PASSED" in os.environ

sdk = pytest.mark.skipif(
    PASSED or os.environ.get("GATEPASS_SDKS") == "asked",
    reason="it asks a vendor's SDK, which is the same everywhere: the run beside this one does, or one before it did",
)

in_browser = pytest.mark.skipif(
    PASSED, reason="it asks a browser for a page, which is the same under every Python: a run before this one did"
)


def examples(most: int) -> int:
    """Return the number of random examples: a third if the suite has just passed on another Python."""
    return most // 3 if PASSED else most


def chosen(items: list[pytest.Item]) -> list[pytest.Item]:
    """What to ask where the whole suite has just passed on another Python: every module on one database or the other,
    three of five on PostgreSQL, and what is embedded on SQLite."""
    modules = sorted({item.path for item in items})
    here = {module for number, module in enumerate(modules) if (number % 5 > 1) == ON_POSTGRESQL}
    return [item for item in items if (not ON_POSTGRESQL if _is_embedded(item) else item.path in here)]


def _is_embedded(item: pytest.Item) -> bool:
    return any(mark == embedded.mark for mark in item.iter_markers("skipif"))
