"""Two accounts with devices in one workspace, one in another, and their callers."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from client_sessions.devices.models import ConnectedAccount, ConnectWebview, Customer, Device, UserIdentity
from client_sessions.models import ClientSession
from sessions_core.models import ApiKey, Workspace
from tests.callers import Caller
from tests.sdks import packages


@pytest.fixture
def publishable_key(workspace: Workspace) -> str:
    return ApiKey.objects.issue_publishable(workspace, name="a web app", actor="operator:test").publishable_key


@pytest.fixture
def web_app(publishable_key: str) -> Caller:
    return Caller(**{"seam-publishable-key": publishable_key})


@pytest.fixture
def home(workspace: Workspace, elsewhere: Workspace) -> SimpleNamespace:
    """A1 has D1 and D2, A2 has D3; AX is another tenant's. Ids as text."""

    def account(name: str, of: Workspace = workspace, **more: Any) -> ConnectedAccount:
        return ConnectedAccount.objects.create(workspace=of, display_name=name, email=f"{name}@example.com", **more)

    def device(name: str, of: ConnectedAccount) -> Device:
        return Device.objects.create(workspace_id=of.workspace_id, connected_account=of, name=name)

    customer = Customer.objects.create(workspace=workspace, key="acme")
    a1, a2, ax = account("a1"), account("a2", customer=customer), account("ax", elsewhere)
    d1, d2, d3, dx = device("d1", a1), device("d2", a1), device("d3", a2), device("dx", ax)
    identity = UserIdentity.objects.create(workspace=workspace, full_name="Unknown")
    identity.devices.add(d3)
    webview = ConnectWebview.objects.create(workspace=workspace, connected_account=a2)
    pending = ConnectWebview.objects.create(workspace=workspace)
    rows = {name: value for name, value in locals().items() if hasattr(value, "pk")}
    return SimpleNamespace(**{name: str(row.pk) for name, row in rows.items()}, rows=rows)


@pytest.fixture(scope="session")
def older_seam() -> Path:
    """The folder with the older Python SDK."""
    return packages.older_seam()


@pytest.fixture
def open_session(backend: Caller) -> Callable[..., dict[str, Any]]:
    """Return a function that creates a client session through the API and returns its JSON."""

    def open_session(**parameters: Any) -> dict[str, Any]:
        response = backend.post("client_sessions/create", **parameters)
        assert response.status_code == 200, response.content
        session: dict[str, Any] = response.json()["client_session"]
        return session

    return open_session


def devices_seen(caller: Caller, query: str = "") -> list[str]:
    """Return the names of the devices that the caller sees, in order."""
    response = caller.get("devices/list", query)
    assert response.status_code == 200, response.content
    return [device["display_name"] for device in response.json()["devices"]]


def row_of(session: dict[str, Any]) -> ClientSession:
    return ClientSession.objects.get(pk=session["client_session_id"])
