"""The reference server with its peers beside it."""

from sessions_project.settings import *  # noqa: F403  (Django's way to extend settings)
from sessions_project.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "knox"]
ROOT_URLCONF = "benchmarks.urls"
