"""The pages about installing and configuring say what is true: their tables are compared, their code is run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest

from client_sessions.conf import ClientSessionsSettings
from sessions_core.conf import AppSettings, CoreSettings
from sessions_project.bootstrap import bootstrap
from tests.embedded import embedded
from tests.pages import DOCS, blocks, run_bash, table
from user_sessions.conf import UserSessionsSettings

ROOT = DOCS.parent
PACKAGES = ["sessions_core", "client_sessions", "user_sessions"]


def test_every_setting_is_documented():
    apps: list[type[AppSettings]] = [CoreSettings, ClientSessionsSettings, UserSessionsSettings]
    assert {setting for setting, *_ in table("install.md", "Settings")} == {
        f'{app.name}["{key}"]' for app in apps for key in app.known()
    }


def test_every_check_is_documented():
    source = "".join((ROOT / app / "checks.py").read_text() for app in PACKAGES)
    raised = re.findall(r'id="(\w+\.[EW]\d+)"', source)
    assert raised
    assert {check for check, _ in table("install.md", "Checks")} == set(raised)


def test_every_environment_variable_is_documented():
    source = (ROOT / "sessions_project" / "settings.py").read_text()
    named = [r'(?:env\.\w+|_number|_rates)\(\s*"([A-Z_]+)"', r'_secret\["([A-Z_]+)"\]']
    read = {name for pattern in named for name in re.findall(pattern, source)}
    assert {variable for variable, *_ in table("configuration.md", "Environment variables")} == read


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A project of somebody else, with the page's lines in its settings and its routes."""
    settings, urls = blocks("install.md", "python")[:2]
    run(tmp_path, sys.executable, "-m", "django", "startproject", "host", ".")
    for name, lines in (("settings", settings), ("urls", urls)):
        with (tmp_path / "host" / f"{name}.py").open("a") as file:
            file.write(lines)
    return tmp_path


def run(project: Path, *command: str) -> str:
    keys = {"TOKEN_KEY": "t" * 40, "ENCRYPTION_KEY": "e" * 40, "DJANGO_SETTINGS_MODULE": "host.settings"}
    if not (project / "host").exists():
        del keys["DJANGO_SETTINGS_MODULE"]
    environment = os.environ | keys | {"PYTHONPATH": f"{ROOT}{os.pathsep}{project}"}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


ASK = """
import django, json, sys
django.setup()
from django.test import Client
for path in ("/passes/client_sessions/create", "/v1/jwks"):
    ask = Client(headers={"authorization": "Bearer " + sys.argv[1], "host": "localhost"})
    answer = ask.post(path, {}, "application/json") if "create" in path else ask.get(path)
    print(answer.status_code, json.loads(answer.content).keys())
"""


@embedded
def test_a_django_project_installs_it_as_the_page_says(host):
    (commands,) = blocks("install.md", "bash")
    printed = [run(host, "bash", "-c", line.replace("python ", f"{sys.executable} ")) for line in commands.splitlines()]
    api_key = printed[-1].strip()
    run(host, sys.executable, "manage.py", "check", "--database", "default", "--fail-level", "WARNING")
    answers = run(host, sys.executable, "-W", "ignore", "-c", ASK, api_key)
    assert answers == "200 dict_keys(['client_session', 'ok'])\n200 dict_keys(['keys'])\n"


@embedded
@pytest.mark.parametrize("app", ["client_sessions", "user_sessions"])
def test_each_app_works_without_the_other(host, app):
    other = {"client_sessions": "user_sessions", "user_sessions": "client_sessions"}[app]
    settings = host / "host" / "settings.py"
    settings.write_text(settings.read_text().replace(f', "{other}"', ""))
    urls = host / "host" / "urls.py"
    urls.write_text("\n".join(line for line in urls.read_text().splitlines() if other not in line))
    run(host, sys.executable, "manage.py", "migrate", "-v0")
    run(host, sys.executable, "manage.py", "makemigrations", "--check", "--dry-run")


ROUTED = """
DATABASES["people"] = DATABASES["default"] | {"NAME": BASE_DIR / "people.sqlite3"}
DATABASE_ROUTERS = ["host.settings.Router"]
ALLOWED_HOSTS = ["*"]

class Router:
    def db_for_read(self, model, **hints):
        return "people"

    db_for_write = db_for_read

    def allow_migrate(self, database, app_label, **hints):
        return database == "people"
"""

SIGN_IN = """
import django
django.setup()
from datetime import timedelta
from urllib.parse import urlencode
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.test import Client
from django.utils import timezone
from sessions_core.models import Event, Workspace
from user_sessions.models import Ticket, UserSession
from user_sessions.tokens import ticket_token

here = Workspace.objects.create(name="Mine", is_sandbox=True, frontend_api="http://localhost")
ticket = Ticket.objects.issue(here, User.objects.create(username="ann"), by="test", lifetime=timedelta(hours=1))

def sign_in():
    asked = {"strategy": "ticket", "ticket": ticket_token(ticket, at=timezone.now())}
    page = Client(raise_request_exception=False, headers={"host": "localhost", "origin": "http://localhost"})
    status = page.post("/v1/client/sign_ins", urlencode(asked),
                       "application/x-www-form-urlencoded").status_code
    ticket.refresh_from_db()
    print(status, UserSession.objects.count(), ticket.status)

def fail(**told):
    raise RuntimeError

user_logged_in.connect(fail)
sign_in()
user_logged_in.disconnect(fail)
sign_in()
"""


