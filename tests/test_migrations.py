"""Migrations say what the models say, under every supported version of Django."""

import sys
from pathlib import Path

from tests.embedded import embedded
from tests.hosts import run

pytestmark = embedded


def test_models_and_migrations_agree():
    """In a process of its own, because tests define models."""
    run(Path(__file__).parent.parent, sys.executable, "manage.py", "makemigrations", "--check", "--dry-run")
