"""Measure pages of a Django project with and without session tracking: ``python -m benchmarks.pages``. See README.md.

Each project has the same page of a signed-in user. Those that track sessions have a page that lists them, which is
compared with that page of plain Django. Each has Django's sessions in the database. Set ``DATABASE_URL`` to use
PostgreSQL; the database must be empty.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.load import Operation, Request, rate, wait_for
from benchmarks.packages import folder_of_django_user_sessions

ROOT = Path(__file__).parent.parent
FIRST_PORT = 8790

# The sessions of the user, on as many browsers.
SESSIONS = 21

MINE, PUBLIC, LIST = KINDS = "page of the user", "page that never looks", f"list of {SESSIONS} sessions"

PLAIN, DJANGO_USER_SESSIONS = "plain Django", "django-user-sessions"

BEFORE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]


@dataclass(frozen=True, kw_only=True)
class Project:
    """What a project adds to plain Django's settings."""

    apps: Sequence[str] = ()
    middleware: Sequence[str] = ()
    settings: str = ""
    # The path of the page that lists the user's sessions, and the module with its URLs.
    list_path: str = "/mine/"
    urls: str = ""


PROJECTS: Mapping[str, Project] = {
    PLAIN: Project(),
    "gatepass": Project(
        apps=["sessions_core", "user_sessions"],
        middleware=["user_sessions.middleware.UserSessionMiddleware"],
        list_path="/devices/",
        urls='path("devices/", include("user_sessions.pages.device_urls"))',
    ),
    "allauth usersessions": Project(
        apps=["django.contrib.humanize", "allauth", "allauth.account", "allauth.usersessions"],
        middleware=[
            "allauth.account.middleware.AccountMiddleware",
            "allauth.usersessions.middleware.UserSessionsMiddleware",
        ],
        settings="USERSESSIONS_TRACK_ACTIVITY = True",
        list_path="/accounts/sessions/",
        urls='path("accounts/", include("allauth.urls"))',
    ),
    DJANGO_USER_SESSIONS: Project(
        apps=["user_sessions"],
        settings=(
            'SESSION_ENGINE = "user_sessions.backends.db"\n'
            'MIDDLEWARE[0] = "user_sessions.middleware.SessionMiddleware"\n'
            'INSTALLED_APPS.remove("django.contrib.sessions")\n'
        ),
        list_path="/account/sessions/",
        urls='path("", include("user_sessions.urls"))',
    ),
}

SETTINGS = """
from django.conf.global_settings import *
SECRET_KEY = "benchmark" * 6
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "page"
USE_TZ = True
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {{"default": {{**{database}, "CONN_MAX_AGE": 600}}}}
SESSIONS_CORE = {{"TOKEN_KEYS": ["t" * 40], "ENCRYPTION_KEYS": ["e" * 40]}}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", *{apps}]
TEMPLATES = [{{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {{"context_processors": ["django.template.context_processors.request"]}},
}}]
MIDDLEWARE = [*{before}, *{middleware}]
{settings}
"""

PAGE = """
from django.http import HttpResponse
from django.urls import include, path
urlpatterns = [
    path("mine/", lambda request: HttpResponse(request.user.get_username())),
    path("public/", lambda request: HttpResponse("public")),
    {urls}
]
"""

PREPARE = """
import django, json, sys
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
ann = User.objects.create_user("ann")
for _ in range(int(sys.argv.pop(1))):
    client = Client(headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0 Safari/537.36"})
    client.force_login(ann)
    client.get("/mine/")
counts = {}
for path in sys.argv[1:]:
    client.get(path)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    counts[path] = len(queries)
print(json.dumps({"cookie": client.cookies["sessionid"].value, "queries": counts}))
"""

SERVE = """
import django, logging, sys
logging.getLogger("waitress.queue").setLevel(logging.ERROR)
from django.core.wsgi import get_wsgi_application
from waitress import serve
serve(get_wsgi_application(), host="127.0.0.1", port=int(sys.argv[1]), threads=2)
"""


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.pages")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="seconds of load on each page in each round")
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="gatepass-pages-") as folder, ExitStack() as servers:
        pages = {
            name: servers.enter_context(page(Path(folder) / str(port), name, port))
            for port, name in enumerate(PROJECTS, start=FIRST_PORT)
        }
        for kind in KINDS:
            report(kind, measure(pages, kind, arguments.rounds, arguments.seconds), pages)
    print(time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))


@dataclass(frozen=True, kw_only=True)
class Page:
    port: int
    cookie: str
    queries: Mapping[str, int]
    paths: Mapping[str, str]


@contextmanager
def page(folder: Path, name: str, port: int) -> Iterator[Page]:
    """Create a project, sign a user in, and serve it until the block ends."""
    folder.mkdir()
    project = PROJECTS[name]
    values = {"apps": project.apps, "before": BEFORE, "middleware": project.middleware, "settings": project.settings}
    (folder / "settings.py").write_text(SETTINGS.format(database=database(folder, port), **values))
    (folder / "page.py").write_text(PAGE.format(urls=project.urls))
    paths = {MINE: "/mine/", PUBLIC: "/public/", LIST: project.list_path}
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "settings"}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), import_path(name, folder)])
    prepared = subprocess.run(
        [sys.executable, "-c", PREPARE, str(SESSIONS), *paths.values()],
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(port)], cwd=folder, env=environment)
    try:
        wait_for(port)
        yield Page(port=port, paths=paths, **json.loads(prepared.stdout))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def import_path(name: str, folder: Path) -> str:
    """Return where the project's packages are. django-user-sessions has the module name of our app, so it gets a folder
    of its own."""
    if name != DJANGO_USER_SESSIONS:
        return str(ROOT)
    return str(folder_of_django_user_sessions(folder))


def database(folder: Path, port: int) -> dict[str, object]:
    """Return Django's settings of an empty database: a file, or a new one on the server of ``DATABASE_URL``."""
    given = urlsplit(os.environ.get("DATABASE_URL", ""))
    if not given.scheme.startswith("postgres"):
        options = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
        }
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "db.sqlite3"), "OPTIONS": options}
    import psycopg

    name = f"pages_{port}"
    with psycopg.connect(given.geturl(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        host, user, listens = connection.info.host, connection.info.user, connection.info.port
    place = {"HOST": host, "PORT": listens, "USER": user, "PASSWORD": given.password or ""}
    return {"ENGINE": "django.db.backends.postgresql", "NAME": name, **place}


def measure(pages: Mapping[str, Page], kind: str, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return the ratios to plain Django, which is measured before and after each project."""
    ratios: dict[str, list[float]] = {name: [] for name in pages}
    for _ in range(rounds):
        before = once(pages[PLAIN], kind, seconds)
        for name, each in pages.items():
            here = once(each, kind, seconds)
            after = once(pages[PLAIN], kind, seconds)
            ratios[name].append(here / ((before + after) / 2))
            before = after
    return ratios


def once(page: Page, kind: str, seconds: float) -> float:
    path = page.paths[kind]
    operation = Operation(name=path, requests=[Request("GET", path, {"Cookie": f"sessionid={page.cookie}"})])
    return rate(page.port, operation, seconds=seconds)


def report(kind: str, ratios: Mapping[str, Sequence[float]], pages: Mapping[str, Page]) -> None:
    print(f"\n{kind:<28}{'/plain':>8}{'lowest':>9}{'highest':>9}{'queries':>9}")
    for name, of in ratios.items():
        queries = pages[name].queries[pages[name].paths[kind]]
        print(f"{name:<28}{statistics.median(of):>8.2f}{min(of):>9.2f}{max(of):>9.2f}{queries:>9}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
