"""For tests that start processes with an SQLite of their own, or that no database can change."""

import os

import pytest

embedded = pytest.mark.skipif(
    os.environ.get("DATABASE_URL", "").startswith("postgres"),
    reason="it has an embedded database of its own or asks nothing of one: the run on SQLite has tried it already",
)