SEAL = """
import django
django.setup()
from sessions_core.models import WebhookEndpoint, Workspace

here = Workspace.objects.create(name="Mine", is_sandbox=True, frontend_api="http://localhost")
WebhookEndpoint.objects.add(here, "http://127.0.0.1:9/", by="test")
"""


@pytest.fixture
def routed(host: Path) -> Path:
    """The same, all of whose tables are in a database that is not called default."""
    with (host / "host" / "settings.py").open("a") as settings:
        settings.write(ROUTED)
    run(host, sys.executable, "manage.py", "migrate", "-v0", "--database", "people")
    return host


@embedded
def test_in_a_database_that_a_router_chose_a_sign_in_is_whole_or_never_was(routed):
    printed = run(routed, sys.executable, "-W", "ignore", "-c", SIGN_IN)
    assert printed.splitlines() == ["500 0 pending", "200 1 accepted"]


@embedded
def test_in_a_database_that_a_router_chose_secrets_are_sealed_anew(routed):
    run(routed, sys.executable, "-W", "ignore", "-c", SEAL)
    settings = routed / "host" / "settings.py"
    settings.write_text(settings.read_text().replace('"ENCRYPTION_KEYS": [', '"ENCRYPTION_KEYS": ["n" * 40, '))
    printed = run(routed, sys.executable, "manage.py", "reencrypt")
    assert "sessions_core.WebhookEndpoint.sealed_secret: 1 encrypted anew" in printed


README = "../README.md"
LOCAL = "http://127.0.0.1:8000"


@pytest.fixture
def given(live_server) -> dict[str, str]:
    """What the README says the reader has: what a first run prints."""
    sandbox = bootstrap()
    account_id, *_ = sandbox.connected_account_ids
    return {
        "URL": live_server.url,
        "API_KEY": sandbox.api_key or "",
        "ACCOUNT_ID": str(account_id),
        "USER_ID": sandbox.users[0].id,
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("block", blocks(README, "python"))
def test_the_readmes_python_works(given, block):
    names = "".join(f"{name} = {value!r}\n" for name, value in given.items())
    done = subprocess.run(
        [sys.executable, "-c", names + block.replace(LOCAL, given["URL"])], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("seam_cst1", "{'iss'"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not shutil.which("curl"), reason="the README's commands are curl's, which is not installed here")
def test_the_readmes_commands_work(given):
    printed = run_bash(README, given, local=LOCAL)
    assert [part in printed for part in ('"token":"seam_cst1', '"object":"session"', '"keys":[')] == [True] * 3


MODELS = """
from django.db import models

class Building(models.Model):
    workspace = models.ForeignKey("sessions_core.Workspace", on_delete=models.CASCADE)

class Door(models.Model):
    building = models.ForeignKey(Building, on_delete=models.CASCADE)
"""
APPS = """
from django.apps import AppConfig

class CampusConfig(AppConfig):
    name = "campus"

    def ready(self):
        from campus.models import Building, Door
"""
VIEWS = """
from campus.models import Door
from django.urls import path
from rest_framework.serializers import ModelSerializer

class DoorSerializer(ModelSerializer):
    class Meta:
        model = Door
        fields = ["id"]
"""
ROUTES = """

urlpatterns = [path("api/doors", Doors.as_view({"get": "list"})), path("plain/doors", doors)]
"""
REACH = """
import django
django.setup()
from datetime import timedelta
from campus.models import Building, Door
from django.test import Client
from django.utils import timezone
from sessions_core.models import Workspace
workspace = Workspace.objects.create(name="Campus")
building, other = (Building.objects.create(workspace=workspace) for _ in "ab")
_, door = [Door.objects.create(building=each) for each in (building, other)]
tomorrow = timezone.now() + timedelta(days=1)

def ask():
    browser = Client(headers={"authorization": "Bearer " + session.token, "host": "localhost"})
    print(browser.get("/api/doors").json(), browser.get("/plain/doors").json())

"""


@embedded
def test_a_model_of_the_projects_own_is_guarded_as_the_page_says(host):
    register, verbs, rest, plain = blocks("guarding.md", "python")
    opening, granting, revoking = verbs.strip().rsplit("\n", 2)
    (host / "campus").mkdir()
    (host / "campus" / "__init__.py").touch()
    (host / "campus" / "models.py").write_text(MODELS)
    (host / "campus" / "views.py").write_text(VIEWS + rest + plain + ROUTES)
    (host / "campus" / "apps.py").write_text(APPS + indent(register, " " * 8))
    with (host / "host" / "settings.py").open("a") as settings:
        settings.write('INSTALLED_APPS += ["campus"]\n')
    with (host / "host" / "urls.py").open("a") as urls:
        urls.write('urlpatterns += [path("", include("campus.views"))]\n')
    run(host, sys.executable, "manage.py", "makemigrations", "campus", "-v0")
    run(host, sys.executable, "manage.py", "migrate", "-v0")
    run(host, sys.executable, "manage.py", "check")
    script = "\nask()\n".join([REACH + opening, granting, revoking, ""])
    assert run(host, sys.executable, "-W", "ignore", "-c", script).splitlines() == [
        "[{'id': 1}] {'doors': [1]}",
        "[{'id': 1}, {'id': 2}] {'doors': [1]}",
        "[{'id': 2}] {'doors': []}",
    ]
