"""Users, and callers that sign them in."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.views.debug import ExceptionReporter

from client_sessions.models import PersonalAccessToken
from sessions_core.models import Workspace
from tests.callers import Caller
from tests.sdks.packages import clerk_sdk
from tests.user_sessions.frontend import App, Browser, Frontend
from tests.user_sessions.pages import HOSTS, Page, listing, signed_in_client, token_of
from user_sessions.clerk.cookies import publishable_key
from user_sessions.models import Client, Ticket, UserSession
from user_sessions.users import user_id


@pytest.fixture
def u1(db: None) -> User:
    return get_user_model().objects.create_user("u1", first_name="Maria", last_name="Doe")


@pytest.fixture
def u2(db: None) -> User:
    return get_user_model().objects.create_user("u2")


@pytest.fixture
def sign_in(backend: Caller) -> Callable[[User], dict[str, Any]]:
    """Return a function that creates a session through the API and returns its JSON."""

    def sign_in(user: User) -> dict[str, Any]:
        response = backend.post("v1/sessions", user_id=user_id(user.pk))
        assert response.status_code == 200, response.content
        session: dict[str, Any] = response.json()
        return session

    return sign_in


@pytest.fixture
def session(workspace: Workspace, u1: User) -> UserSession:
    return UserSession.objects.start(workspace, u1, actor="test")


@pytest.fixture
def everything(workspace: Workspace, u1: User, session: UserSession) -> User:
    """Return a user with rows of every kind."""
    Ticket.objects.issue(workspace, u1, actor="test", lifetime=timedelta(hours=1))
    PersonalAccessToken.objects.issue(u1, [workspace], name="a laptop", actor="test")
    return u1


@pytest.fixture
def at_home(workspace: Workspace, settings: Any) -> Workspace:
    """Return the workspace with a frontend API."""
    settings.ALLOWED_HOSTS = HOSTS
    return workspace


@pytest.fixture
def browser(at_home: Workspace) -> Browser:
    return Browser()


@pytest.fixture
def app(at_home: Workspace) -> App:
    return App()


@pytest.fixture(params=[Browser, App])
def frontend(request: pytest.FixtureRequest, at_home: Workspace) -> Frontend:
    """Return a caller of the Frontend API: once a browser and once an app."""
    caller: Frontend = request.param()
    return caller


@pytest.fixture
def hosts(settings: Any) -> None:
    """Allow the hosts of the workspaces."""
    settings.ALLOWED_HOSTS = HOSTS


class Reports(logging.Handler):
    """Collects the reports that Django would mail to ADMINS about unhandled errors, as text and HTML."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: Any) -> None:
        report = ExceptionReporter(record.request, *record.exc_info, is_email=True)
        self.texts.append(report.get_traceback_text() + report.get_traceback_html())


@pytest.fixture
def reports() -> Iterator[list[str]]:
    handler, logger = Reports(), logging.getLogger("django.request")
    logger.addHandler(handler)
    yield handler.texts
    logger.removeHandler(handler)


@pytest.fixture
def client_of_u1(workspace: Workspace, u1: User) -> Client:
    """Return a client with ``u1`` signed in; the workspace lists the origin ``APP``."""
    return signed_in_client(listing(workspace), u1)


@pytest.fixture
def page(client_of_u1: Client) -> Page:
    return Page(cookie=token_of(client_of_u1))


@pytest.fixture
def minting(client_of_u1: Client) -> str:
    """Return the path that mints a token."""
    return f"client/sessions/{client_of_u1.last_active_session_id}/tokens"


@pytest.fixture
def redirected(client_of_u1: Client) -> Page:
    """Return a browser after a cross-site redirect, which sends no origin."""
    return Page(cookie=token_of(client_of_u1), origin=None, sec_fetch_site="cross-site", sec_fetch_mode="navigate")


@pytest.fixture
def profiles(settings: Any) -> None:
    """Give ``u1`` and ``u2`` the profiles in docs/wire/clerk.md."""
    settings.USER_SESSIONS = {"USER_PROFILE": "tests.user_sessions.profiles.profile_of"}


@pytest.fixture
def javascript_sdk(javascript: Path, live_server: Any, workspace: Workspace, api_key: str) -> Callable[..., Any]:
    """Return a function that runs an act of the JavaScript SDK's script: ``javascript_sdk("jwks")``."""
    key = publishable_key(workspace)
    return partial(clerk_sdk().play, endpoint=live_server.url, api_key=api_key, publishable_key=key)


def listed(caller: Caller, query: str) -> list[str]:
    """Return the listed ids, in order."""
    response = caller.get("v1/sessions", query)
    assert response.status_code == 200, response.content
    answer = response.json()
    return [session["id"] for session in (answer if isinstance(answer, list) else answer["data"])]


def minted(backend: Caller, session_id: str, *, template: str = "", **body: Any) -> str:
    """Return a session token, or a token from a template."""
    response = backend.post(f"v1/sessions/{session_id}/tokens{template and f'/{template}'}", **body)
    assert response.status_code == 200, response.content
    assert response.json()["object"] == "token"
    token: str = response.json()["jwt"]
    return token


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def first_error(response: Any) -> dict[str, Any]:
    error: dict[str, Any] = response.json()["errors"][0]
    return error
