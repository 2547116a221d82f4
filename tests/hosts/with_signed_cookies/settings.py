"""Sessions in signed cookies: the server stores nothing of them."""

from base_settings import *

SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
INSTALLED_APPS.remove("django.contrib.sessions")
