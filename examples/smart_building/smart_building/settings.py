"""Settings of a project that protects its own models with Gatepass. It runs on 127.0.0.1 only."""

import os
import secrets
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("GATEPASS_DATA") or BASE_DIR / "var")
DATA.mkdir(mode=0o700, parents=True, exist_ok=True)


def _key(name: str) -> str:
    """Return a key, generated on the first run. In production, store keys apart from the database."""
    file = DATA / name
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(32))
    return file.read_text()


SECRET_KEY = _key("secret_key")
SESSIONS_CORE = {"TOKEN_KEYS": [_key("token_key")], "ENCRYPTION_KEYS": [_key("encryption_key")]}

DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.staticfiles",
    "django_filters",
    "rest_framework",
    "sessions_core",
    "client_sessions",
    "building",
]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "smart_building.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
STATIC_URL = "static/"
APPEND_SLASH = False
DATABASES = {"default": environ.Env().db("DATABASE_URL", default=f"sqlite:///{DATA / 'smart_building.sqlite3'}")}
if "sqlite3" in DATABASES["default"]["ENGINE"]:
    DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 20}
    DATABASES["default"]["TEST"] = {"NAME": str(DATA / "test.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TIME_ZONE = "UTC"
USE_TZ = True
