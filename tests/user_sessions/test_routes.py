"""The table of routes is the authorisation: every route is tried with every kind of credential."""

import pytest

from sessions_core.models import ApiKey
from sessions_core.permissions import API_KEY, PUBLISHABLE_KEY
from tests.callers import Caller, bearer
from user_sessions.backend_api.urls import ROUTES
from user_sessions.models import UserSession

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"]


def path_of(route, session: UserSession) -> str:
    return "v1/" + route.path.replace("<str:session_id>", session.pk).replace("<anything:rest>", "no/such/path")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_route_is_open_to_secret_keys_only(api_key, workspace, session, route):
    assert route.open_to == [API_KEY]
    publishable = ApiKey.objects.issue_publishable(workspace, name="web", by="test").publishable_key
    strangers = [Caller(), bearer(publishable), Caller(**{"seam-publishable-key": publishable}), bearer("ey.ey.x")]
    for method in route.actions:
        for stranger in strangers:
            assert stranger.request(method, path_of(route, session)).status_code == 401
        assert bearer(api_key).request(method, path_of(route, session)).status_code != 401
    assert PUBLISHABLE_KEY not in route.open_to


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_route_takes_the_methods_its_row_names(backend, session, route):
    taken = [method for method in METHODS if backend.request(method, path_of(route, session)).status_code != 405]
    assert taken == [method for method in METHODS if method in route.actions]


def test_a_revoked_key_is_refused_with_its_next_request(backend, api_key):
    assert backend.get("v1/jwks").status_code == 200
    ApiKey.objects.get().revoke(by="test")
    assert (backend.get("v1/jwks").error) == "clerk_key_invalid"
