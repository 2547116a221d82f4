"""The routes of the reference server's resources: one row each."""

from client_sessions.devices.views import ConnectedAccountsView, DevicesView, WorkspacesView
from client_sessions.models import CLIENT_SESSION
from sessions_core.permissions import API_KEY, Route, urlpatterns_of

ANYONE = [API_KEY, CLIENT_SESSION]

ROUTES = [
    Route("devices/list", DevicesView, {"GET": "list", "POST": "list"}, ANYONE),
    Route("devices/get", DevicesView, {"GET": "retrieve", "POST": "retrieve"}, ANYONE),
    Route("connected_accounts/list", ConnectedAccountsView, {"GET": "list", "POST": "list"}, ANYONE),
    Route("connected_accounts/get", ConnectedAccountsView, {"GET": "retrieve", "POST": "retrieve"}, ANYONE),
    Route("workspaces/get", WorkspacesView, {"GET": "retrieve", "POST": "retrieve"}, ANYONE),
]

app_name = "devices"
urlpatterns = urlpatterns_of(ROUTES)
