#!/usr/bin/env python
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sessions_project.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line

        try:
            execute_from_command_line(sys.argv)
        except ImproperlyConfigured as reason:
            sys.exit(f"Gatepass is not configured: {reason}")
    except ModuleNotFoundError as missing:
        sys.exit(
            f"The package {missing.name!r} is not installed for this Python. `python3 dev.py run` installs what is "
            "needed and serves a sandbox; `python3 dev.py COMMAND` runs any command of manage.py."
        )
