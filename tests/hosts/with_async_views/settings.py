"""Asynchronous views, served through ASGI."""

from base_settings import *

ASGI_APPLICATION = "host.asgi.application"
