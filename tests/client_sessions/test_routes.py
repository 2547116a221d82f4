"""The table of routes defines the authorisation: every route is tested with every kind of credential."""

import pytest
from django.urls import URLPattern, get_resolver

from client_sessions.devices.urls import ROUTES as DEVICE_ROUTES
from client_sessions.models import ClientSession, PersonalAccessToken
from client_sessions.models.personal_access_tokens import PERSONAL_ACCESS_TOKEN, UNSCOPED_ACCESS_TOKEN
from client_sessions.models.sessions import CLIENT_SESSION
from client_sessions.seam.routes import ROUTES as SESSION_ROUTES
from sessions_core.credentials import API_KEY, PUBLISHABLE_KEY
from tests.callers import Caller, bearer

ROUTES = [*SESSION_ROUTES, *DEVICE_ROUTES]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"]


@pytest.fixture
def callers(api_key, publishable_key, workspace, django_user_model) -> dict[str | None, Caller]:
    session = ClientSession.objects.start(workspace, actor="test")
    person = django_user_model.objects.create(username="person")
    token = PersonalAccessToken.objects.issue(person, [workspace], name="laptop", actor="test")[1]
    return {
        None: Caller(),
        API_KEY: bearer(api_key),
        PUBLISHABLE_KEY: Caller(**{"seam-publishable-key": publishable_key}),
        PERSONAL_ACCESS_TOKEN: Caller(**{"authorization": f"Bearer {token}", "seam-workspace": str(workspace.pk)}),
        UNSCOPED_ACCESS_TOKEN: bearer(token),
        CLIENT_SESSION: bearer(session.token),
    }


CREDENTIALS = [
    None,
    API_KEY,
    PUBLISHABLE_KEY,
    PERSONAL_ACCESS_TOKEN,
    UNSCOPED_ACCESS_TOKEN,
    CLIENT_SESSION,
]


@pytest.mark.parametrize("credential", CREDENTIALS)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_route_accepts_only_the_credentials_in_its_row(callers, route, credential):
    for method in route.actions:
        response = callers[credential].request(method, route.path, None if method == "GET" else {})
        refused = response.status_code == 401 and response.error == "unauthorized"
        assert refused != (credential in route.open_to)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_route_accepts_only_the_methods_in_its_row(callers, route):
    insider = callers[route.open_to[0]]
    taken = [method for method in METHODS if insider.request(method, route.path).status_code != 405]
    assert taken == [method for method in METHODS if method in route.actions]


def patterns(resolver, prefix: str = "") -> list[str]:
    found = []
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        found += [path] if isinstance(entry, URLPattern) else patterns(entry, path)
    return found


def test_every_route_of_this_api_has_a_row():
    outside = ("admin/", "v1/", ".well-known/", "reauthenticate/")
    pages = {"", "health", "ready", "browser_sdk/<path:path>", "connect/<uuid:webview_id>/<str:signature>"}
    assert {path for path in patterns(get_resolver()) if not path.startswith(outside)} - pages == {
        route.path for route in ROUTES
    }


@pytest.mark.wire("S134")
@pytest.mark.parametrize(
    "path", ["client_sessions/get/", "/client_sessions/get", "client_sessions//get", "Client_Sessions/get", "x/../v2"]
)
def test_a_path_has_one_spelling(callers, path):
    response = callers[API_KEY].get(path)
    assert (response.status_code, response.error) == (404, "not_found")


@pytest.mark.wire("S135")
def test_no_header_overrides_the_method(callers):
    override = {"x-http-method-override": "DELETE", "x-method-override": "DELETE"}
    response = callers[API_KEY].request("GET", "client_sessions/delete", **override)
    assert response.status_code == 405
