"""The pages about installation and configuration are correct: their tables match, and their code runs."""

import re
import shutil
import subprocess
import sys
from textwrap import indent

import pytest

from client_sessions.conf import ClientSessionsSettings
from sessions_core.conf import AppSettings, CoreSettings
from sessions_project.sandbox import make_sandbox
from tests.embedded import embedded
from tests.hosts import migrate, run
from tests.pages import DOCS, blocks, run_bash, table
from user_sessions.conf import UserSessionsSettings

ROOT = DOCS.parent
PACKAGES = ["sessions_core", "client_sessions", "user_sessions"]


def test_every_setting_is_documented():
    apps: list[type[AppSettings]] = [CoreSettings, ClientSessionsSettings, UserSessionsSettings]
    assert {setting for setting, *_ in table("install.md", "Settings")} == {
        f'{app.name}["{key}"]' for app in apps for key in app.setting_names()
    }


def test_every_check_is_documented():
    source = "".join(file.read_text() for app in PACKAGES for file in (ROOT / app).rglob("*checks.py"))
    raised = re.findall(r'id="(\w+\.[EW]\d+)"', source)
    assert raised
    assert {check for check, _ in table("install.md", "Checks")} == set(raised)


def test_every_environment_variable_is_documented():
    source = (ROOT / "sessions_project" / "settings.py").read_text()
    named = [r'(?:env\.\w+|_number|_flag|_rates)\(\s*"([A-Z_]+)"', r'_secret\["([A-Z_]+)"\]']
    read = {name for pattern in named for name in re.findall(pattern, source)}
    assert {variable for variable, *_ in table("configuration.md", "Environment variables")} == read


def test_every_variable_and_setting_that_the_page_about_scaling_names_exists():
    page = (DOCS / "scaling.md").read_text()
    variables = {variable for variable, *_ in table("configuration.md", "Environment variables")}
    settings = {setting for setting, *_ in table("install.md", "Settings")}
    assert set(re.findall(r"\b(?:GATEPASS_|REDIS_|SECRET_|DATABASE_)[A-Z_]+\b", page)) <= variables
    assert set(re.findall(r'\w+\["[A-Z_]+"\]', page)) <= settings
    words = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", page)) - variables
    assert words <= set(re.findall(r'"(\w+)"', "".join(settings)))


def test_every_check_of_the_reference_server_is_documented():
    raised = re.findall(r'id="(\w+\.[EW]\d+)"', (ROOT / "sessions_project" / "checks.py").read_text())
    assert {check for check, _ in table("configuration.md", "Checks before a live start")} == set(raised) != set()


ASK = """
import django, json, sys
django.setup()
from django.test import Client
for path in ("/client_sessions/create", "/v1/jwks"):
    ask = Client(headers={"authorization": "Bearer " + sys.argv[1], "host": "localhost"})
    answer = ask.post(path, {}, "application/json") if "create" in path else ask.get(path)
    print(answer.status_code, json.loads(answer.content).keys())
"""


@embedded
def test_a_django_project_installs_it_as_the_page_says(host):
    (commands,) = blocks("install.md", "bash")
    printed = run(host, "bash", "-ec", commands.replace("python ", f"{sys.executable} "))
    api_key = printed.split()[-1]
    run(host, sys.executable, "manage.py", "check", "--database", "default", "--fail-level", "WARNING")
    answers = run(host, sys.executable, "-W", "ignore", "-c", ASK, api_key)
    assert answers == "200 dict_keys(['client_session', 'ok'])\n200 dict_keys(['keys'])\n"


# Commands in one process, because every start of Python and Django costs more than most of them.
MANAGE = """
from contextlib import nullcontext, suppress
from django.core.management import execute_from_command_line
for words in (
    "migrate -v0", "makemigrations --check --dry-run", "workspace create --help", "workspace create Mine",
    "sessions stats", "sessions list --help",
):
    with suppress(SystemExit) if "--help" in words else nullcontext():
        execute_from_command_line(["manage.py", *words.split()])
    print("end of a command")
"""


@embedded
@pytest.mark.parametrize("app", ["client_sessions", "user_sessions"])
def test_each_app_works_without_the_other(host, app):
    other = {"client_sessions": "user_sessions", "user_sessions": "client_sessions"}[app]
    for name in ("settings", "urls"):
        file = host / "host" / f"{name}.py"
        file.write_text("\n".join(line for line in file.read_text().splitlines() if other not in line))
    printed = run(host, sys.executable, "-W", "ignore", "-c", MANAGE).split("end of a command\n")
    assert ("--frontend-api" in printed[2]) == (app == "user_sessions")
    assert f"{{{app}}}" in printed[5]


README = "../README.md"
LOCAL = "http://127.0.0.1:8000"


@pytest.fixture
def given(live_server) -> dict[str, str]:
    """Return the variables that the README expects, which a first run prints."""
    sandbox = make_sandbox()
    account_id, *_ = sandbox.connected_account_ids
    return {
        "URL": live_server.url,
        "API_KEY": sandbox.api_key or "",
        "ACCOUNT_ID": str(account_id),
        "USER_ID": sandbox.users[0].id,
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("block", blocks(README, "python", under="Use the vendors' SDKs"))
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
def test_a_project_model_is_guarded_as_the_page_says(host):
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
    migrate(host, adds_apps=True)
    run(host, sys.executable, "manage.py", "check")
    script = "\nask()\n".join([REACH + opening, granting, revoking, ""])
    assert run(host, sys.executable, "-W", "ignore", "-c", script).splitlines() == [
        "[{'id': 1}] {'doors': [1]}",
        "[{'id': 1}, {'id': 2}] {'doors': [1]}",
        "[{'id': 2}] {'doors': []}",
    ]
