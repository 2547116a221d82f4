"""The ASGI application. Gatepass is synchronous; ``manage.py serve`` uses ``wsgi.py``."""

from django.core.asgi import get_asgi_application

from sessions_project.content_types import asgi_with_plain_types
from sessions_project.startup import checked

__all__ = ["application"]

application = asgi_with_plain_types(checked(get_asgi_application))
