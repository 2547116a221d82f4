"""Seam's own SDKs, unmodified, over real HTTP."""

import json
import re
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from client_sessions.models import PersonalAccessToken
from tests.embedded import sdk
from tests.sdks.packages import Sdk, javascript_sdk, python_sdk

# What an SDK sends and reads is the same on every database, so once is enough.
pytestmark = [sdk, pytest.mark.django_db(transaction=True)]

JAVASCRIPT = ["javascript-1.121", "javascript-2.32"]
PYTHON = ["python-2.2", "python-3.18"]


@pytest.fixture(params=JAVASCRIPT + PYTHON)
def line(request) -> str:
    name: str = request.param
    return name


@pytest.fixture
def sdk(line: str, request) -> Sdk:
    if line in JAVASCRIPT:
        request.getfixturevalue("javascript")
        return javascript_sdk({"javascript-1.121": "seam-http-1", "javascript-2.32": "seam-http-2"}[line])
    return python_sdk(request.getfixturevalue("older_seam") if line == "python-2.2" else None)


@pytest.fixture
def given(live_server, api_key: str, publishable_key: str, home: SimpleNamespace) -> dict[str, str]:
    """Return the parameters of every script."""
    ids = {name: value for name, value in vars(home).items() if name != "rows"}
    return ids | {"endpoint": live_server.url, "api_key": api_key, "publishable_key": publishable_key}


def relabelled(result: Any, home: SimpleNamespace) -> Any:
    """Replace our ids by names, and sessions, tokens and requests by numbers in order of appearance."""
    known = {value: name for name, value in vars(home).items() if name != "rows"}
    kinds: dict[str, list[str]] = {"session": [], "token": [], "request": []}

    def label(found: re.Match[str]) -> str:
        if found[0] in known:
            return known[found[0]]
        kind = "token" if found[0].startswith("seam_") else "request" if "_" in found[0] else "session"
        if found[0] not in kinds[kind]:
            kinds[kind].append(found[0])
        return f"{kind} {kinds[kind].index(found[0]) + 1}"

    patterns = r"seam_cst1\w{8}_\w{24}|request_\w{32}|\w{8}(-\w{4}){3}-\w{12}"
    return json.loads(re.sub(patterns, label, json.dumps(result)))


def session(number: int, key: str | None, devices: int, accounts: Iterable[str] = (), webviews: Iterable[str] = ()):
    return {
        "client_session_id": f"session {number}",
        "token": f"token {number}",
        "user_identifier_key": key,
        "connected_account_ids": list(accounts),
        "connect_webview_ids": list(webviews),
        "user_identity_ids": [],
        "device_count": devices,
    }


JANE = session(1, "jane_doe", 2, ["a1"])
JANE_IN_THE_END = session(1, "jane_doe", 1, ["a2"], ["webview"])
JOHN = session(2, "john_doe", 0)
NOBODY = session(3, None, 0)
NEW_JANE = session(4, "jane_doe", 0)

STORY = {
    "created": JANE,
    "got by id": JANE,
    "got by key": JANE,
    "granted by key": session(1, "jane_doe", 3, ["a1", "a2"]),
    "granted by id": session(1, "jane_doe", 3, ["a1", "a2"], ["webview"]),
    "got or created, there": JANE_IN_THE_END,
    "got or created, new": JOHN,
    "listed": [JANE_IN_THE_END, JOHN, NOBODY],
    "listed by key": ["session 1"],
    "listed without key": ["session 3"],
    "devices": ["d1", "d2", "d3"],
    "devices of the session": ["d3"],
    "device": ["d3"],
    "accounts": ["a1", "a2"],
    "account": ["a1"],
    "workspace": ["Here", True],
    "pages": ["d1", "d2", "d3"],
    "listed after revoke": ["session 2", "session 3"],
    "got after revoke": JANE_IN_THE_END,
    "got or created after revoke": NEW_JANE,
    "in the end": [JOHN, NEW_JANE],
}


def refused(number: int, code: str, status: int, of: str = "SeamHttpApiError") -> dict[str, Any]:
    return {"class": of, "code": code, "status": status, "request_id": f"request {number}"}


def unauthorized(number: int) -> dict[str, Any]:
    return refused(number, "unauthorized", 401, "SeamHttpUnauthorizedError")


# What an SDK refuses before it sends a request.
INVALID_TOKEN = {"class": "SeamHttpInvalidTokenError"}


def test_the_installed_sdk_has_the_expected_version(sdk, line, given):
    assert sdk.play("version", **given).startswith(line.partition("-")[2] + ".")


@pytest.mark.wire("S97")
def test_every_sdk_reaches_the_same_final_state(sdk, given, home):
    assert relabelled(sdk.play("story", **given), home) == STORY


# Python 2.2 joins absolute paths, and so loses the prefix before we see it.
@pytest.mark.wire("S99")
@pytest.mark.parametrize("line", [*JAVASCRIPT, "python-3.18"])
@pytest.mark.parametrize("ending", ["", "/"])
def test_the_api_works_below_a_path_prefix(sdk, given, home, settings, ending):
    settings.ROOT_URLCONF = "tests.sdks.prefixed_urls"
    below = given | {"endpoint": f"{given['endpoint']}/api/seam{ending}"}
    assert relabelled(sdk.play("story", **below), home) == STORY


