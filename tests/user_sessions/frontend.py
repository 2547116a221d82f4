"""Callers of the Frontend API, a browser or a native app, over Django's own handler."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.test import Client
from django.utils import timezone

from tests.callers import error_of
from user_sessions.models import Ticket, UserSession, UserSessionPolicy
from user_sessions.tokens.client_tokens import client_token
from user_sessions.tokens.ticket_tokens import ticket_token

__all__ = ["HERE", "PAGE", "App", "Browser", "Frontend"]

# Host of the workspace's frontend API, and origin of the calling page.
HERE = "here.example.com"
PAGE = "http://localhost:3000"

HOUR = timedelta(hours=1)


class Frontend:
    """Calls the API: ``frontend.post("v1/client/sign_ins", strategy="ticket", ticket=…)``."""

    # The client's token that the caller has, or an empty string.
    credential: str

    def __init__(self, *, host: str = HERE, **headers: str) -> None:
        self.host = host
        self.headers = headers
        self.client = Client()

    def request(self, method: str, path: str, query: str = "", **form: str) -> Any:
        raise NotImplementedError

    def get(self, path: str, query: str = "") -> Any:
        return self.request("GET", path, query)

    def post(self, path: str, query: str = "", **form: str) -> Any:
        return self.request("POST", path, query, **form)

    def verb(self, session: UserSession | str, verb: str, query: str = "", **form: str) -> Any:
        """Call ``touch``, ``end``, ``tokens`` … of a session of this client."""
        id = session if isinstance(session, str) else session.pk
        return self.post(f"v1/client/sessions/{id}/{verb}", query, **form)

    def client_json(self) -> Any:
        """Return the client object, or None for a visitor."""
        response = self.get("v1/client")
        assert response.status_code == 200, response.content
        assert response.json()["client"] is None
        return response.json()["response"]

    def ticket_for(self, user: Any, **how: Any) -> str:
        """Return a ticket as a backend gets it; with an ``impersonator`` it starts an impersonation."""
        workspace = UserSessionPolicy.objects.workspace_at(self.host)
        ticket = Ticket.objects.issue(workspace, user, **{"actor": "test", "lifetime": HOUR, **how})
        return ticket_token(ticket, at=timezone.now())

    def use_ticket(self, ticket: str) -> Any:
        return self.post("v1/client/sign_ins", strategy="ticket", ticket=ticket)

    def try_to_sign_in(self, user: Any, **how: Any) -> Any:
        return self.use_ticket(self.ticket_for(user, **how))

    def sign_in(self, user: Any, **how: Any) -> UserSession:
        """Sign the user in. Return the session."""
        response = self.try_to_sign_in(user, **how)
        assert response.status_code == 200, response.content
        return UserSession.objects.get(pk=response.json()["response"]["created_session_id"])

    def start_session(self, user: Any) -> UserSession:
        """Start a session on a new client without an API request and without a session token."""
        session = UserSession.objects.start(UserSessionPolicy.objects.workspace_at(self.host), user, actor="test")
        self.credential = client_token(session.client)
        return session

    def _send(self, method: str, path: str, query: str, form: dict[str, str], **headers: str) -> Any:
        response: Any = self.client.generic(
            method,
            f"/{path}{query}",
            urlencode(form),
            content_type="application/x-www-form-urlencoded",
            headers={"host": self.host, **headers, **self.headers},
        )
        is_json = response.headers.get("Content-Type") == "application/json"
        response.error = error_of(response) if is_json else ""
        return response


class Browser(Frontend):
    """A browser: keeps cookies and sends the origin of its page."""

    def __init__(self, *, page: str = PAGE, host: str = HERE, **headers: str) -> None:
        super().__init__(host=host, **headers)
        self.page = page

    @property
    def credential(self) -> str:  # type: ignore[override]
        return self.cookie("__client")

    @credential.setter
    def credential(self, token: str) -> None:
        self.client.cookies["__client"] = token

    def cookie(self, name: str) -> str:
        return self.client.cookies[name].value if name in self.client.cookies else ""

    def request(self, method: str, path: str, query: str = "", **form: str) -> Any:
        response = self._send(method, path, query, form, **({"origin": self.page} if self.page else {}))
        for name in [name for name, cookie in self.client.cookies.items() if cookie["max-age"] == 0]:
            del self.client.cookies[name]
        return response

    @property
    def sets_signed_in_cookie(self) -> bool:
        """Return True if ``__client_uat`` says that a user is signed in."""
        return self.cookie("__client_uat") not in ("", "0")


class App(Frontend):
    """A native app: sends the latest token that it received."""

    credential = ""

    def request(self, method: str, path: str, query: str = "", **form: str) -> Any:
        query = f"{query}{'&' if query else '?'}_is_native=1"
        response = self._send(method, path, query, form, authorization=self.credential)
        assert not response.cookies
        self.credential = response.headers.get("Authorization", self.credential)
        return response
