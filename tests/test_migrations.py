"""Migrations say what the models say, under every supported version of Django."""

import pytest
from django.core.management import call_command

from tests.embedded import embedded

pytestmark = embedded


@pytest.mark.django_db
def test_models_and_migrations_agree():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
