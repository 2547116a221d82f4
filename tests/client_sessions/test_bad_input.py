"""Any input gets a bounded response in Seam's format and leaves no partial write."""

import json
import string
from contextlib import suppress
from itertools import product
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_sessions.models import ClientSession
from client_sessions.seam.errors import SeamError
from tests.callers import Caller, bearer
from tests.client_sessions.test_routes import ROUTES
from tests.fuzz import WRONG, fuzz, parameters_of, values

MODULES = ["client_sessions.seam", "client_sessions.devices"]
PATHS = [route.path for route in ROUTES]
READS = [route.path for route in ROUTES if "GET" in route.actions]
PARAMETERS = [
    "client_session_id",
    "user_identifier_key",
    "connected_account_ids",
    "connect_webview_ids",
    "user_identity_id",
    "user_identity_ids",
    "customer_key",
    "expires_at",
    "without_user_identifier_key",
    "connect_webview_id",
    "device_ids",
    "device_id",
    "name",
    "created_before",
    "search",
    "limit",
    "page_cursor",
    "actions",
    "access_expires_at",
    "connected_account_id",
    "custom_metadata",
    "custom_redirect_url",
    "accepted_providers",
    "device_selection_mode",
    "wait_for_device_creation",
    "user_identity_key",
    "email_address",
    "phone_number",
    "full_name",
    "email",
]


def is_error_of_the_api(response) -> bool:
    body = json.loads(response.content)
    if response.status_code == 200:
        return body["ok"] is True
    error = body["error"]
    return 400 <= response.status_code < 500 and body["ok"] is False and error["type"] and error["message"]


def test_every_problem_of_a_parameter_has_a_message():
    declared = [parameters for package in MODULES for parameters in parameters_of(package)]
    assert len(declared) >= 12
    for parameters in declared:
        for name, value in product(parameters.declared, WRONG):
            with suppress(SeamError):
                parameters.read_values({name: value})


@fuzz
@given(path=st.sampled_from(PATHS), body=st.dictionaries(st.sampled_from(PARAMETERS), values, max_size=4))
def test_any_json_object_gets_an_answer(backend, path, body):
    assert is_error_of_the_api(backend.request("POST", path, body))


@pytest.mark.promise("P25")
@fuzz
@given(path=st.sampled_from(PATHS), body=st.binary(min_size=1, max_size=60))
def test_any_bytes_get_an_answer(backend, path, body):
    assert is_error_of_the_api(backend.request("POST", path, body))


@pytest.mark.promise("P25")
@fuzz
@given(
    path=st.sampled_from(READS),
    pairs=st.lists(
        st.tuples(st.sampled_from([*PARAMETERS, "_strict"]), st.binary(max_size=20) | st.just(b"true")), max_size=4
    ),
)
def test_any_query_gets_an_answer(backend, path, pairs):
    query = "&".join(f"{name}={quote(value)}" for name, value in pairs)
    assert is_error_of_the_api(backend.get(path, f"?{query}"))


@fuzz
@given(token=st.text(string.printable.replace("\r", "").replace("\n", ""), max_size=60))
def test_any_bearer_token_is_refused(db, token):
    for text in (token, f"seam_cst1{token}", f"seam_{token}"):
        response = bearer(text).get("devices/list")
        assert response.status_code == 401
        assert is_error_of_the_api(response)


@pytest.mark.promise("P25")
@fuzz
@given(
    name=st.sampled_from(
        ["origin", "seam-workspace", "seam-publishable-key", "x-forwarded-for", "client-session-token"]
    ),
    value=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60),
)
def test_any_header_gets_an_answer(api_key, name, value):
    caller = Caller(**{"authorization": f"Bearer {api_key}", name: value})
    assert is_error_of_the_api(caller.post("client_sessions/get_or_create", user_identifier_key="u1"))


@pytest.mark.parametrize("depth", [100, 100_000])
def test_deep_nesting_is_refused(backend, depth):
    response = backend.request("POST", "client_sessions/create", b"[" * depth + b"]" * depth)
    assert (response.status_code, response.error) in [(400, "invalid_json"), (400, "invalid_input")]


