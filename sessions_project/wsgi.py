"""The WSGI application of ``manage.py serve``."""

from django.core.wsgi import get_wsgi_application

from sessions_project.content_types import wsgi_with_plain_types
from sessions_project.startup import checked

__all__ = ["application"]

application = wsgi_with_plain_types(checked(get_wsgi_application))
