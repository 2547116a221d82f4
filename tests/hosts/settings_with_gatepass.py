"""The settings of a host project with the lines that an installation adds: the same ones for every host."""

import os
from importlib import import_module

host = import_module(f"{os.environ['HOST']}.settings")
globals().update({name: value for name, value in vars(host).items() if name.isupper()})

apps = getattr(host, "GATEPASS_APPS", ["client_sessions", "user_sessions"])

INSTALLED_APPS = [*host.INSTALLED_APPS, "sessions_core", *apps]
ROOT_URLCONF = "urls_with_gatepass"

if "user_sessions" in apps:
    MIDDLEWARE = [*host.MIDDLEWARE]
    place = MIDDLEWARE.index("django.contrib.auth.middleware.AuthenticationMiddleware") + 1
    MIDDLEWARE.insert(place, "user_sessions.middleware.UserSessionMiddleware")
