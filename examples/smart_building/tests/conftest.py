from collections.abc import Callable, Iterator

import pytest
from building.models import Camera, Door, Lock, Tenant
from playwright.sync_api import Browser, Page

from client_sessions.models import ClientSession
from sessions_core.models import ApiKey, Workspace
from tests.browsers import chromium


@pytest.fixture
def workspace(db: None) -> Workspace:
    return Workspace.objects.create(name="Smart building", is_sandbox=True)


@pytest.fixture
def api_key(workspace: Workspace) -> str:
    return ApiKey.objects.issue(workspace, name="backend", actor="test")[1]


@pytest.fixture
def tenants(workspace: Workspace) -> list[Tenant]:
    """Two tenants, each with a door, a lock and a camera."""
    tenants = [Tenant.objects.create(name=name) for name in ("first", "second")]
    for tenant in tenants:
        door = Door.objects.create(tenant=tenant, name=f"{tenant.name} door")
        Lock.objects.create(door=door, name=f"{tenant.name} lock")
        Camera.objects.create(door=door, name=f"{tenant.name} camera")
    return tenants


@pytest.fixture
def session_of(workspace: Workspace, client_session_for: Callable[..., ClientSession]) -> Callable[..., ClientSession]:
    return client_session_for


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def new_page(browser: Browser) -> Callable[[], Page]:
    """Open pages in separate browser contexts, which share no storage."""
    return lambda: browser.new_context().new_page()
