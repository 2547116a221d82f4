"""The routes of ``/client_sessions``: one row each, with methods and who it is open to.

Old SDKs POST everything and new ones use the method that fits, so most paths take both.
"""

from client_sessions.permissions import API_KEY, CLIENT_SESSION, PUBLISHABLE_KEY, Route, urlpatterns_of
from client_sessions.views import ClientSessionsView as View

ROUTES = [
    Route("client_sessions/create", View, "create", ["POST", "PUT"], [API_KEY, PUBLISHABLE_KEY]),
    Route("client_sessions/get", View, "retrieve", ["GET", "POST"], [API_KEY, CLIENT_SESSION]),
    Route("client_sessions/get_or_create", View, "get_or_create", ["POST", "PUT"], [API_KEY, PUBLISHABLE_KEY]),
    Route("client_sessions/grant_access", View, "grant_access", ["PATCH", "POST"], [API_KEY]),
    Route("client_sessions/list", View, "list", ["GET", "POST"], [API_KEY]),
    Route("client_sessions/revoke", View, "revoke", ["POST"], [API_KEY]),
    Route("client_sessions/delete", View, "destroy", ["DELETE", "POST"], [API_KEY]),
]

app_name = "client_sessions"
urlpatterns = urlpatterns_of(ROUTES)