@pytest.mark.wire("S2", "S3")
def test_each_sdk_handles_a_taken_key_as_it_expects(sdk, line, given):
    """The oldest line POSTs to create; the others PUT."""
    expected = "client_session_token_already_exists" if line == "python-2.2" else "unchanged"
    assert sdk.play("taken key", **given) == expected


@pytest.mark.wire("S7", "S15", "S66")
def test_each_sdk_raises_its_own_class_of_error(sdk, line, given, home):
    invalid = refused(7, "invalid_input", 400, "SeamHttpInvalidInputError")
    if line != "python-2.2":  # it has the class, but no messages
        messages = {"connected_account_ids": ["Expected array, received number"], "expires_at": ["Invalid datetime"]}
        invalid["messages"] = messages
    assert relabelled(sdk.play("errors", **given), home) == {
        "unknown api key": unauthorized(1),
        "missing device": refused(2, "device_not_found", 404),
        "missing account": refused(3, "connected_account_not_found", 404),
        "missing session": refused(4, "client_session_not_found", 404),
        "foreign account": refused(5, "connected_account_not_found", 404),
        "no such route": refused(6, "not_found", 404),
        "invalid input": invalid,
        "session token as api key": INVALID_TOKEN,
        "publishable key as api key": INVALID_TOKEN,
        "any token as api key": INVALID_TOKEN,
    }


def test_every_sdk_reaches_the_resources(sdk, given, home):
    assert sdk.play("resources", **given) == {
        "webview": ["pending", {"order": 7}],
        "webviews": 3,
        "webview again": "pending",
        "identities": ["Unknown", "Jane Doe"],
        "accessible": ["d1"],
        "no longer": [],
        "left": ["d3"],
    }


@pytest.mark.wire("S113")
def test_every_sdk_works_with_a_personal_access_token(sdk, given, home, elsewhere, workspace, django_user_model):
    jane = django_user_model.objects.create(username="jane")
    _, token = PersonalAccessToken.objects.issue(jane, [workspace, elsewhere], name="laptop", actor="test")
    assert sdk.play("person", access_token=token, **given) == {
        "devices": ["d1", "d2", "d3"],
        "workspaces": ["Elsewhere", "Here"],
    }


# Publishable keys and client session tokens are for browsers: only the JavaScript SDK knows them.


@pytest.mark.wire("S32")
@pytest.mark.parametrize("line", JAVASCRIPT)
def test_a_publishable_key_receives_the_session_that_a_backend_granted(sdk, given, home, open_session):
    opened = open_session(user_identifier_key="jane_doe", connected_account_ids=[home.a1])
    result = sdk.play("publishable key", **given)
    assert result == {"session": opened["client_session_id"], "devices": ["d1", "d2"]}


@pytest.mark.wire("S26", "S29")
@pytest.mark.parametrize("line", JAVASCRIPT)
def test_the_javascript_sdk_reads_refusals_of_a_publishable_key(sdk, given, home):
    assert relabelled(sdk.play("publishable key errors", **given), home) == {
        "unknown publishable key": refused(1, "workspace_not_found", 400),
        "no user": refused(2, "publishable_key_requires_user_identifier_key", 400),
        "api key as publishable key": INVALID_TOKEN,
    }


@pytest.mark.wire("S38", "S51", "S59", "S75", "S76")
@pytest.mark.parametrize("line", JAVASCRIPT)
def test_the_javascript_sdk_uses_a_session_token_within_its_scope(sdk, given, home, open_session):
    open_session(user_identifier_key="john_doe", connected_account_ids=[home.a2])
    token = open_session(user_identifier_key="jane_doe", connected_account_ids=[home.a1])["token"]
    assert relabelled(sdk.play("client session token", token=token, **given), home) == {
        "session": "session 1",
        "devices": ["d1", "d2"],
        "device": ["d1"],
        "accounts": ["a1"],
        "pages": ["d1", "d2"],
        "another's device": refused(1, "device_not_found", 404),
        "another's account": refused(2, "connected_account_not_found", 404),
        "a backend's route": unauthorized(3),
        "api key as token": INVALID_TOKEN,
        "devices after a grant": ["d1", "d2", "d3"],
        "after revoke": unauthorized(4),
    }


@pytest.mark.wire("S96")
@pytest.mark.parametrize("line", JAVASCRIPT)
def test_the_javascript_sdk_exchanges_its_session_token(sdk, given, home, open_session):
    tokens = {
        "token": open_session(user_identifier_key="jane_doe", connected_account_ids=[home.a1])["token"],
        "another_token": open_session(user_identifier_key="john_doe", connected_account_ids=[home.a2])["token"],
    }
    assert relabelled(sdk.play("update client session token", **tokens, **given), home) == {
        "before": ["d1", "d2"],
        "after": ["d3"],
        "unknown": unauthorized(1),
        "after unknown": unauthorized(2),
        "not a token": INVALID_TOKEN,
    }
