"""A secret key with scopes uses only the routes of its scopes. The table of routes has the scope of each action."""

import pytest

from sessions_core.api_key_scopes import registered_scopes
from sessions_core.http.routes import ANY_KEY
from sessions_core.models import ApiKey
from tests.callers import bearer
from tests.user_sessions.test_routes import ask, comparable, everything_of, ours, unknown_ids
from user_sessions.clerk.backend.backend_routes import ROUTES

__all__ = ["ours", "unknown_ids"]

CALLS = [
    pytest.param(route, method, id=f"{method} {route.path}")
    for route in ROUTES
    for method, action in route.actions.items()
    if route.scopes[action] != ANY_KEY
]


def caller(workspace, *scopes):
    return bearer(ApiKey.objects.issue(workspace, name="cron", actor="test", scopes=scopes)[1])


@pytest.mark.wire("C205")
@pytest.mark.parametrize(("route", "method"), CALLS)
def test_a_key_without_the_scope_of_a_route_learns_and_changes_nothing(workspace, ours, unknown_ids, route, method):
    needed = route.scopes[route.actions[method]]
    refused = caller(workspace, *(registered_scopes().keys() - {needed}))
    before = everything_of(workspace)
    answer = ask(refused, method, route, ours)
    assert (answer.status_code, answer.error) == (403, "authorization_invalid")
    assert comparable(answer, ours) == comparable(ask(refused, method, route, unknown_ids), unknown_ids)
    assert everything_of(workspace) == before


@pytest.mark.parametrize(("route", "method"), CALLS)
def test_a_key_with_only_the_scope_of_a_route_is_answered_like_a_key_with_all(workspace, backend, ours, route, method):
    allowed = ask(caller(workspace, route.scopes[route.actions[method]]), method, route, ours)
    assert allowed.status_code == 200 or allowed.error == "form_already_exists"


def test_an_unknown_path_and_a_method_that_a_route_does_not_have_are_no_matter_of_scopes(workspace):
    key = caller(workspace, "client_sessions:read")
    assert key.get("v1/sessions/x/y/z").error == key.get("v1/no/such/path").error == "resource_not_found"
    assert key.request("DELETE", "v1/sessions").status_code == 405
