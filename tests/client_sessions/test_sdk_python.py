"""The vendor's own Python SDK, unmodified, over real HTTP."""

import json
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from seam import Seam, SeamHttpApiError, SeamHttpInvalidInputError, SeamHttpUnauthorizedError

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def seam(live_server, api_key) -> Iterator[Seam]:
    with Seam(api_key=api_key, endpoint=live_server.url) as seam:
        yield seam


class Browser:
    """A browser with a client session token: the Python SDK takes API keys only, so it speaks plain HTTP."""

    def __init__(self, endpoint: str, token: str) -> None:
        self.request = Request(f"{endpoint}/devices/list", headers={"authorization": f"Bearer {token}"})

    def devices(self) -> list[str]:
        with urlopen(self.request) as answer:
            return [device["display_name"] for device in json.load(answer)["devices"]]

    def refusal(self) -> tuple[int, str]:
        with pytest.raises(HTTPError) as refused:
            self.devices()
        with refused.value as answer:
            return answer.status, json.load(answer)["error"]["type"]


def test_a_client_session_lives_as_the_sdk_says(seam, live_server, home):
    created = seam.client_sessions.create(user_identifier_key="jane_doe", connected_account_ids=[home.a1])
    assert created.user_identifier_key == "jane_doe"
    assert created.device_count == 2
    browser = Browser(live_server.url, created.token)
    assert browser.devices() == ["d1", "d2"]

    seam.client_sessions.grant_access(user_identifier_key="jane_doe", connected_account_ids=[home.a2])
    assert browser.devices() == ["d1", "d2", "d3"]
    assert seam.client_sessions.get(user_identifier_key="jane_doe").device_count == 3
    assert [one.token for one in seam.client_sessions.list(user_identifier_key="jane_doe")] == [created.token]

    same = seam.client_sessions.get_or_create(user_identifier_key="jane_doe", connected_account_ids=[home.a2])
    assert same.token == created.token
    assert browser.devices() == ["d3"]

    seam.client_sessions.revoke(client_session_id=created.client_session_id)
    assert browser.refusal() == (401, "client_session_revoked")
    seam.client_sessions.delete(client_session_id=created.client_session_id)
    assert seam.client_sessions.list() == []


def test_the_sdk_lists_what_a_key_may_see(seam, home):
    seam.client_sessions.create(user_identifier_key="jane_doe", connected_account_ids=[home.a1])
    assert len(seam.devices.list(user_identifier_key="jane_doe")) == 2
    assert len(seam.devices.list()) == 3
    assert seam.devices.get(device_id=home.d3).display_name == "d3"
    assert seam.connected_accounts.get(connected_account_id=home.a1).display_name == "a1"
    assert len(seam.connected_accounts.list()) == 2
    assert seam.workspaces.get().is_sandbox is True


def test_the_sdk_turns_pages(seam, home):
    pages = seam.create_paginator(seam.devices.list, {"limit": 2})
    assert [device.display_name for device in pages.flatten()] == ["d1", "d2", "d3"]


def test_the_sdk_knows_each_kind_of_error(seam, live_server, home):
    with pytest.raises(SeamHttpApiError) as missing:
        seam.devices.get(device_id="unknown-device")
    assert (missing.value.status_code, missing.value.code) == (404, "device_not_found")
    assert missing.value.request_id.startswith("request_")
    with pytest.raises(SeamHttpInvalidInputError) as invalid:
        seam.client_sessions.create(connected_account_ids=4242)
    assert invalid.value.get_validation_error_messages("connected_account_ids") == ["Expected array, received number"]
    with (
        Seam(api_key="seam_invalid_api_key", endpoint=live_server.url) as stranger,
        pytest.raises(SeamHttpUnauthorizedError),
    ):
        stranger.devices.list()
