"""Projects with other primary keys of users: sign-in, revocation and deletion on both databases."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.databases import NoPostgreSQL, postgresql
from tests.embedded import apart
from tests.hosts import run, start_project

pytestmark = apart

KEYS = {
    "uuid": ("models.UUIDField(primary_key=True, default=uuid.uuid4)", 'uuid.UUID("0123456789abcdef0123456789abcdef")'),
    "text": ("models.CharField(primary_key=True, max_length=80)", '"ann+1@example.com"'),
    "big integer": ("models.BigIntegerField(primary_key=True)", "2**62 + 5"),
}

MODELS = """
import os, uuid
from django.contrib.auth.models import AbstractUser
from django.db import models

class Person(AbstractUser):
    id = eval(os.environ["HOST_KEY"])
"""
SETTINGS = """
import os
from urllib.parse import urlsplit
INSTALLED_APPS += ["people"]
AUTH_USER_MODEL = "people.Person"
MIGRATION_MODULES = {"people": "people.migrations_" + os.environ["HOST_KIND"]}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["*"]
if url := os.environ.get("HOST_DATABASE"):
    at = urlsplit(url)
    place = {"USER": at.username, "HOST": at.hostname, "PORT": at.port, "NAME": at.path[1:]}
    DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", **place}}
else:
    DATABASES["default"]["NAME"] = BASE_DIR / (os.environ["HOST_KIND"] + ".sqlite3")
"""

LIFE = """
import django, importlib, os, uuid
django.setup()
from django.core.management import call_command
call_command("makemigrations", "people", verbosity=0)
importlib.invalidate_caches()
call_command("migrate", verbosity=0)

from urllib.parse import quote, urlencode
from django.contrib.auth import get_user_model
from django.test import Client
from sessions_core.models import ApiKey, Event, Workspace
from user_sessions.models import UserSession, UserSessionPolicy
from user_sessions.users import user_id
from user_sessions.verify.form import parse

here = Workspace.objects.create(name="Mine", is_sandbox=True)
UserSessionPolicy.objects.create(workspace=here, frontend_api="http://localhost", signing_algorithm="ES256")
users = get_user_model().objects
ann = users.create_user("ann", password="correct horse", pk=eval(os.environ["HOST_VALUE"]))
bob = users.create_user("bob", password="correct horse", pk=eval(os.environ["HOST_OTHER"]))
key = ApiKey.objects.issue(here, name="a backend", actor="test")[1]
backend = Client(headers={"host": "localhost", "authorization": f"Bearer {key}"})
id = quote(user_id(ann.pk))

def sign_in(name):
    page = Client(headers={"host": "localhost", "origin": "http://localhost"})
    form = {"strategy": "password", "identifier": name, "password": "correct horse"}
    answer = page.post("/v1/client/sign_ins", urlencode(form), "application/x-www-form-urlencoded")
    return answer.json()["response"]["created_session_id"]

def asked(path, of=None):
    answer = backend.post(path, of or {}, "application/json") if of is not None else backend.get(path)
    assert answer.status_code in (200, 404), answer.content
    return answer.json()

def listed():
    return sorted(each["status"] for each in asked(f"/v1/sessions?user_id={id}"))

def minted(session):
    return parse(asked(f"/v1/sessions/{session}/tokens", {})["jwt"]).payload["sub"]

sessions = [sign_in("ann") for _ in "abc"]
sign_in("bob")
print(minted(sessions[0]) == user_id(ann.pk) == asked(f"/v1/users/{id}")["id"], listed())
asked(f"/v1/sessions/{sessions[0]}/revoke", {})
print(listed())
asked(f"/v1/users/{id}/revoke_sessions", {"except_session_id": sessions[1]})
print(listed())
users.filter(pk=ann.pk).update(is_active=False)
print(listed())
users.filter(pk=ann.pk).update(is_active=True)
ann = users.get(pk=ann.pk)
ann.delete()
print(listed(), asked(f"/v1/users/{id}").get("errors", [{}])[0].get("code"), UserSession.objects.count())
print(Event.objects.filter(type="user_session.revoked", data__reason="user_deleted").count())
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = start_project(tmp_path_factory.mktemp("keys"))
    (folder / "people").mkdir()
    (folder / "people" / "models.py").write_text(MODELS)
    with (folder / "host" / "settings.py").open("a") as settings:
        settings.write(SETTINGS)
    return folder


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of a PostgreSQL server, or an empty string for SQLite."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(postgresql()).url if request.param == "PostgreSQL" else ""
        except NoPostgreSQL as reason:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(reason))
        yield url


@pytest.mark.parametrize("kind", KEYS)
def test_a_user_with_a_key_of_this_kind_signs_in_is_revoked_and_deleted(host, server, kind, monkeypatch):
    field, value = KEYS[kind]
    name = kind.replace(" ", "_")
    monkeypatch.setenv("HOST_KIND", name)
    monkeypatch.setenv("HOST_KEY", field)
    monkeypatch.setenv("HOST_VALUE", value)
    monkeypatch.setenv("HOST_OTHER", value.replace("1", "9").replace("5", "6"))
    if server:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        monkeypatch.setenv("HOST_DATABASE", server.removesuffix("postgres") + name)
    lines = run(host, sys.executable, "-W", "ignore", "-c", LIFE).splitlines()
    assert lines == [
        "True ['active', 'active', 'active']",
        "['active', 'active', 'revoked']",
        "['active', 'revoked', 'revoked']",
        "['revoked', 'revoked', 'revoked']",
        "[] resource_not_found 1",
        "1",
    ]
