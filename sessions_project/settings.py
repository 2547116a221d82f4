"""Settings of the reference server: environment variables with safe defaults, listed in docs/configuration.md.

Missing secrets are generated once and stored in ``GATEPASS_DATA/secrets.env``. An empty variable counts as set; the
system checks then report it.
"""

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from sessions_project import secrets_file
from sessions_project.lost import refuse_lost

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent
GATEPASS_DATA = Path(env.str("GATEPASS_DATA", default="") or BASE_DIR / "var").resolve()
GATEPASS_URL = env.str("GATEPASS_URL", default="http://127.0.0.1:8000").rstrip("/")
GATEPASS_SECRETS = GATEPASS_DATA / "secrets.env"
GATEPASS_BROWSER_SDK = BASE_DIR / ".browser_sdk"  # where dev.py browser_sdk puts it


def _number(name: str, *, default: int, least: int) -> int:
    text = env.str(name, default=str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
        raise ImproperlyConfigured(f"{name} must be a whole number of at least {least}, not {text!r}.")
    return int(text)


def _flag(name: str, *, default: bool) -> bool:
    text = env.str(name, default="yes" if default else "no").lower()
    if text not in _ON | _OFF:
        raise ImproperlyConfigured(f"{name} must be yes or no (or true, false, on, off, 1, 0), not {text!r}.")
    return text in _ON


_ON, _OFF = {"yes", "true", "on", "1"}, {"no", "false", "off", "0"}

GATEPASS_WORKERS = _number("GATEPASS_WORKERS", default=min(os.cpu_count() or 1, 4), least=1)
# Threads of each worker. Each has its own database connection.
GATEPASS_THREADS = 8
# Seconds that a web process waits for the database before it answers 503. Commands have no limit.
GATEPASS_DATABASE_TIMEOUT = _number("GATEPASS_DATABASE_TIMEOUT", default=0, least=0)
GATEPASS_SANDBOX = _flag("GATEPASS_SANDBOX", default=False)  # set by dev.py run

_public = urlsplit(GATEPASS_URL)
if _public.scheme not in ("http", "https") or not _public.hostname or _public.path or _public.query:
    raise ImproperlyConfigured(f"GATEPASS_URL must look like https://sessions.example.com, not {GATEPASS_URL!r}.")
# As browsers write the origin, without the default port.
GATEPASS_URL = GATEPASS_URL.lower().removesuffix(":443" if _public.scheme == "https" else ":80")


# Secrets

_NEEDED = {"SECRET_KEY", "GATEPASS_TOKEN_KEYS", "GATEPASS_ENCRYPTION_KEYS"}


def _secrets() -> dict[str, str]:
    given = {name: os.environ[name] for name in _NEEDED if name in os.environ}
    try:
        return given | secrets_file.ensure(GATEPASS_SECRETS, _NEEDED - given.keys())
    except OSError as reason:
        wanted = ", ".join(sorted(_NEEDED - given.keys()))
        raise ImproperlyConfigured(f"{reason}. Set {wanted}, or GATEPASS_DATA to a writable directory.") from reason


def _keys(text: str) -> list[str]:
    """Parse a comma-separated list, newest first."""
    return [key.strip() for key in text.split(",") if key.strip()]


_secret = _secrets()
SECRET_KEY = _secret["SECRET_KEY"]
SESSIONS_CORE = {
    "TOKEN_KEYS": _keys(_secret["GATEPASS_TOKEN_KEYS"]),
    "ENCRYPTION_KEYS": _keys(_secret["GATEPASS_ENCRYPTION_KEYS"]),
    "PROCESSES": _number("GATEPASS_PROCESSES", default=GATEPASS_WORKERS, least=1),
    "TRUSTED_PROXIES": _number("GATEPASS_TRUSTED_PROXIES", default=0, least=0),
    "DEFAULT_WORKSPACE": env.str("GATEPASS_DEFAULT_WORKSPACE", default=None),
}


def _rates(name: str) -> dict[str, str | None]:
    try:
        return {kind: rate or None for kind, rate in env.dict(name, default={}).items()}
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a list such as password=5/minute,account=100/minute.") from None


CLIENT_SESSIONS = {"RATES": _rates("GATEPASS_RATES"), "URL": GATEPASS_URL}
USER_SESSIONS = {
    "RATES": _rates("GATEPASS_SIGN_IN_RATES"),
    "SESSION_LIMITS": "sessions_project.operator_sessions.operator_limits",
}


# What is installed

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "sessions_core",
    "client_sessions",
    "client_sessions.devices",
    "user_sessions",
    "sessions_project",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "sessions_project.operator_sessions.OperatorSessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "sessions_project.console.RefusesUnusableQueries",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
ROOT_URLCONF = "sessions_project.urls"
LOGIN_URL = "/admin/login/"
WSGI_APPLICATION = "sessions_project.wsgi.application"
APPEND_SLASH = False  # a redirect would lose the body of a POST
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # serves files of the packages, so collectstatic is not needed
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


# Databases and cache


def _synchronous() -> str:
    """FULL writes each commit to disk before it is acknowledged. NORMAL may lose the last ones in a power failure."""
    mode: str = env.str("GATEPASS_SQLITE_SYNCHRONOUS", default="FULL").upper()
    if mode not in ("FULL", "NORMAL"):
        raise ImproperlyConfigured(f"GATEPASS_SQLITE_SYNCHRONOUS must be FULL or NORMAL, not {mode!r}.")
    return mode


def _bounded(database: dict[str, object]) -> dict[str, object]:
    """Return the database settings. In a web process, use the backend with timeouts."""
    kind = str(database["ENGINE"]).removeprefix("django.db.backends.")
    if not GATEPASS_DATABASE_TIMEOUT or kind not in ("postgresql", "sqlite3"):
        return database
    return database | {"ENGINE": f"sessions_project.backends.{kind}"}


def _database() -> dict[str, object]:
    database: dict[str, object] = env.db("DATABASE_URL", default=f"sqlite:///{GATEPASS_DATA / 'gatepass.sqlite3'}")
    if "ENGINE" not in database:
        raise ImproperlyConfigured("DATABASE_URL must look like postgres://user:password@host:5432/name.")
    kept = _bounded(database) | {"CONN_MAX_AGE": None}  # each thread keeps one connection, so a pool is not needed
    if database["ENGINE"] != "django.db.backends.sqlite3":
        given: Any = database.get("OPTIONS", {})  # from the query of the URL
        return kept | {"CONN_HEALTH_CHECKS": True, "OPTIONS": _prepared() | given}
    if "DATABASE_URL" not in os.environ:
        GATEPASS_DATA.mkdir(mode=0o700, parents=True, exist_ok=True)
    return kept | {
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",  # a writer waits at BEGIN instead of failing at its first write
            "timeout": GATEPASS_DATABASE_TIMEOUT or 20,  # seconds of that wait
            "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={_synchronous()}",
        },
        # A file, because tests use it from several threads.
        "TEST": {"NAME": f"{database['NAME']}.test"},
    }


