"""A table of routes answers as its patterns one after another would, but Django need not try them."""

import pytest
from django.urls import Resolver404, URLResolver, get_resolver, path
from django.urls.resolvers import RoutePattern

from client_sessions.devices.urls import ROUTES as DEVICES
from client_sessions.seam.routes import ROUTES as SEAM
from sessions_core.http.routes import Route, RouteTable
from tests.embedded import embedded
from user_sessions.clerk.backend.backend_routes import ROUTES as BACKEND
from user_sessions.clerk.frontend.frontend_routes import ROUTES as FRONTEND

pytestmark = embedded

VALUES = ("sess_1", "verify", "active", "", "a/b", "a\n", "%2F", "x" * 300)


def paths_of(route: Route) -> list[str]:
    """Return the path of a route, with each of the values in the place of its parameters."""
    plain = route.path.replace("<anything:rest>", "<rest>")
    parts = [part.rpartition(">")[2] for part in plain.split("<")]
    return [value.join(parts) + end for value in VALUES for end in ("", "/", "\n", "x")]


@pytest.mark.parametrize("routes", [SEAM, DEVICES, BACKEND, FRONTEND], ids=["seam", "devices", "backend", "frontend"])
def test_a_table_finds_what_the_patterns_one_after_another_find(routes):
    table = RouteTable(routes)
    in_turn = URLResolver(RoutePattern(""), table.url_patterns)
    for asked in (each for route in routes for each in paths_of(route)):
        try:
            expected = in_turn.resolve(asked)
        except Resolver404:
            assert table.resolve(asked) is None, asked
            continue
        found = table.resolve(asked)
        assert found, asked
        for part in ("func", "args", "kwargs", "route", "captured_kwargs", "extra_kwargs", "app_names", "namespaces"):
            given = getattr(expected, part)
            given = [each for each in given if each] if part in ("app_names", "namespaces") else given
            assert getattr(found, part) == given, asked


@pytest.mark.parametrize("asked", ["v1/client/sessions/sess_1/touch", "v1/sessions/sess_1/tokens", "v1/jwks", "v1/me"])
def test_a_route_is_found_under_its_whole_path(asked):
    match = get_resolver("user_sessions.urls").resolve(f"/{asked}")
    assert match.route.replace("<str:session_id>", "sess_1") == asked


def test_the_error_page_of_an_unknown_path_lists_every_route(settings):
    settings.DEBUG = True
    table = RouteTable(SEAM)
    with pytest.raises(Resolver404) as unknown:
        URLResolver(RoutePattern(""), [table]).resolve("client_sessions/lsit")
    assert [str(tried[-1].pattern) for tried in unknown.value.args[0]["tried"]] == [route.path for route in SEAM]


def test_a_path_that_no_route_has_is_left_to_the_patterns_after_the_table():
    table = RouteTable(SEAM)
    after = path("client_sessions/mine", lambda request: None, name="of_the_host")
    assert URLResolver(RoutePattern(""), [table, after]).resolve("client_sessions/mine").url_name == "of_the_host"
