"""What the server serves, once the system checks have let it: a wrong key must stop it now, not at a user's request."""

import io
import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.core.wsgi import get_wsgi_application

__all__ = ["application"]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sessions_project.settings")

try:
    application = get_wsgi_application()
    call_command("check", databases=["default"], stdout=io.StringIO())
except (ImproperlyConfigured, CommandError) as reason:
    sys.exit(f"Gatepass does not start: {reason}")
