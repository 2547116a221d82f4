"""What every way of serving does first: ask the system checks, also those that look into the database."""

import io
import os
import sys
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

__all__ = ["checked"]

A = TypeVar("A")

# Seconds; the default of a web process.
DATABASE_TIMEOUT = "2"


def checked(get_application: Callable[[], A]) -> A:
    """Django's application, if the checks let it serve: a wrong key must stop it now, not at a user's request.

    Ends the process with a sentence otherwise.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sessions_project.settings")
    os.environ.setdefault("GATEPASS_DATABASE_TIMEOUT", DATABASE_TIMEOUT)
    try:
        application = get_application()
        # Warnings are for those who ask; here they would come once from each process.
        quiet = {"stdout": io.StringIO(), "stderr": io.StringIO()}
        call_command("check", databases=["default"], deploy=not settings.GATEPASS_SANDBOX, **quiet)
    except (ImproperlyConfigured, CommandError) as reason:
        sys.exit(f"Gatepass does not start: {reason}")
    return application
