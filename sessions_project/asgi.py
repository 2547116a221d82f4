"""For hosts that serve by ASGI. Gatepass itself is synchronous, and ``manage.py serve`` serves ``wsgi.py``."""

import os

from django.core.asgi import get_asgi_application

__all__ = ["application"]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sessions_project.settings")

application = get_asgi_application()
