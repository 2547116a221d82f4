"""A host's own view refuses API keys with scopes, unless it names the family whose scope they need."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from client_sessions.authentication import ApiKeyAuthentication
from sessions_core import api_key_scopes
from sessions_core.models import ApiKey, Workspace
from tests.pages import blocks

pytestmark = pytest.mark.urls("tests.client_sessions.guarded")


def refusal_of(authentication, method, *scopes):
    """Return the codes of the error that a key with these scopes gets, or None."""
    workspace = Workspace.objects.default()
    text = ApiKey.objects.issue(workspace, name="cron", actor="test", scopes=scopes)[1]
    request = Request(APIRequestFactory().generic(method, "/", headers={"authorization": f"Bearer {text}"}))
    try:
        return authentication().authenticate(request) and None
    except PermissionDenied as refused:
        return refused.get_codes()


@pytest.fixture
def status(workspace, home):
    """Return a function that calls a view with a key that has these scopes, or None for all, and returns the status."""

    def status(scopes, path, method="GET"):
        text = ApiKey.objects.issue(workspace, name="cron", actor="test", scopes=scopes)[1]
        headers = {"authorization": f"Bearer {text}"}
        return Client().generic(method, f"/{path}", "{}", "application/json", headers=headers).status_code

    return status


def test_a_view_without_a_family_is_open_to_keys_with_all_scopes_only(status):
    assert [status(scopes, "things") for scopes in (None, ["devices:read"], ["tickets:write"])] == [200, 403, 403]


def test_a_view_with_a_family_needs_its_scope_to_read_or_to_change(status, home):
    one = f"scoped/{home.d1}"
    assert [status(scopes, one) for scopes in (None, ["devices:read"], ["devices:write"])] == [200, 200, 403]
    assert [status([f"devices:{kind}"], one, "PATCH") for kind in ("read", "write")] == [403, 200]


def test_the_refusal_has_a_code_for_the_error_format_of_the_host(workspace):
    assert refusal_of(ApiKeyAuthentication, "GET", "devices:read") == "insufficient_scope"


def test_a_host_defines_scopes_as_the_page_says(workspace, monkeypatch):
    monkeypatch.setattr(api_key_scopes, "_families", {**api_key_scopes._families})
    page: dict[str, Any] = {}
    exec(blocks("api-keys.md", "python")[1], page)
    page["register"](page["DOORS"])
    for method, scope in (("GET", "read"), ("HEAD", "read"), ("OPTIONS", "read"), ("POST", "write")):
        assert refusal_of(page["DoorKeys"], method, f"doors:{scope}") is None
        assert refusal_of(page["DoorKeys"], method, *({"doors:read", "doors:write"} - {f"doors:{scope}"}))


def test_the_example_of_a_restricted_key_runs(workspace):
    exec(blocks("api-keys.md", "python")[0], {"workspace": workspace})
    assert ApiKey.objects.get().scopes == ["client_sessions:read", "user_sessions:read"]
