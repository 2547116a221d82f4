"""API keys with scopes: which there are, how a key gets them, and that it keeps them."""

from datetime import timedelta

import pytest
from django.core import serializers

from client_sessions.devices.urls import ROUTES as DEVICES
from client_sessions.seam.routes import ROUTES as SEAM
from sessions_core import api_key_scopes
from sessions_core.api_key_scopes import ScopeFamily, register, registered_scopes
from sessions_core.credentials import API_KEY
from sessions_core.http.base_view import ApiView
from sessions_core.http.routes import ANY_KEY, Route
from sessions_core.models import ApiKey, Event
from user_sessions.clerk.backend.backend_routes import ROUTES as BACKEND
from user_sessions.clerk.backend.unknown_backend_views import UnknownView

ALL = [
    "client_sessions:read",
    "client_sessions:write",
    "devices:read",
    "devices:write",
    "user_sessions:read",
    "user_sessions:write",
    "jwt_templates:read",
    "jwt_templates:write",
    "tickets:write",
]
SOME = ["client_sessions:read", "tickets:write"]


@pytest.fixture
def restricted(workspace):
    return ApiKey.objects.issue(workspace, name="cron", actor="test", scopes=SOME[::-1])


# Routes


def test_every_route_that_an_api_key_may_use_has_a_registered_scope_for_each_action():
    routes = [route for route in [*SEAM, *DEVICES, *BACKEND] if API_KEY in route.open_to]
    assert {route.path for route in routes if ANY_KEY in route.scopes.values()} == {
        route.path for route in routes if route.view is UnknownView
    }
    for route in routes:
        assert set(route.scopes) == set(route.actions.values())
    assert {scope for route in routes for scope in route.scopes.values()} - {ANY_KEY} == set(ALL)


@pytest.mark.parametrize("scope", [None, {"list": "x:read"}, {"list": "x:read", "create": "x:write", "get": "x:read"}])
def test_a_route_without_a_scope_for_each_action_is_refused(scope):
    with pytest.raises(ValueError, match="give a scope for each of its actions"):
        Route("doors", ApiView, {"GET": "list", "POST": "create"}, [API_KEY], scope).urlpattern()


def test_the_scopes_are_those_of_the_installed_apps_each_with_its_words():
    assert sorted(registered_scopes()) == sorted(ALL)
    assert all(str(label)[0].isupper() for label in registered_scopes().values())


def test_a_host_registers_scopes_of_its_own(monkeypatch, workspace):
    monkeypatch.setattr(api_key_scopes, "_families", {})
    register(ScopeFamily(name="doors", read_label="Read doors"))
    assert registered_scopes() == {"doors:read": "Read doors"}
    assert ApiKey.objects.issue(workspace, name="x", actor="test", scopes={"doors:read"})[0].scopes == ["doors:read"]


@pytest.mark.parametrize("name", ["", "Doors", "doors:read", "1", "x" * 61, "d\u00f6ors"])
def test_an_invalid_name_of_a_family_is_refused(name):
    with pytest.raises(ValueError, match="Invalid scope family name"):
        ScopeFamily(name=name, read_label="Read")


# Keys


def test_a_key_without_scopes_may_do_everything(workspace):
    key, _ = ApiKey.objects.issue(workspace, name="backend", actor="test")
    assert key.scopes is None and key.has_scope("tickets:write") and key.has_scope("added:later")
    assert "scopes" not in Event.objects.get(type="api_key.created").data


def test_a_key_has_the_scopes_that_it_was_given(restricted, django_assert_num_queries):
    with django_assert_num_queries(1):
        key = ApiKey.authenticate(restricted[1], related=())
    assert key.scopes == SOME
    assert [scope for scope in ALL if key.has_scope(scope)] == SOME
    assert Event.objects.get(type="api_key.created").data == {"scopes": SOME}


def test_a_dump_of_the_row_can_be_loaded(restricted, workspace):
    for key in (restricted[0], ApiKey.objects.issue(workspace, name="backend", actor="test")[0]):
        dumped = serializers.serialize("json", [ApiKey.objects.get(pk=key.pk)])
        assert next(iter(serializers.deserialize("json", dumped))).object.scopes == key.scopes


@pytest.mark.parametrize("scopes", [[], (), "tickets:write", {"tickets:write": 1}, 7, [None], [[]], ["tickets:read"]])
def test_unknown_scopes_are_refused_with_a_message_and_nothing_is_stored(workspace, scopes):
    with pytest.raises(ValueError, match=r"scopes must be (a list of at least one|of client_sessions:read, )"):
        ApiKey.objects.issue(workspace, name="cron", actor="test", scopes=scopes)
    assert not ApiKey.objects.exists()


def test_a_roll_keeps_the_scopes_even_those_of_an_app_that_was_removed(restricted, monkeypatch):
    monkeypatch.setattr(api_key_scopes, "_families", {})
    successor, text = restricted[0].roll(overlap=timedelta(hours=1), actor="test")
    assert successor.scopes == ApiKey.authenticate(text).scopes == SOME
