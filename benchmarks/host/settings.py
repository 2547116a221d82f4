"""Settings of a small host project with one package. ``BENCHMARK_PROJECT`` names the package.

Each package has a process of its own, with only its own apps and middleware: none pays for another, and the memory of
each can be told apart.
"""

import os
from datetime import timedelta

import environ

from benchmarks.load import WORKSPACE

PROJECT = os.environ["BENCHMARK_PROJECT"]

_CORE = ["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"]
_SESSIONS = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
_ALLAUTH = ["django.contrib.sessions", "allauth", "allauth.account", "allauth.headless", "allauth.usersessions"]
_APPS = {
    "bare": [],
    "gatepass": ["sessions_core", "client_sessions", "client_sessions.devices", "user_sessions"],
    "knox": ["knox"],
    "simplejwt": ["rest_framework_simplejwt", "rest_framework_simplejwt.token_blacklist"],
    "allauth": _ALLAUTH,
    "django-user-sessions": ["user_sessions"],
}
_MIDDLEWARE = {
    "allauth": [
        *_SESSIONS,
        "allauth.account.middleware.AccountMiddleware",
        "allauth.usersessions.middleware.UserSessionsMiddleware",
    ],
    "django-user-sessions": ["user_sessions.middleware.SessionMiddleware", _SESSIONS[1]],
}

SECRET_KEY = "benchmark" * 6
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "benchmarks.host.urls"
INSTALLED_APPS = [*_CORE, *_APPS[PROJECT]]
MIDDLEWARE = ["benchmarks.host.statements.CountStatements", *_MIDDLEWARE.get(PROJECT, [])]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
APPEND_SLASH = False
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Logging in costs what the package does, not what a password hash does.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
}

_database = environ.Env.db_url_config(os.environ["DATABASE_URL"])
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
    }
elif os.environ["BENCHMARK_PREPARED"]:  # as docs/configuration.md advises
    _database["OPTIONS"] = {"server_side_binding": True, "prepare_threshold": 3}
DATABASES = {"default": {**_database, "CONN_MAX_AGE": None}}

# Gatepass. Requests are counted as by default, but one caller here stands for many, so the limit is not reached.
_UNREACHED = "100000000/second"
SESSIONS_CORE = {"TOKEN_KEYS": ["t" * 40], "ENCRYPTION_KEYS": ["e" * 40], "DEFAULT_WORKSPACE": WORKSPACE}
CLIENT_SESSIONS = {"RATES": {"client_session": _UNREACHED, "anonymous": _UNREACHED}}
USER_SESSIONS = {"SESSION_TOKEN_LIFETIME": timedelta(days=1)}  # longer than a run

# The peers
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(days=1),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "ALGORITHM": "RS256",
    "SIGNING_KEY": os.environ["BENCHMARK_RSA_KEY"],
    "VERIFYING_KEY": os.environ["BENCHMARK_RSA_PUBLIC_KEY"],
}
SESSION_ENGINE = (
    "user_sessions.backends.db" if PROJECT == "django-user-sessions" else "django.contrib.sessions.backends.db"
)
HEADLESS_ONLY = True
HEADLESS_CLIENTS = ("app",)
ACCOUNT_EMAIL_VERIFICATION = "none"
USERSESSIONS_TRACK_ACTIVITY = True
