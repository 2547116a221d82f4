"""Rate limits of each kind of caller."""

from collections.abc import Callable

import pytest

from client_sessions.models import ClientSession
from tests.callers import Caller, bearer
from tests.policies import set_client_session_policy


@pytest.fixture(autouse=True)
def rates(settings) -> None:
    settings.CLIENT_SESSIONS = {
        "RATES": {
            "publishable_key": "2/day",
            "client_session": "3/day",
            "api_key": "4/day",
            "anonymous": "5/day",
        }
    }


def statuses(caller: Caller, path: str, times: int, **body: object) -> list[int]:
    return [caller.post(path, **body).status_code for _ in range(times)]


@pytest.mark.wire("S133")
def test_too_many_requests_get_429_in_the_api_format(web_app):
    statuses(web_app, "client_sessions/get_or_create", 2, user_identifier_key="p1")
    response = web_app.post("client_sessions/get_or_create", user_identifier_key="p1")
    assert (response.status_code, response.error) == (429, "too_many_requests")
    assert 1 <= int(response.headers["Retry-After"]) <= 24 * 3600
    assert response.headers["seam-request-id"]


def test_a_publishable_key_is_rate_limited_by_address(publishable_key):
    callers = [Caller(**{"seam-publishable-key": publishable_key}) for _ in range(2)]
    callers[1].client.defaults["REMOTE_ADDR"] = "198.51.100.7"
    for caller in callers:
        assert statuses(caller, "client_sessions/get_or_create", 3, user_identifier_key="p1") == [200, 200, 429]


def test_an_ipv4_address_mapped_to_ipv6_is_the_same_caller(publishable_key):
    callers = [Caller(**{"seam-publishable-key": publishable_key}) for _ in range(2)]
    for caller, address in zip(callers, ("198.51.100.7", "::ffff:198.51.100.7"), strict=True):
        caller.client.defaults["REMOTE_ADDR"] = address
    answers = [statuses(caller, "client_sessions/get_or_create", 1, user_identifier_key="p1") for caller in callers * 2]
    assert answers == [[200], [200], [429], [429]]


@pytest.mark.parametrize("key", ["publishable_key", "unknown"])
def test_one_ipv6_network_counts_as_one_caller(publishable_key, key):
    seen = []
    for n in range(6):
        text = publishable_key if key == "publishable_key" else "seam_pk1abcdef_" + "1" * 24
        caller = Caller(**{"seam-publishable-key": text})
        caller.client.defaults["REMOTE_ADDR"] = f"2001:db8:0:1::{n}"
        seen += statuses(caller, "client_sessions/get_or_create", 1, user_identifier_key="p1")
    assert seen == ([200] * 2 + [429] * 4 if key == "publishable_key" else [400] * 5 + [429])


def test_a_forwarded_header_of_a_caller_is_ignored(publishable_key):
    seen = []
    for n in range(3):
        caller = Caller(**{"seam-publishable-key": publishable_key, "x-forwarded-for": f"198.51.100.{n}"})
        seen.append(caller.post("client_sessions/get_or_create", user_identifier_key="p1").status_code)
    assert seen == [200, 200, 429]


@pytest.fixture
def status(publishable_key, settings) -> Callable[[str], int]:
    """Return the status for a caller behind a trusted proxy with this ``Forwarded`` header."""
    settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "TRUSTED_PROXIES": 1}

    def status(forwarded: str) -> int:
        caller = Caller(**{"seam-publishable-key": publishable_key, "x-forwarded-for": forwarded})
        return caller.post("client_sessions/get_or_create", user_identifier_key="p1").status_code

    return status


def test_behind_a_trusted_proxy_its_forwarded_address_counts(status):
    assert [status(f"10.0.0.{n}, 198.51.100.7") for n in range(3)] == [200, 200, 429]
    assert status("198.51.100.7, 198.51.100.8") == 200


@pytest.mark.parametrize(
    "forwarded",
    [
        "198.51.100.7:{}",
        "[2001:db8::7]:{}",
        "[::ffff:198.51.100.7]:{}",
        "unknown-{}",
        "_hidden:{}",
        "198.51.100.7.{}:1",
    ],
)
def test_another_port_or_forwarded_element_is_not_a_new_caller(status, forwarded):
    assert [status(forwarded.format(40_000 + n)) for n in range(3)] == [200, 200, 429]


@pytest.mark.parametrize(
    ("plain", "others"),
    [
        ("198.51.100.7", ["198.51.100.7:40001"]),
        ("2001:db8::7", ["[2001:db8::7]:443", "[2001:db8::7]"]),
    ],
)
def test_an_address_is_the_same_with_and_without_its_port(status, plain, others):
    assert [status(plain), status(plain)] == [200, 200]
    assert [status(other) for other in others] == [429] * len(others)


def test_client_sessions_and_api_keys_are_counted_separately(workspace, api_key, foreign_api_key):
    tokens = [ClientSession.objects.start(workspace, actor="test").token for _ in range(2)]
    for token in tokens:
        assert statuses(bearer(token), "workspaces/get", 4) == [200, 200, 200, 429]
    for key in (api_key, foreign_api_key):
        assert statuses(bearer(key), "workspaces/get", 5) == [200, 200, 200, 200, 429]


@pytest.mark.promise("P28")
def test_failed_authentication_is_counted_by_address(api_key):
    stranger = bearer("seam_invalid_api_key")
    assert statuses(stranger, "workspaces/get", 3) == [401] * 3
    assert bearer(api_key).get("workspaces/get").status_code == 200
    assert statuses(stranger, "workspaces/get", 3) == [401, 401, 429]
    assert bearer(api_key).get("workspaces/get").status_code == 200


def test_an_unknown_publishable_key_counts_as_failed_authentication(db):
    caller = Caller(**{"seam-publishable-key": "seam_pk1abcdef_" + "1" * 24})
    assert statuses(caller, "client_sessions/get_or_create", 6, user_identifier_key="u") == [400] * 5 + [429]


def test_a_rate_limited_request_writes_nothing(web_app):
    statuses(web_app, "client_sessions/create", 2, user_identifier_key="p1")
    assert web_app.post("client_sessions/create", user_identifier_key="p2").status_code == 429
    assert not ClientSession.objects.filter(user_identifier_key="p2").exists()


@pytest.mark.wire("S126")
def test_a_minimum_key_length_applies_to_publishable_keys(web_app, backend, workspace):
    set_client_session_policy(workspace, user_identifier_key_min_length=20)
    workspace.save()
    for path in ("client_sessions/create", "client_sessions/get_or_create"):
        response = web_app.post(path, user_identifier_key="jane@example.com")
        assert response.json()["error"]["validation_errors"]["user_identifier_key"]["_errors"] == [
            "String must contain at least 20 character(s)"
        ]
    assert backend.post("client_sessions/create", user_identifier_key="jane@example.com").status_code == 200
