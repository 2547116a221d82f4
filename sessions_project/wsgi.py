"""What ``manage.py serve`` serves."""

from django.core.wsgi import get_wsgi_application

from sessions_project.startup import checked

__all__ = ["application"]

application = checked(get_wsgi_application)
