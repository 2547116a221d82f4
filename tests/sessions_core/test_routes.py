"""Routes are grouped by the first segment of their path, so that Django tries few patterns for a request."""

import pytest
from django.urls import get_resolver

from client_sessions.seam.routes import ROUTES as SEAM
from sessions_core.http.routes import urlpatterns_of
from tests.embedded import embedded
from user_sessions.clerk.backend.backend_routes import ROUTES as BACKEND
from user_sessions.clerk.frontend.frontend_routes import ROUTES as FRONTEND

pytestmark = embedded


@pytest.mark.parametrize("routes", [SEAM, BACKEND, FRONTEND])
def test_a_path_tries_the_patterns_of_its_first_segment_only(routes):
    first_segments = {route.path.partition("/")[0] for route in routes}
    assert len(urlpatterns_of(routes)) <= 2 * len(first_segments)


@pytest.mark.parametrize("path", ["v1/client/sessions/sess_1/touch", "v1/sessions/sess_1/tokens", "v1/jwks", "v1/me"])
def test_a_grouped_route_is_found_under_its_whole_path(path):
    match = get_resolver("user_sessions.urls").resolve(f"/{path}")
    assert match.route.replace("<str:session_id>", "sess_1") == path