@pytest.mark.wire("S132")
@pytest.mark.promise("P27")
def test_a_huge_body_is_refused(backend):
    body = json.dumps({"user_identifier_key": "x" * 2_000_000}).encode()
    response = backend.request("POST", "client_sessions/create", body)
    assert (response.status_code, response.error) == (413, "request_too_large")


@pytest.mark.promise("P27")
def test_ten_thousand_unknown_ids_get_one_error(backend, home):
    ids = [home.a1] * 9_000 + [f"00000000-0000-4000-8000-{n:012}" for n in range(1_000)]
    response = backend.post("client_sessions/create", connected_account_ids=ids)
    assert (response.status_code, response.error) == (404, "connected_account_not_found")
    assert not ClientSession.objects.exists()
    assert backend.post("devices/list", device_ids=ids).json()["devices"] == []
    some = backend.post("devices/list", device_ids=[*ids[1:], home.d1]).json()["devices"]
    assert [device["device_id"] for device in some] == [home.d1]
    of_accounts = backend.post("devices/list", connected_account_ids=[*ids[1:], "x"]).json()["devices"]
    assert {device["device_id"] for device in of_accounts} == {home.d1, home.d2}
    too_many = backend.post("client_sessions/create", connected_account_ids=[*ids, home.a1])
    assert (too_many.status_code, too_many.error) == (400, "invalid_input")


@pytest.mark.parametrize("key", ["x" * 255, "ключ", "💥", " ", "a b", "'; DROP TABLE", "{{x}}"])
def test_an_accepted_key_can_be_listed_read_and_deleted(backend, key):
    session = backend.post("client_sessions/create", user_identifier_key=key).json()["client_session"]
    assert session["user_identifier_key"] == key
    assert backend.get("client_sessions/list").json()["client_sessions"] == [session]
    assert backend.get("client_sessions/get", f"?user_identifier_key={quote(key)}&_strict=true").status_code == 200
    assert backend.post("client_sessions/delete", client_session_id=session["client_session_id"]).status_code == 200


@pytest.mark.promise("P26")
@pytest.mark.parametrize("key", ["x" * 256, "a\x00b", "\ud800"])
def test_a_key_that_no_database_can_store_is_refused(backend, key):
    response = backend.post("client_sessions/create", user_identifier_key=key)
    assert (response.status_code, response.error) == (400, "invalid_input")
    assert not ClientSession.objects.exists()


@pytest.mark.wire("S131")
def test_a_forged_cursor_is_refused(backend, home):
    cursor = backend.get("devices/list", "?limit=1").json()["pagination"]["next_page_cursor"]
    for forged in (cursor[:-1], f"x{cursor}", "x", cursor.split(".")[0], "."):
        response = backend.get("devices/list", f"?limit=1&page_cursor={forged}")
        assert (response.status_code, response.error) == (400, "invalid_input")


@pytest.mark.wire("S131")
def test_a_cursor_of_another_caller_is_refused(backend, foreign_backend, home):
    cursor = backend.get("devices/list", "?limit=1").json()["pagination"]["next_page_cursor"]
    response = foreign_backend.get("devices/list", f"?limit=1&page_cursor={cursor}")
    assert (response.status_code, response.error) == (400, "mismatched_page_parameters")


def test_the_next_page_url_escapes_commas(backend, home):
    first = backend.request("POST", "devices/list", {"device_types": ["august_lock", "a,b"], "limit": 1}).json()
    query = first["pagination"]["next_page_url"].partition("?")[2]
    assert backend.get("devices/list", f"?{query}").status_code == 200


def test_a_query_of_thousands_of_parameters_is_refused(backend, home):
    query = "&".join(f"device_ids={home.d1}" for _ in range(2000))
    response = backend.get("devices/list", f"?{query}")
    assert (response.status_code, response.error) == (400, "invalid_query_params")
    assert response.headers["seam-request-id"]


@pytest.mark.wire("S132")
def test_a_chunked_body_is_refused_and_not_ignored(backend):
    response = backend.request("POST", "client_sessions/create", transfer_encoding="chunked")
    assert (response.status_code, response.error) == (411, "length_required")
    assert not ClientSession.objects.exists()
