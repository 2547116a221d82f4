"""An API key with scopes uses only the routes of its scopes. The table of routes has the scope of each action."""

import pytest
from django.apps import apps

from client_sessions.models import ClientSession
from sessions_core.api_key_scopes import registered_scopes
from sessions_core.models import ApiKey, Event
from tests.callers import bearer
from tests.client_sessions.test_routes import ROUTES

CALLS = [pytest.param(route, method, id=f"{method} {route.path}") for route in ROUTES for method in route.actions]
APPS = ["client_sessions", "client_sessions_devices"]


def caller(workspace, *scopes):
    return bearer(ApiKey.objects.issue(workspace, name="cron", actor="test", scopes=scopes)[1])


@pytest.fixture
def given(workspace, home):
    """Return a parameter for each id; a route ignores those of other routes."""
    wanted = {"connected_account": [home.a2]}
    session = ClientSession.objects.start(workspace, actor="test", user_identifier_key="u1", wanted=wanted)
    ids = {"device_id": home.d1, "user_identity_id": home.identity, "connect_webview_id": home.webview}
    return ids | {"client_session_id": str(session.pk), "connected_account_id": home.a1}


def ask(key, method, route, given):
    query = "?" + "&".join(f"{name}={value}" for name, value in given.items())
    return key.request(method, route.path, query=query) if method == "GET" else key.request(method, route.path, given)


def everything():
    models = [Event, *(model for app in APPS for model in apps.get_app_config(app).get_models())]
    return {model.__name__: list(model._base_manager.order_by("pk").values()) for model in models}


@pytest.mark.wire("S137")
@pytest.mark.parametrize(("route", "method"), CALLS)
def test_a_key_without_the_scope_of_a_route_learns_and_changes_nothing(workspace, given, route, method):
    refused = caller(workspace, *(registered_scopes().keys() - {route.scopes[route.actions[method]]}))
    before, unknown = everything(), dict.fromkeys(given, "00000000-0000-0000-0000-000000000000")
    answers = [ask(refused, method, route, parameters) for parameters in (given, unknown)]
    assert [(answer.status_code, answer.error) for answer in answers] == [(403, "insufficient_scope")] * 2
    assert len({answer.json()["error"]["message"] for answer in answers}) == 1
    assert everything() == before


@pytest.mark.parametrize(("route", "method"), CALLS)
def test_a_key_with_only_the_scope_of_a_route_is_answered_like_a_key_with_all(workspace, backend, given, route, method):
    allowed = caller(workspace, route.scopes[route.actions[method]])
    assert ask(allowed, method, route, given).status_code in (200, 400)


def test_a_key_that_reads_opens_no_session_and_one_that_writes_lists_none(workspace):
    reader, writer = (caller(workspace, f"client_sessions:{kind}") for kind in ("read", "write"))
    assert writer.post("client_sessions/create", user_identifier_key="u1").status_code == 200
    assert reader.post("client_sessions/create", user_identifier_key="u2").error == "insufficient_scope"
    assert len(reader.get("client_sessions/list").json()["client_sessions"]) == 1
    assert writer.get("client_sessions/list").error == "insufficient_scope"


def test_scopes_apply_to_api_keys_only(workspace, given):
    session = ClientSession.objects.get(pk=given["client_session_id"])
    assert bearer(session.token).get("devices/list").status_code == 200


def test_refused_requests_count_against_the_rate_limit(workspace, settings):
    settings.CLIENT_SESSIONS = {**settings.CLIENT_SESSIONS, "RATES": {"api_key": "2/minute"}}
    writer = caller(workspace, "client_sessions:write")
    assert [writer.get("client_sessions/list").status_code for _ in range(3)] == [403, 403, 429]
