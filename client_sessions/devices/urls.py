"""The routes of the reference server's resources: one row each."""

from client_sessions.devices.views import ConnectedAccountsView, DevicesView, WorkspacesView
from client_sessions.permissions import API_KEY, CLIENT_SESSION, Route, urlpatterns_of

READ = ["GET", "POST"]
ANYONE = [API_KEY, CLIENT_SESSION]

ROUTES = [
    Route("devices/list", DevicesView, "list", READ, ANYONE),
    Route("devices/get", DevicesView, "retrieve", READ, ANYONE),
    Route("connected_accounts/list", ConnectedAccountsView, "list", READ, ANYONE),
    Route("connected_accounts/get", ConnectedAccountsView, "retrieve", READ, ANYONE),
    Route("workspaces/get", WorkspacesView, "retrieve", READ, ANYONE),
]

app_name = "devices"
urlpatterns = urlpatterns_of(ROUTES)
