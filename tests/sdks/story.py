"""Run the Python SDK in a test: ``story.py ACT`` reads GIVEN and prints the results as JSON."""

import json
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import seam as sdk

given = SimpleNamespace(**json.loads(os.environ["GIVEN"]))

FACTS = [
    "client_session_id",
    "token",
    "user_identifier_key",
    "connected_account_ids",
    "connect_webview_ids",
    "user_identity_ids",
    "device_count",
]


def facts(session: Any) -> dict[str, Any]:
    return {name: getattr(session, name) for name in FACTS}


def names(resources: Any) -> list[str]:
    return [resource.display_name for resource in resources]


def refusal(call: Callable[[], Any]) -> dict[str, Any]:
    try:
        call()
    except Exception as error:
        # The one class that the two languages name differently.
        results = {"class": type(error).__name__.replace("SeamInvalidTokenError", "SeamHttpInvalidTokenError")}
        if isinstance(error, sdk.SeamHttpApiError):
            results |= {"code": error.code, "status": error.status_code, "request_id": error.request_id}
        if hasattr(error, "get_validation_error_messages"):
            parameters = ["connected_account_ids", "expires_at"]
            results["messages"] = {name: error.get_validation_error_messages(name) for name in parameters}
        return results
    raise AssertionError("not refused")


def story(seam: Any) -> dict[str, Any]:
    sessions = seam.client_sessions
    results: dict[str, Any] = {}

    created = sessions.create(user_identifier_key="jane_doe", connected_account_ids=[given.a1])
    id = created.client_session_id
    results["created"] = facts(created)
    results["got by id"] = facts(sessions.get(client_session_id=id))
    results["got by key"] = facts(sessions.get(user_identifier_key="jane_doe"))

    sessions.grant_access(user_identifier_key="jane_doe", connected_account_ids=[given.a2])
    results["granted by key"] = facts(sessions.get(client_session_id=id))
    sessions.grant_access(client_session_id=id, connect_webview_ids=[given.webview])
    results["granted by id"] = facts(sessions.get(client_session_id=id))
    results["got or created, there"] = facts(
        sessions.get_or_create(user_identifier_key="jane_doe", connected_account_ids=[given.a2])
    )
    results["got or created, new"] = facts(sessions.get_or_create(user_identifier_key="john_doe"))

    nobody = sessions.create()
    results["listed"] = [facts(one) for one in sessions.list()]
    results["listed by key"] = [one.client_session_id for one in sessions.list(user_identifier_key="jane_doe")]
    results["listed without key"] = [one.client_session_id for one in sessions.list(without_user_identifier_key=True)]

    results["devices"] = names(seam.devices.list())
    results["devices of the session"] = names(seam.devices.list(user_identifier_key="jane_doe"))
    results["device"] = names([seam.devices.get(device_id=given.d3)])
    results["accounts"] = names(seam.connected_accounts.list())
    results["account"] = names([seam.connected_accounts.get(connected_account_id=given.a1)])
    workspace = seam.workspaces.get()
    results["workspace"] = [workspace.name, workspace.is_sandbox]
    results["pages"] = names(seam.create_paginator(seam.devices.list, {"limit": 2}).flatten())

    sessions.revoke(client_session_id=id)
    results["listed after revoke"] = [one.client_session_id for one in sessions.list()]
    results["got after revoke"] = facts(sessions.get(client_session_id=id))
    results["got or created after revoke"] = facts(sessions.get_or_create(user_identifier_key="jane_doe"))
    sessions.delete(client_session_id=nobody.client_session_id)
    results["in the end"] = [facts(one) for one in sessions.list()]
    return results


def errors(seam: Any) -> dict[str, Any]:
    def client(api_key: str) -> Any:
        return sdk.Seam(api_key=api_key, endpoint=given.endpoint)

    sessions = seam.client_sessions
    token = sessions.create().token
    return {
        "unknown api key": refusal(lambda: client("seam_invalid_api_key").devices.list()),
        "missing device": refusal(lambda: seam.devices.get(device_id="unknown-device")),
        "missing account": refusal(lambda: seam.connected_accounts.get(connected_account_id=given.ax)),
        "missing session": refusal(lambda: sessions.get(user_identifier_key="nobody")),
        "foreign account": refusal(lambda: sessions.create(connected_account_ids=[given.ax])),
        "no such route": refusal(lambda: seam.noise_sensors.list()),
        "invalid input": refusal(lambda: sessions.create(connected_account_ids=4242, expires_at="soon")),
        "session token as api key": refusal(lambda: client(token)),
        "publishable key as api key": refusal(lambda: client(given.publishable_key)),
        "any token as api key": refusal(lambda: client("anything")),
    }


def taken_key(seam: Any) -> Any:
    first = seam.client_sessions.create(user_identifier_key="jane_doe")
    try:
        second = seam.client_sessions.create(user_identifier_key="jane_doe", connected_account_ids=[given.a1])
    except sdk.SeamHttpApiError as error:
        return error.code
    return "unchanged" if facts(second) == facts(first) else "changed"


def resources(seam: Any) -> dict[str, Any]:
    results: dict[str, Any] = {}
    made = seam.connect_webviews.create(custom_metadata={"order": 7})
    results["webview"] = [made.status, made.custom_metadata]
    results["webviews"] = len(seam.connect_webviews.list())
    results["webview again"] = seam.connect_webviews.get(connect_webview_id=made.connect_webview_id).status

    identities = seam.user_identities
    jane = identities.create(user_identity_key="jane", full_name="Jane Doe")
    both = {"user_identity_id": jane.user_identity_id, "device_id": given.d1}
    results["identities"] = names(identities.list())
    identities.grant_access_to_device(**both)
    results["accessible"] = names(identities.list_accessible_devices(user_identity_id=jane.user_identity_id))
    identities.revoke_access_to_device(**both)
    results["no longer"] = names(identities.list_accessible_devices(user_identity_id=jane.user_identity_id))

    seam.connected_accounts.delete(connected_account_id=given.a1)
    results["left"] = names(seam.devices.list())
    return results


def person(_: Any) -> dict[str, Any]:
    token = given.access_token
    seam = sdk.Seam.from_personal_access_token(token, given.workspace, endpoint=given.endpoint)
    everywhere = sdk.SeamWithoutWorkspace.from_personal_access_token(token, endpoint=given.endpoint)
    return {
        "devices": names(seam.devices.list()),
        "workspaces": [workspace.name for workspace in everywhere.workspaces.list()],
    }


acts = {
    "story": story,
    "errors": errors,
    "taken key": taken_key,
    "resources": resources,
    "person": person,
    "version": lambda seam: version("seam"),
}
print(json.dumps(acts[sys.argv[1]](sdk.Seam(api_key=given.api_key, endpoint=given.endpoint))))
