"""The code on the page about guarded views runs: Django, REST framework, Django Ninja, Channels and plain ASGI."""

import json
from types import ModuleType
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.test import AsyncClient, Client
from django.urls import path

from sessions_core.models import AllowedOrigin
from tests.pages import blocks, table
from user_sessions import exceptions
from user_sessions.exceptions import SessionTokenError, SessionTokenRefused
from user_sessions.guards import aauthenticate_scope, refusal_response
from user_sessions.models import UserSession
from user_sessions.tokens.session_tokens import session_token

PAGE = "session-tokens-in-views.md"
APP = "https://app.example.com"


@pytest.fixture(scope="module")
def page() -> ModuleType:
    """Return a module of a host with the code of the page, and with routes."""
    module = ModuleType("recipes")
    for block in blocks(PAGE, "python"):
        exec(compile(block, PAGE, "exec"), vars(module))
    names: dict[str, Any] = vars(module)
    module.urlpatterns = [  # type: ignore[attr-defined]
        path("transfer", names["transfer"]),
        path("greeting", names["greeting"]),
        path("orders", names["Orders"].as_view()),
        path("profile", names["profile"]),
        path("ninja/", names["api"].urls),
    ]
    return module


@pytest.fixture
def host(page, settings) -> ModuleType:
    settings.ROOT_URLCONF = page
    return page


@pytest.fixture
def token(session: UserSession) -> str:
    return session_token(session)


@pytest.fixture
def cookie(session: UserSession) -> str:
    AllowedOrigin.objects.create(workspace=session.workspace, origin=APP)
    return session_token(session, authorized_party=APP)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("transfer", {"from": "u1", "session": "<session>"}),
        ("orders", {"user": "<user>", "impersonator": None}),
        ("profile", {"name": "u1"}),
        ("ninja/orders", {"user": "<user>", "session": "<session>"}),
    ],
)
def test_a_view_of_the_page_lets_a_token_in_and_nobody_else(host, session, token, path, expected):
    facts = {"<session>": session.pk, "<user>": session.user_id}
    response = Client().get(f"/{path}", headers={"authorization": f"Bearer {token}"})
    assert response.json() == {name: facts.get(value, value) for name, value in expected.items()}
    session.revoke(actor="test")
    refused = Client().get(f"/{path}", headers={"authorization": "Bearer x.y.z"})
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_an_asynchronous_view_of_the_page_works(host, session, token):
    response = async_to_sync(AsyncClient().get)("/greeting", headers={"authorization": f"Bearer {token}"})
    assert response.json() == {"user": session.user_id}


def test_a_change_through_ninja_with_the_cookie_needs_the_csrf_token(host, cookie):
    client = Client(enforce_csrf_checks=True)
    client.cookies["__session"] = cookie
    assert client.get("/ninja/orders").status_code == 200
    assert client.post("/ninja/orders").json()["code"] == "csrf_failed"


# WebSockets


def connected(host: ModuleType, *headers: tuple[bytes, bytes], name: bytes = b"testserver", scheme: str = "ws") -> Any:
    """Return the first message of a WebSocket, or the code with which it was refused."""
    scope = {"type": "websocket", "scheme": scheme, "path": "/", "headers": [(b"host", name), *headers]}

    async def connect() -> Any:
        socket = ApplicationCommunicator(host.websockets, scope)
        await socket.send_input({"type": "websocket.connect"})
        first = await socket.receive_output(10)
        if first["type"] == "websocket.close":
            return first["code"]
        message = await socket.receive_output(10)
        await socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await socket.wait()
        return json.loads(message["text"])

    return async_to_sync(connect)()


@pytest.mark.promise("P32")
@pytest.mark.parametrize(
    ("origin", "expected"), [(APP, {"hello": "u1"}), ("http://testserver", {"hello": "u1"}), ("https://evil.com", 4401)]
)
def test_a_websocket_with_the_cookie_needs_the_origin_of_a_page_of_ours(host, cookie, origin, expected):
    headers = [(b"cookie", f"__session={cookie}".encode()), (b"origin", origin.encode())]
    assert connected(host, *headers) == expected


