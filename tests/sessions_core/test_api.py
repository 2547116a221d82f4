"""A host's settings do not change API responses, and a failing database gets a clear error."""

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import InterfaceError, InternalError, OperationalError, connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from rest_framework.request import Request

from client_sessions.seam.base_view import SeamView
from sessions_core.http.caller import client_address
from sessions_core.http.responses import Response
from sessions_core.management.commands import deliver_webhooks
from sessions_core.models import Workspace
from sessions_core.webhooks.delivery import Worker
from tests.callers import Caller
from user_sessions.clerk.backend.backend_view import BackendView


def asked(view: Any, rf: RequestFactory, act: Callable[[], object]) -> Response:
    """Return the response of a view of this API whose action calls ``act``."""

    class Acting(view):
        authentication_classes = ()
        permission_classes = ()

        def act(self, request: Request) -> Response:
            return Response(act())

    answer: Response = Acting.as_view({"get": "act"})(rf.get("/"))
    return answer


def raising(error: Exception, **of_driver: str | None) -> Callable[[], object]:
    """Return a function that raises the error as Django does for a driver error with these attributes."""

    class FromDriver(Exception):
        pass

    def act() -> object:
        cause = FromDriver()
        vars(cause).update(of_driver)
        raise error from cause

    return act


AWAY = {
    "locked": raising(OperationalError("what is wrong")),
    "read only": raising(InternalError("what is wrong"), sqlstate="25006"),
    "lost by a pool": raising(InternalError("what is wrong"), sqlstate=None),
    "gone": raising(InterfaceError("what is wrong")),
}


@pytest.mark.wire("S136", "C136")
@pytest.mark.parametrize("view", [SeamView, BackendView])
@pytest.mark.parametrize("act", AWAY.values(), ids=AWAY)
def test_an_unavailable_database_is_a_503_in_the_api_format(rf: RequestFactory, view: Any, act: Any):
    response = asked(view, rf, act)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert b"service_unavailable" in response.content
    assert b"what is wrong" not in response.content


@pytest.mark.django_db
@pytest.mark.parametrize("act", AWAY.values(), ids=AWAY)
def test_the_worker_waits_until_the_database_can_serve_again(monkeypatch, act):
    turns = iter([act, lambda: None])

    def run(worker: Worker) -> None:
        turn = next(turns)
        worker.is_stopping = turn is not act
        turn()

    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(deliver_webhooks, "PAUSE", 0)
    monkeypatch.setattr(Worker, "run", run)
    call_command("deliver_webhooks")
    assert list(turns) == []


@pytest.mark.parametrize("of_driver", [{}, {"sqlstate": "25P02"}])
def test_a_programming_error_in_a_transaction_is_not_a_503(rf: RequestFactory, of_driver: dict[str, str]):
    with pytest.raises(InternalError):
        asked(BackendView, rf, raising(InternalError("what is wrong"), **of_driver))


def test_a_database_failure_during_the_cors_check_is_a_503(backend, monkeypatch):
    monkeypatch.setattr("sessions_core.http.base_view.is_allowed", lambda *_: AWAY["gone"]())
    page = {"origin": "https://app.example.com", "access_control_request_method": "GET"}
    assert backend.request("GET", "client_sessions/list", **page).status_code == 503
    assert backend.request("OPTIONS", "client_sessions/list", **page).status_code == 204


@pytest.fixture
def only_reads(transactional_db, backend) -> Iterator[Caller]:
    """Yield a backend with a read-only database, like a standby."""
    is_postgresql = connection.vendor == "postgresql"
    switch = "SET default_transaction_read_only = {}" if is_postgresql else "PRAGMA query_only = {}"
    with connection.cursor() as cursor:
        cursor.execute(switch.format("on"))
        yield backend
        cursor.execute(switch.format("off"))


def test_on_a_read_only_database_writes_are_503(only_reads):
    refused = only_reads.post("client_sessions/create")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert only_reads.get("client_sessions/list").status_code == 200


def test_a_command_reports_a_read_only_database(only_reads):
    with pytest.raises(CommandError, match="The database is not ready"):
        call_command("deliver_webhooks", "--once")


@pytest.mark.parametrize("view", [SeamView, BackendView])
def test_a_view_without_a_route_is_closed(rf: RequestFactory, api_key: str, view: Any):
    class Forgotten(view):
        def act(self, request: Request) -> Response:
            return Response({"reached": True})

    request = rf.get("/", headers={"authorization": f"Bearer {api_key}"})
    assert Forgotten.as_view({"get": "act"})(request).status_code == 401


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("192.0.2.1:40001", "192.0.2.1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[::ffff:192.0.2.1]:443", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:443", "fe80::1"),
        ("2001:db8::1:443", "2001:db8::1:443"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_an_address_is_read_without_its_port(rf: RequestFactory, written: str, address: str):
    assert client_address(rf.get("/", REMOTE_ADDR=written)) == address


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
def test_an_unknown_host_is_refused_in_the_format_of_each_api(client, path):
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
    """Enable ATOMIC_REQUESTS."""
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


PATHS = ["/client_sessions/list", "/devices/list", "/v1/sessions", "/v1/client/sessions/sess_1"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", PATHS)
def test_atomic_requests_does_not_apply_to_the_apis(client, atomic_requests, path):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code in (400, 401)
    assert {query["sql"] for query in queries}.isdisjoint({"COMMIT", "ROLLBACK"})


@pytest.mark.parametrize("path", PATHS)
def test_a_refusal_does_not_break_an_outer_transaction(client, workspace, atomic_requests, path):
    """Tests of hosts run in a transaction."""
    assert client.get(path).status_code in (400, 401)
    assert Workspace.objects.get() == workspace
