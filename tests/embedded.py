"""For tests that need not run again: with an SQLite of their own, or of what no database and no Python can change."""

import os

import pytest

embedded = pytest.mark.skipif(
    os.environ.get("DATABASE_URL", "").startswith("postgres"),
    reason="it has an embedded database of its own or asks nothing of one: the run on SQLite has tried it already",
)

sdk = pytest.mark.skipif(
    os.environ.get("GATEPASS_SDKS") == "asked",
    reason="it asks a vendor's SDK, which is the same everywhere: the run beside this one does, or one before it did",
)