@pytest.mark.django_db(transaction=True)  # Channels closes the connection after each WebSocket
def test_a_websocket_needs_a_valid_token_and_with_a_bearer_no_origin(host, session, token, cookie):
    bearer = (b"authorization", f"Bearer {token}".encode())
    assert connected(host, bearer) == {"hello": "u1"}
    assert connected(host, (b"cookie", f"__session={cookie}".encode())) == 4401
    assert connected(host) == 4401
    session.revoke(actor="test")
    assert connected(host, bearer) == 4401


def test_a_websocket_on_an_unknown_host_is_refused(host, session):
    cookie = session_token(session, authorized_party="http://evil.com")
    headers = [(b"cookie", f"__session={cookie}".encode()), (b"origin", b"http://evil.com")]
    assert connected(host, *headers, name=b"evil.com") == 4401


@pytest.mark.promise("P32")
def test_the_cookie_is_refused_on_a_host_that_the_project_does_not_allow(host, session, cookie, token):
    in_cookie, evil = (b"cookie", f"__session={cookie}".encode()), b"evil.com"
    for headers in ([in_cookie], [in_cookie, (b"origin", b"")], [in_cookie, (b"origin", APP.encode())]):
        assert connected(host, *headers, name=evil) == 4401
    for method in ("GET", "POST"):
        assert answered(host, method, in_cookie, name=evil) == (401, "wrong_origin")
    assert answered(host, "POST", (b"authorization", f"Bearer {token}".encode()), name=evil)[0] == 200


def test_the_scheme_of_a_secure_websocket_is_https(host, session):
    cookie = session_token(session, authorized_party="https://testserver")
    headers = [(b"cookie", f"__session={cookie}".encode()), (b"origin", b"https://testserver")]
    assert [connected(host, *headers, scheme=each) for each in ("wss", "ws")] == [{"hello": "u1"}, 4401]


def test_an_open_websocket_can_check_its_session_again(host, session, token):
    async def checked_twice() -> list[bool]:
        headers = [(b"host", b"testserver"), (b"authorization", f"Bearer {token}".encode())]
        caller = await aauthenticate_scope({"type": "websocket", "scheme": "ws", "path": "/", "headers": headers})
        before = await host.is_signed_in(caller.claims)
        await session.arevoke(actor="test")
        return [before, await host.is_signed_in(caller.claims)]

    assert async_to_sync(checked_twice)() == [True, False]


# Plain ASGI


def answered(
    host: ModuleType, method: str, *headers: tuple[bytes, bytes], name: bytes = b"testserver"
) -> tuple[int, str]:
    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": "/",
        "headers": [(b"host", name), *headers],
    }

    async def ask() -> tuple[int, str]:
        caller = ApplicationCommunicator(host.whoami, scope)
        start, body = [await caller.receive_output(10) for _ in range(2)]
        await caller.wait()
        return start["status"], body["body"].decode()

    return async_to_sync(ask)()


def test_a_plain_asgi_application_knows_the_user(host, session, token, cookie):
    bearer = (b"authorization", f"Bearer {token}".encode())
    in_cookie = (b"cookie", f"__session={cookie}".encode())
    user = f"user_{session.user_id}"
    assert answered(host, "POST", bearer) == (200, user)
    assert answered(host, "GET", in_cookie) == (200, user)
    assert answered(host, "POST", in_cookie) == (401, "wrong_origin")
    assert answered(host, "POST", in_cookie, (b"origin", APP.encode())) == (200, user)
    assert answered(host, "GET") == (401, "not_authenticated")


# The table of errors


def test_every_error_is_documented_with_its_status():
    kinds = [each for each in vars(exceptions).values() if isinstance(each, type) and hasattr(each, "code")]
    documented = {(code, int(status), name) for code, status, name, _ in table(PAGE, "Errors")}
    assert documented == {(each.code, refusal_response(each()).status_code, each.__name__) for each in kinds}
    assert all(issubclass(each, SessionTokenError) for each in kinds)
    assert {name for _, status, name in documented if status == 401} == {
        each.__name__ for each in kinds if issubclass(each, SessionTokenRefused)
    }


def test_the_response_to_an_error_has_its_code_and_is_private():
    response = refusal_response(exceptions.SessionsUnavailable())
    assert json.loads(response.content)["code"] == "sessions_unavailable"
    assert (response.headers["Retry-After"], response.headers["Cache-Control"]) == ("2", "private, no-store")
