"""The reference server with its peers beside it."""

from datetime import timedelta

from client_sessions.conf import DEFAULT_RATES
from sessions_project.settings import *  # noqa: F403  (Django's way to extend settings)
from sessions_project.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "knox"]
ROOT_URLCONF = "benchmarks.urls"
SIMPLE_JWT = {"ACCESS_TOKEN_LIFETIME": timedelta(days=1)}  # longer than it takes to make a million rows
# One caller stands for many here.
CLIENT_SESSIONS = {"RATES": dict.fromkeys(DEFAULT_RATES)}
