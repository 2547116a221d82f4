"""The routes of ``/client_sessions``: one row each, with methods and who it is open to.

Old SDKs POST everything and new ones use the method that fits, so most paths take both.
"""

from client_sessions.models import CLIENT_SESSION
from client_sessions.views import ClientSessionsView as View
from sessions_core.permissions import API_KEY, PUBLISHABLE_KEY, Route, urlpatterns_of

ROUTES = [
    Route("client_sessions/create", View, {"POST": "create", "PUT": "create"}, [API_KEY, PUBLISHABLE_KEY]),
    Route("client_sessions/get", View, {"GET": "retrieve", "POST": "retrieve"}, [API_KEY, CLIENT_SESSION]),
    Route(
        "client_sessions/get_or_create",
        View,
        {"POST": "get_or_create", "PUT": "get_or_create"},
        [API_KEY, PUBLISHABLE_KEY],
    ),
    Route("client_sessions/grant_access", View, {"PATCH": "grant_access", "POST": "grant_access"}, [API_KEY]),
    Route("client_sessions/list", View, {"GET": "list", "POST": "list"}, [API_KEY]),
    Route("client_sessions/revoke", View, {"POST": "revoke"}, [API_KEY]),
    Route("client_sessions/delete", View, {"DELETE": "destroy", "POST": "destroy"}, [API_KEY]),
]

app_name = "client_sessions"
urlpatterns = urlpatterns_of(ROUTES)
