"""The routes of ``/client_sessions``, with methods, allowed callers, and the scope that an API key needs.

Old SDKs use POST for everything and new ones use specific methods, so most paths accept both.
"""

from client_sessions.api_key_scopes import CLIENT_SESSIONS
from client_sessions.models.personal_access_tokens import PERSONAL_ACCESS_TOKEN
from client_sessions.models.sessions import CLIENT_SESSION
from client_sessions.seam.views import ClientSessionsView as View
from sessions_core.credentials import API_KEY, PUBLISHABLE_KEY
from sessions_core.http.routes import Route

__all__ = ["ROUTES"]

READ, WRITE = CLIENT_SESSIONS.read, CLIENT_SESSIONS.write

BACKEND = [API_KEY, PERSONAL_ACCESS_TOKEN]

ROUTES = [
    Route("client_sessions/create", View, {"POST": "create", "PUT": "create"}, [*BACKEND, PUBLISHABLE_KEY], WRITE),
    Route("client_sessions/get", View, {"GET": "retrieve", "POST": "retrieve"}, [*BACKEND, CLIENT_SESSION], READ),
    Route(
        "client_sessions/get_or_create",
        View,
        {"POST": "get_or_create", "PUT": "get_or_create"},
        [*BACKEND, PUBLISHABLE_KEY],
        WRITE,
    ),
    Route("client_sessions/grant_access", View, {"PATCH": "grant_access", "POST": "grant_access"}, BACKEND, WRITE),
    Route("client_sessions/revoke_access", View, {"POST": "revoke_access"}, BACKEND, WRITE),
    Route("client_sessions/list", View, {"GET": "list", "POST": "list"}, BACKEND, READ),
    Route("client_sessions/revoke", View, {"POST": "revoke"}, BACKEND, WRITE),
    Route("client_sessions/delete", View, {"DELETE": "destroy", "POST": "destroy"}, BACKEND, WRITE),
]
