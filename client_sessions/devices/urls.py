"""The routes of the sample resources, and the page of a Connect Webview."""

from django.urls import path

from client_sessions.devices.connect import connect
from client_sessions.devices.device_scopes import DEVICES
from client_sessions.devices.views import (
    ConnectedAccountsView,
    ConnectWebviewsView,
    DevicesView,
    UserIdentitiesView,
    WorkspacesView,
)
from client_sessions.models.personal_access_tokens import PERSONAL_ACCESS_TOKEN, UNSCOPED_ACCESS_TOKEN
from client_sessions.models.sessions import CLIENT_SESSION
from sessions_core.credentials import API_KEY
from sessions_core.http.routes import Route, RouteTable

BACKEND = [API_KEY, PERSONAL_ACCESS_TOKEN]
ANYONE = [*BACKEND, CLIENT_SESSION]
READ, WRITE = DEVICES.read, DEVICES.write

GET = {"GET": "retrieve", "POST": "retrieve"}
LIST = {"GET": "list", "POST": "list"}

ROUTES = [
    Route("devices/list", DevicesView, LIST, ANYONE, READ),
    Route("devices/get", DevicesView, GET, ANYONE, READ),
    Route("connected_accounts/list", ConnectedAccountsView, LIST, ANYONE, READ),
    Route("connected_accounts/get", ConnectedAccountsView, GET, ANYONE, READ),
    Route("connected_accounts/delete", ConnectedAccountsView, {"DELETE": "destroy", "POST": "destroy"}, BACKEND, WRITE),
    Route("connect_webviews/create", ConnectWebviewsView, {"POST": "create"}, ANYONE, WRITE),
    Route("connect_webviews/get", ConnectWebviewsView, GET, ANYONE, READ),
    Route("connect_webviews/list", ConnectWebviewsView, LIST, ANYONE, READ),
    Route("workspaces/get", WorkspacesView, GET, ANYONE, READ),
    Route("workspaces/list", WorkspacesView, LIST, [*ANYONE, UNSCOPED_ACCESS_TOKEN], READ),
    Route("user_identities/create", UserIdentitiesView, {"POST": "create"}, BACKEND, WRITE),
    Route("user_identities/list", UserIdentitiesView, LIST, ANYONE, READ),
    Route(
        "user_identities/grant_access_to_device",
        UserIdentitiesView,
        {"PUT": "grant_access_to_device", "POST": "grant_access_to_device"},
        BACKEND,
        WRITE,
    ),
    Route(
        "user_identities/revoke_access_to_device",
        UserIdentitiesView,
        {"DELETE": "revoke_access_to_device", "POST": "revoke_access_to_device"},
        BACKEND,
        WRITE,
    ),
    Route(
        "user_identities/list_accessible_devices",
        UserIdentitiesView,
        {"GET": "list_accessible_devices", "POST": "list_accessible_devices"},
        BACKEND,
        READ,
    ),
]

app_name = "client_sessions_devices"
urlpatterns = [
    RouteTable(ROUTES),
    path("connect/<uuid:webview_id>/<str:signature>", connect, name="connect"),
]
