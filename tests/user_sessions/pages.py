"""A caller of the Frontend API that sends exactly the cookies and headers that the test gives."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from django.test import Client as Handler
from django.utils import timezone

from sessions_core.models import AllowedOrigin, Workspace
from tests.callers import error_of
from user_sessions.models import Client, Ticket, UserSession
from user_sessions.tokens.client_tokens import client_token
from user_sessions.tokens.ticket_tokens import ticket_token

HOST = "here.example.com"
APP = "https://app.example.com"
FORM = "application/x-www-form-urlencoded"
HOSTS = [HOST, "elsewhere.example.com", "live.example.com", "testserver"]


class Page:
    """``cookie`` is the client's token, updated as in a browser. A header that is None is not sent."""

    def __init__(self, *, cookie: str | None = None, host: str = HOST, **headers: str | None) -> None:
        self.cookie = cookie
        self.headers: dict[str, str | None] = {"host": host, "origin": APP, **headers}
        self.handler = Handler(raise_request_exception=True)

    def send(self, method: str, path: str, body: Any = b"", *, type: str = FORM, **headers: str | None) -> Any:
        """``body`` is a form, or bytes of the ``type``."""
        content = body if isinstance(body, bytes) else urlencode(body).encode()
        sent = {"cookie": f"__client={self.cookie}" if self.cookie else None, **self.headers}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        headers_sent = {name: value for name, value in sent.items() if value is not None}
        response: Any = self.handler.generic(method, f"/v1/{path}", content, content_type=type, headers=headers_sent)
        self.handler.cookies.clear()
        if "__client" in response.cookies:
            self.cookie = response.cookies["__client"].value
        response.error = error_of(response)
        return response

    def get(self, path: str, **headers: str | None) -> Any:
        return self.send("GET", path, **headers)

    def post(self, path: str, **form: str) -> Any:
        return self.send("POST", path, form)

    def use(self, ticket: str) -> Any:
        return self.post("client/sign_ins", strategy="ticket", ticket=ticket)

    def signed_in(self) -> list[str]:
        """Return the ids of the client's listed sessions, or an empty list for a visitor."""
        client = self.get("client").json()["response"]
        return [session["id"] for session in client["sessions"]] if client else []


def app() -> Page:
    """Return a native app, without origin and cookies."""
    return Page(origin=None)


def ticket_for(workspace: Workspace, user: Any, **how: Any) -> str:
    now = timezone.now()
    return ticket_token(Ticket.objects.issue(workspace, user, actor="test", lifetime=timedelta(hours=1), **how), at=now)


def signed_in_client(workspace: Workspace, *users: Any) -> Client:
    """Return a client with a session of each user; the last one is active."""
    client = Client.objects.begin(workspace, at=timezone.now())
    for user in users:
        UserSession.objects.start(workspace, user, actor="test", client=client)
    return Client.objects.get(pk=client.pk)


def token_of(client: Client) -> str:
    """Return the client's current token."""
    return client_token(Client.objects.select_related("workspace").get(pk=client.pk))


def listing(workspace: Workspace) -> Workspace:
    """List the app's origin in the workspace."""
    AllowedOrigin.objects.get_or_create(workspace=workspace, origin=APP)
    return workspace


def handshake(page: Page, url: str = f"{APP}/", **query: str) -> Any:
    """Request a handshake, as an app's server redirects a browser to."""
    return page.get(
        f"client/handshake?redirect_url={quote(url, safe='')}" + "".join(f"&{n}={v}" for n, v in query.items())
    )
