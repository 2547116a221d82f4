"""Settings of the reference server with the peers installed."""

import os
from datetime import timedelta

from client_sessions.conf import DEFAULT_RATES
from sessions_project.settings import *  # noqa: F403  (Django's way to extend settings)
from sessions_project.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "knox", "rest_framework_simplejwt.token_blacklist"]
ROOT_URLCONF = "benchmarks.urls"
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(days=1),  # longer than it takes to make a million rows
    "ALGORITHM": "RS256",
    "SIGNING_KEY": os.environ["BENCHMARK_RSA_KEY"],
    "VERIFYING_KEY": os.environ["BENCHMARK_RSA_PUBLIC_KEY"],
}
# One caller sends all requests, so turn rate limits off.
CLIENT_SESSIONS = {"RATES": dict.fromkeys(DEFAULT_RATES)}
