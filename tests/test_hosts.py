"""Host projects that differ from the reference server."""

import sys
from pathlib import Path

import pytest

from tests.embedded import apart
from tests.hosts import migrate, run

pytestmark = apart

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
from user_sessions.models import Ticket, UserSession, UserSessionPolicy
from user_sessions.tokens.ticket_tokens import ticket_token

here = Workspace.objects.create(name="Mine", is_sandbox=True)
UserSessionPolicy.objects.create(workspace=here, frontend_api="http://localhost")
ticket = Ticket.objects.issue(here, User.objects.create(username="ann"), actor="test", lifetime=timedelta(hours=1))

def sign_in():
    asked = {"strategy": "ticket", "ticket": ticket_token(ticket, at=timezone.now())}
    page = Client(raise_request_exception=False, headers={"host": "localhost", "origin": "http://localhost"})
    status = page.post("/v1/client/sign_ins", urlencode(asked),
                       "application/x-www-form-urlencoded").status_code
    ticket.refresh_from_db()
    print(status, UserSession.objects.count(), ticket.status)

def fail(**received):
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
from user_sessions.models import UserSessionPolicy

here = Workspace.objects.create(name="Mine", is_sandbox=True)
UserSessionPolicy.objects.create(workspace=here, frontend_api="http://localhost")
WebhookEndpoint.objects.add(here, "http://127.0.0.1:9/", actor="test")
"""


@pytest.fixture
def routed(host: Path) -> Path:
    """Return a project with all tables in a database other than ``default``."""
    with (host / "host" / "settings.py").open("a") as settings:
        settings.write(ROUTED)
    migrate(host, "people.sqlite3")
    return host


def test_in_a_routed_database_a_sign_in_is_atomic(routed):
    printed = run(routed, sys.executable, "-W", "ignore", "-c", SIGN_IN)
    assert printed.splitlines() == ["500 0 pending", "200 1 accepted"]


def test_in_a_routed_database_secrets_are_reencrypted(routed):
    run(routed, sys.executable, "-W", "ignore", "-c", SEAL)
    settings = routed / "host" / "settings.py"
    settings.write_text(settings.read_text().replace('"ENCRYPTION_KEYS": [', '"ENCRYPTION_KEYS": ["n" * 40, '))
    printed = run(routed, sys.executable, "manage.py", "reencrypt")
    assert "sessions_core.WebhookEndpoint.sealed_secret: 1 re-encrypted" in printed


PERSON = """
import uuid
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone

class Person(AbstractBaseUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    handle = models.CharField(max_length=40, unique=True)
    banned_until = models.DateTimeField(null=True)
    last_login = None
    USERNAME_FIELD = "handle"
    objects = BaseUserManager()

    @property
    def is_active(self):
        return self.banned_until is None or self.banned_until < timezone.now()
"""

BANNED = """
import django, sys
django.setup()
from datetime import timedelta
from django.test import Client
from django.utils import timezone
from people.models import Person
from sessions_core.models import ApiKey, Workspace
from user_sessions.models import Definition, JwtTemplate, UserSession, UserSessionPolicy

here = Workspace.objects.create(name="Mine", is_sandbox=True)
UserSessionPolicy.objects.create(workspace=here, frontend_api="http://localhost")
JwtTemplate.objects.define(here, Definition(name="t1", claims={}), actor="test")
session = UserSession.objects.start(here, Person.objects.create(handle="ann"), actor="test")
key = ApiKey.objects.issue(here, name="a backend", actor="test")[1]
backend = Client(headers={"host": "localhost", "authorization": f"Bearer {key}"})

def received():
    paths = [f"/v1/sessions/{session.pk}/tokens{of}" for of in ("", "/t1")]
    return [backend.post(path, content_type="application/json").status_code for path in paths]

print(received())
Person.objects.update(banned_until=timezone.now() + timedelta(days=1))
print(received())
"""


@pytest.fixture
def of_people(host: Path) -> Path:
    """Return a project with another user model, without a column ``is_active``."""
    (host / "people").mkdir()
    (host / "people" / "models.py").write_text(PERSON)
    settings = host / "host" / "settings.py"
    shown = (
        settings.read_text()
        .replace('"django.contrib.admin",', '"people",')
        .replace("'django.contrib.admin',", "'people',")
    )
    settings.write_text(f'{shown}\nAUTH_USER_MODEL = "people.Person"\nALLOWED_HOSTS = ["*"]\n')
    urls = host / "host" / "urls.py"
    urls.write_text("".join(line for line in urls.read_text().splitlines(keepends=True) if "admin" not in line))
    run(host, sys.executable, "manage.py", "makemigrations", "-v0", "people")
    run(host, sys.executable, "manage.py", "migrate", "-v0")
    return host


def test_a_user_with_a_computed_is_active_of_false_gets_no_token(of_people):
    printed = run(of_people, sys.executable, "-W", "ignore", "-c", BANNED)
    assert printed.splitlines() == ["[200, 200]", "[404, 404]"]


COPIED = """
import django
django.setup()
from django.contrib.auth.models import User
from sessions_core.models import Workspace
from user_sessions.models import UserSession, UserSessionPolicy

here = Workspace.objects.create(name="Mine", is_sandbox=True)
UserSessionPolicy.objects.create(workspace=here, frontend_api="http://localhost")
ann = User.objects.create(username="ann")
session = UserSession.objects.start(here, ann, actor="test")
ann.is_active = False
ann.save(using="archive")
ann.save(using="archive")
print(User.objects.using("archive").get().is_active, UserSession.objects.get(pk=session.pk).status)
"""


def test_saving_a_copy_of_a_user_in_another_database_signs_no_one_out(host):
    with (host / "host" / "settings.py").open("a") as settings:
        settings.write('\nDATABASES["archive"] = DATABASES["default"] | {"NAME": BASE_DIR / "archive.sqlite3"}\n')
    for database in ("db.sqlite3", "archive.sqlite3"):
        migrate(host, database)
    assert run(host, sys.executable, "-W", "ignore", "-c", COPIED) == "False active\n"


OWN_ROUTE = """
from django.http import HttpResponse
urlpatterns += [path("v1/orders/7", lambda request: HttpResponse("of the host"))]
"""

ASKED = """
import django
django.setup()
from django.test import Client
here = Client(headers={"host": "localhost"})
print(here.get("/v1/orders/7").content.decode(), here.get("/v1/sessions/x/unknown").status_code)
"""


def test_a_host_route_below_v1_still_works(host):
    with (host / "host" / "urls.py").open("a") as urls:
        urls.write(OWN_ROUTE)
    migrate(host)
    assert run(host, sys.executable, "-W", "ignore", "-c", ASKED) == "of the host 401\n"
