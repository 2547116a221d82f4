"""What all host projects add to the settings that ``startproject`` writes."""

import os
from urllib.parse import urlsplit

from host.settings import *


def database(name):
    if not (url := os.environ.get("HOST_DATABASE")):
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": ":memory:",
            "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        }
    server = urlsplit(url)
    place = {"HOST": server.hostname, "PORT": server.port, "USER": server.username, "NAME": name}
    return {"ENGINE": "django.db.backends.postgresql", **place}


DATABASES = {"default": database(os.environ["HOST"])}
INSTALLED_APPS = [*INSTALLED_APPS, os.environ["HOST"]]
ROOT_URLCONF = f"{os.environ['HOST']}.urls"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["*"]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/private/"
