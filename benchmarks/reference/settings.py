"""Settings of the reference server, unchanged but for the bare view and the count of statements."""

from sessions_project.settings import *  # noqa: F403  (Django's way to extend settings)
from sessions_project.settings import MIDDLEWARE

MIDDLEWARE = ["benchmarks.host.statements.CountStatements", *MIDDLEWARE]
ROOT_URLCONF = "benchmarks.reference.urls"
