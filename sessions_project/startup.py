"""Run the system checks, including those of the database, before the server starts."""

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

# Seconds; the default in a web process.
DATABASE_TIMEOUT = "2"


def checked(get_application: Callable[[], A]) -> A:
    """Return Django's application if the system checks pass. Otherwise exit with a message.

    A wrong key then stops the server at its start, not in a request.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sessions_project.settings")
    os.environ.setdefault("GATEPASS_DATABASE_TIMEOUT", DATABASE_TIMEOUT)
    try:
        application = get_application()
        # Do not print warnings, which would appear once for each process.
        quiet = {"stdout": io.StringIO(), "stderr": io.StringIO()}
        call_command("check", databases=["default"], deploy=not settings.GATEPASS_SANDBOX, **quiet)
    except (ImproperlyConfigured, CommandError) as reason:
        sys.exit(f"Gatepass does not start: {reason}")
    return application
