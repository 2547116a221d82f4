"""The queries of a page, by session engine, synchronous and not: a look at user and session costs one beside it."""

import re
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import path

from sessions_core.models import Workspace
from tests.statements import inserts
from tests.user_sessions import django_project

# Queries that read the Django session. The other engines ask no database, or only after their cache.
OF_ENGINE = {"db": 1, "cache": 0, "cached_db": 0, "file": 0, "signed_cookies": 0}


def looks(request: Any, what: str) -> HttpResponse:
    if "user" in what:
        assert request.user.is_authenticated
    if "session" in what:
        assert request.user_session
    return HttpResponse()


async def looks_asynchronously(request: Any, what: str) -> HttpResponse:
    if "user" in what:
        assert (await request.auser()).is_authenticated
    if "session" in what:
        assert await request.auser_session()
    return HttpResponse()


urlpatterns = [
    *django_project.urlpatterns,
    path("sync/<what>/", looks),
    path("async/<what>/", looks_asynchronously),
]


@pytest.fixture(params=OF_ENGINE)
def of_engine(request: Any, settings: Any, tmp_path: Any, workspace: Workspace) -> int:
    """Use each engine. Return the number of queries with which it reads a session."""
    django_project.install(settings, tmp_path, urls=__name__)
    return OF_ENGINE[django_project.use_engine(settings, request.param)]


@pytest.fixture(params=["sync", "async"])
def get(request: Any, of_engine: int) -> Any:
    """Return a function that gets a page with a signed-in browser, and the queries of it."""
    ann = User.objects.create_user("ann")
    client: Any = AsyncClient() if request.param == "async" else Client()
    if request.param == "async":
        async_to_sync(client.aforce_login)(ann)
    else:
        client.force_login(ann)
    ask = async_to_sync(client.get) if request.param == "async" else client.get

    def get(what: str) -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            assert ask(f"/{request.param}/{what}/").status_code == 200
        return [each["sql"] for each in queries]

    return get


def test_a_page_that_looks_at_nothing_costs_nothing(get):
    assert get("nothing") == []


@pytest.mark.parametrize("what", ["user", "session", "user,session"])
def test_a_page_that_looks_costs_one_query_beside_the_engine(get, of_engine, what):
    queries = get(what)
    assert len(queries) == of_engine + 1, queries
    assert "user_sessions_usersession" in queries[-1] and "auth_user" in queries[-1]


def test_no_page_writes_inside_the_throttle(get):
    assert [sql for sql in get("user,session") if not sql.startswith("SELECT")] == []


def test_a_sign_in_writes_a_client_a_session_its_activity_and_an_event(of_engine, statements):
    client, ann = Client(), User.objects.create_user("ann")
    with statements() as made:
        client.force_login(ann)
    own = [sql for sql in made if "sessions_core_" in sql or "user_sessions_" in sql]
    assert [found for sql in own for found in re.findall(r'(?:FROM|INTO) "\w+', sql)] == [
        'FROM "sessions_core_workspace',
        'INTO "user_sessions_usersession',
        'FROM "user_sessions_epoch',
        'INTO "user_sessions_client',
        'INTO "user_sessions_activity',
        'INTO "sessions_core_event',
        'FROM "sessions_core_webhookendpoint',
    ]
    assert len(own) == 1 + inserts(4)
