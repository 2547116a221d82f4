"""A filter of Seam's SDK is applied or refused, so that a list is never wider than requested."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
from seam import Seam

from client_sessions.devices.models import ConnectedAccount, ConnectWebview, Device
from client_sessions.devices.resource_view import ResourceView
from client_sessions.devices.urls import ROUTES as RESOURCE_ROUTES
from client_sessions.seam.pagination import PAGE_PARAMETERS
from client_sessions.seam.parameters import Unsupported
from client_sessions.seam.routes import ROUTES
from tests.client_sessions.conftest import devices_seen
from tests.client_sessions.test_conformance import problems

READS = [route.path for route in [*ROUTES, *RESOURCE_ROUTES] if re.search(r"/(get|list\w*)$", route.path)]


def parameters_of_the_sdk() -> Iterator[tuple[str, str]]:
    """Yield every parameter that the installed SDK declares for one of our lists and reads."""
    sdk = Seam(api_key="seam_test", endpoint="http://127.0.0.1:9")
    for path in READS:
        group, name = path.split("/")
        for parameter in inspect.signature(getattr(getattr(sdk, group), name)).parameters:
            yield path, parameter


@pytest.mark.parametrize(("path", "parameter"), list(parameters_of_the_sdk()))
def test_no_parameter_of_the_sdk_is_ignored(backend, home, path, parameter):
    """The value is invalid for every parameter, so an ignored parameter would show."""
    assert parameter in problems(backend.post(path, **{parameter: [{"no": "value"}]}))


def test_every_list_and_read_is_tested():
    assert {path for path, _ in parameters_of_the_sdk()} == set(READS) - {"workspaces/get", "workspaces/list"}


UNSUPPORTED = [
    ("devices/list", "space_id"),
    ("devices/list", "unstable_location_id"),
    ("connected_accounts/list", "space_id"),
    ("user_identities/list", "credential_manager_acs_system_id"),
]


@pytest.mark.wire("S127")
@pytest.mark.parametrize("query", ["?{}=x&_strict=true", "?{}=x", "?{}[]=x", "?{}="])
@pytest.mark.parametrize(("path", "parameter"), UNSUPPORTED)
def test_a_filter_that_is_not_supported_is_refused(backend, home, path, parameter, query):
    refused = problems(backend.get(path, query.format(parameter)))
    assert refused[parameter]["_errors"] == ["This server does not support the parameter"]


@pytest.mark.parametrize("view", ResourceView.__subclasses__())
@pytest.mark.parametrize("action", ["list", "retrieve"])
def test_every_parameter_that_is_read_has_a_filter(view, action):
    declared = view.parameters[action].declared if action in view.parameters else {}
    narrowing = {name for name, each in declared.items() if not isinstance(each, Unsupported)}
    assert narrowing - set(PAGE_PARAMETERS) - {"user_identifier_key"} <= set(view.filterset_class.base_filters)


@pytest.mark.parametrize(
    ("name", "value"),
    [("device_type", ""), ("manufacturer", ""), ("connected_account_id", ""), ("device_ids", []), ("device_types", [])],
)
def test_an_empty_value_matches_no_device(backend, home, name, value):
    """django-filter ignores such a value, which would make the list wider than requested."""
    assert backend.post("devices/list", **{name: value}).json()["devices"] == []


def test_a_filter_takes_spaces_as_they_are(backend, home):
    Device.objects.filter(pk=home.d1).update(manufacturer=" yale")
    assert devices_seen(backend, "?manufacturer=+yale") == ["d1"]
    assert devices_seen(backend, "?manufacturer=yale") == []


METADATA: list[dict[str, Any]] = [
    {"floor": "1", "0": "zero", "contains": "x", "ключ": "дверь"},
    {"floor": 1, "main": True, "a.b": "dotted"},
    {"floor": "10", "main": "true", "note": None},
]


@pytest.fixture
def with_metadata(home) -> None:
    for name, metadata in zip(("d1", "d2", "d3"), METADATA, strict=True):
        Device.objects.filter(pk=getattr(home, name)).update(custom_metadata=metadata)


@pytest.mark.wire("S128")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("floor=1", ["d1", "d2"]),
        ("floor=10", ["d3"]),
        ("main=true", ["d2", "d3"]),
        ("main=false", []),
        ("0=zero", ["d1"]),
        ("contains=x", ["d1"]),
        ("contains=y", []),
        ("ключ=дверь", ["d1"]),
        ("a.b=dotted", ["d2"]),
        ("note=", ["d1", "d2", "d3"]),
        ("main=", ["d1"]),
        ("floor=1&custom_metadata_has.main=true", ["d2"]),
        ("floor__gt=0", []),
    ],
)
@pytest.mark.parametrize("strict", ["", "&_strict=true"])
def test_devices_are_filtered_by_metadata(backend, with_metadata, query, found, strict):
    assert devices_seen(backend, f"?custom_metadata_has.{query}{strict}") == found


@pytest.mark.parametrize(
    ("members", "found"),
    [({"floor": 1}, ["d1", "d2"]), ({"main": True}, ["d2", "d3"]), ({"main": None}, ["d1"]), ({}, ["d1", "d2", "d3"])],
)
def test_a_body_filters_by_metadata_too(backend, with_metadata, members, found):
    answer = backend.post("devices/list", custom_metadata_has=members).json()
    assert [device["display_name"] for device in answer["devices"]] == found


@pytest.mark.parametrize("members", ["x", [], {"a": {"b": 1}}, {"a": ""}, {"a" * 41: "x"}, {"a": "\x00"}])
@pytest.mark.parametrize("path", ["devices/list", "connected_accounts/list", "connect_webviews/list"])
def test_a_malformed_metadata_filter_is_refused(backend, home, path, members):
    assert "custom_metadata_has" in problems(backend.post(path, custom_metadata_has=members))


def test_a_metadata_filter_names_each_member_once(backend, home):
    response = backend.get("devices/list", "?custom_metadata_has.a=1&custom_metadata_has.a=2")
    assert (response.status_code, response.error) == (400, "invalid_query_params")


def test_a_metadata_filter_that_is_no_object_is_refused(backend, home):
    assert "custom_metadata_has" in problems(backend.get("devices/list", "?custom_metadata_has=a"))


@pytest.mark.wire("S128")
def test_accounts_and_webviews_are_filtered_by_metadata(backend, home):
    ConnectedAccount.objects.filter(pk=home.a1).update(custom_metadata={"floor": "1"})
    ConnectWebview.objects.filter(pk=home.pending).update(custom_metadata={"floor": "1"})
    accounts = backend.get("connected_accounts/list", "?custom_metadata_has.floor=1").json()
    webviews = backend.get("connect_webviews/list", "?custom_metadata_has.floor=1").json()
    assert [account["connected_account_id"] for account in accounts["connected_accounts"]] == [home.a1]
    assert [webview["connect_webview_id"] for webview in webviews["connect_webviews"]] == [home.pending]


def test_the_next_page_has_the_same_filters(backend, with_metadata):
    """Each kind of value is encoded so that the next page reads the same value."""
    asked = {"custom_metadata_has": {"main": True, "нет": None}, "created_before": "2099-01-01T00:00:00Z", "limit": 1}
    first = backend.post("devices/list", **asked).json()
    query = first["pagination"]["next_page_url"].partition("?")[2]
    assert devices_seen(backend, f"?{query}") == ["d3"]
    sessions = [backend.post("client_sessions/create").json() for _ in "ab"]
    asked = {"without_user_identifier_key": True, "connect_webview_id": None, "limit": 1}
    first = backend.post("client_sessions/list", **asked).json()
    query = first["pagination"]["next_page_url"].partition("?")[2]
    second = backend.get("client_sessions/list", f"?{query}").json()
    assert second["client_sessions"] == [sessions[1]["client_session"]]


@pytest.mark.wire("S129")
@pytest.mark.parametrize("by", ["id", "id without dashes", "Yale", "ЧЕРД", "acm"])
def test_webviews_are_searched_as_seam_does(backend, home, by):
    """By a part of the id, provider, metadata or customer."""
    webview = ConnectWebview.objects.create(
        workspace=home.rows["workspace"],
        customer=home.rows["customer"],
        accepted_providers=["yale"],
        custom_metadata={"where": "ЧЕРДАК"},
    )
    id = str(webview.pk)
    search = {"id": id[5:20], "id without dashes": id.replace("-", "")[5:20]}.get(by, by)
    found = backend.post("connect_webviews/list", search=search).json()["connect_webviews"]
    assert [each["connect_webview_id"] for each in found] == [id]


def test_a_search_for_what_no_webview_has_finds_none(backend, home):
    for search in ("-", "nothing"):
        assert backend.post("connect_webviews/list", search=search).json()["connect_webviews"] == []


# The shape of devices


@pytest.mark.wire("S130")
def test_only_a_lock_has_lock_capabilities(backend, home):
    Device.objects.filter(pk=home.d1).update(is_locked=False)
    lock, other = (backend.post("devices/get", device_id=id).json()["device"] for id in (home.d1, home.d2))
    assert (lock["can_remotely_lock"], lock["can_remotely_unlock"], lock["properties"]["locked"]) == (True, True, False)
    assert not {"can_remotely_lock", "can_remotely_unlock"} & set(other) and "locked" not in other["properties"]


def test_a_device_has_an_appearance(backend, home):
    assert backend.post("devices/get", device_id=home.d1).json()["device"]["properties"]["appearance"] == {"name": "d1"}


def test_accessible_devices_have_both_names(backend, home):
    answer = backend.post("user_identities/list_accessible_devices", user_identity_id=home.identity).json()
    assert [device["device_id"] for device in answer["accessible_devices"]] == [home.d3]
    assert answer["devices"] == answer["accessible_devices"]