def _prepared() -> dict[str, object]:
    """Return options that prepare a statement at its third run, so that PostgreSQL parses and plans it once a
    connection. Not for commands: a prepared statement has a limited number of parameters."""
    is_on = _flag("GATEPASS_PREPARED_STATEMENTS", default=True) and GATEPASS_DATABASE_TIMEOUT
    return {"server_side_binding": True, "prepare_threshold": 3} if is_on else {}


# The DATABASE_URL of `dev.py run`, so that other commands on its data use the same database.
if "DATABASE_URL" not in os.environ and (_saved_url := secrets_file.read(GATEPASS_SECRETS).get("DATABASE_URL")):
    os.environ["DATABASE_URL"] = _saved_url

DATABASES = {"default": _database()}
refuse_lost(DATABASES["default"])

if _redis := env.str("REDIS_URL", default=""):
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": _redis,
            # Seconds. The server works without the cache, so it must not wait long for it.
            "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
        }
    }


# Security

DEBUG = _flag("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]", _public.hostname])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[f"{_public.scheme}://{_public.netloc}"])
GATEPASS_SECURE = _flag("GATEPASS_SECURE", default=_public.scheme == "https")

SESSION_ENGINE = "sessions_project.console_sessions"
SESSION_COOKIE_AGE = 12 * 3600  # as long as a user session of an operator
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = GATEPASS_SECURE
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# The proxy that terminates TLS sets the header. Only the proxy can reach this server, which listens on 127.0.0.1.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if GATEPASS_SECURE else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if GATEPASS_SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False  # other subdomains are not part of this server
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # see SECURE_HSTS_INCLUDE_SUBDOMAINS
    "security.W008",  # no redirect to HTTPS: a credential sent over plain HTTP should fail
    "security.W021",  # see SECURE_HSTS_PRELOAD
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

# To stderr: paths and statuses only, never headers or bodies, so that logs contain no credentials.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "django.request": {"level": "ERROR"},  # do not log refused requests
    },
}
