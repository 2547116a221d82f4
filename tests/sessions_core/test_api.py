"""What a host's settings and a failing database change in an API: nothing, and a clear answer."""

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from rest_framework.request import Request
from rest_framework.response import Response

from client_sessions.api import ScopedView
from sessions_core.models import Workspace
from user_sessions.backend_api.api import BackendView


class Locked:
    """A view whose action finds the database locked."""

    authentication_classes = ()
    permission_classes = ()

    def act(self, request: Request) -> Response:
        raise OperationalError("database is locked")


class LockedScopedView(Locked, ScopedView):
    pass


class LockedBackendView(Locked, BackendView):
    pass


@pytest.mark.parametrize("view", [LockedScopedView, LockedBackendView])
def test_a_locked_database_is_a_503_in_the_dialect(rf: RequestFactory, view: Any):
    response = view.as_view({"get": "act"})(rf.get("/"))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    response.render()
    assert b"service_unavailable" in response.content
    assert b"database is locked" not in response.content


@pytest.mark.parametrize("view", [ScopedView, BackendView])
def test_a_view_that_no_route_opened_is_closed(rf: RequestFactory, api_key: str, view: Any):
    class Forgotten(view):
        def act(self, request: Request) -> Response:
            return Response({"reached": True})

    request = rf.get("/", headers={"authorization": f"Bearer {api_key}"})
    assert Forgotten.as_view({"get": "act"})(request).status_code == 401


HOSTILE = {
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.BrowsableAPIRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.FormParser"],
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.AnonRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"anon": "0/day"},
    "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.AcceptHeaderVersioning",
    "EXCEPTION_HANDLER": "rest_framework.views.exception_handler",
    "COMPACT_JSON": False,
    "UNAUTHENTICATED_USER": None,
}


@pytest.mark.parametrize("path", ["/client_sessions/list", "/v1/jwks", "/v1/nowhere"])
def test_a_hosts_settings_change_no_answer(client, api_key, settings, path):
    def answers() -> list[tuple[int, dict[str, str], bytes]]:
        found = []
        for headers in ({}, {"authorization": f"Bearer {api_key}", "accept": "text/html"}):
            response = client.get(path, headers=headers)
            found.append((response.status_code, response.headers["Content-Type"], sorted(response.json())))
        return found

    before = answers()
    settings.REST_FRAMEWORK = HOSTILE
    assert answers() == before
    assert {content_type for _, content_type, _ in before} == {"application/json"}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/v1/jwks", "/client_sessions/get"])
def test_a_host_that_is_not_ours_is_refused_in_the_words_of_either_dialect(client, path):
    response = client.get(path, headers={"host": "elsewhere.example.org"})
    answer = response.json()
    assert (response.status_code, answer["error"]["type"], answer["errors"][0]["code"]) == (
        400,
        "invalid_input",
        "host_invalid",
    )
    assert answer["clerk_trace_id"]


@pytest.fixture
def atomic_requests(monkeypatch):
    """The host asks Django to make every request one transaction."""
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


PATHS = ["/client_sessions/list", "/devices/list", "/v1/sessions", "/v1/client/sessions/sess_1"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", PATHS)
def test_no_request_is_one_transaction(client, atomic_requests, path):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code in (400, 401)
    assert {query["sql"] for query in queries}.isdisjoint({"COMMIT", "ROLLBACK"})


@pytest.mark.parametrize("path", PATHS)
def test_a_refusal_spoils_no_transaction_around_it(client, workspace, atomic_requests, path):
    """As every test of a host is one."""
    assert client.get(path).status_code in (400, 401)
    assert Workspace.objects.get() == workspace
