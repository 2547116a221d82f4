"""The routes of the sample resources, and the page of a Connect Webview."""

from django.urls import path

from client_sessions.devices.connect import connect
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
from sessions_core.http.routes import Route, urlpatterns_of

BACKEND = [API_KEY, PERSONAL_ACCESS_TOKEN]
ANYONE = [*BACKEND, CLIENT_SESSION]

READ = {"GET": "retrieve", "POST": "retrieve"}
LIST = {"GET": "list", "POST": "list"}

ROUTES = [
    Route("devices/list", DevicesView, LIST, ANYONE),
    Route("devices/get", DevicesView, READ, ANYONE),
    Route("connected_accounts/list", ConnectedAccountsView, LIST, ANYONE),
    Route("connected_accounts/get", ConnectedAccountsView, READ, ANYONE),
    Route("connected_accounts/delete", ConnectedAccountsView, {"DELETE": "destroy", "POST": "destroy"}, BACKEND),
    Route("connect_webviews/create", ConnectWebviewsView, {"POST": "create"}, ANYONE),
    Route("connect_webviews/get", ConnectWebviewsView, READ, ANYONE),
    Route("connect_webviews/list", ConnectWebviewsView, LIST, ANYONE),
    Route("workspaces/get", WorkspacesView, READ, ANYONE),
    Route("workspaces/list", WorkspacesView, LIST, [*ANYONE, UNSCOPED_ACCESS_TOKEN]),
    Route("user_identities/create", UserIdentitiesView, {"POST": "create"}, BACKEND),
    Route("user_identities/list", UserIdentitiesView, LIST, ANYONE),
    Route(
        "user_identities/grant_access_to_device",
        UserIdentitiesView,
        {"PUT": "grant_access_to_device", "POST": "grant_access_to_device"},
        BACKEND,
    ),
    Route(
        "user_identities/revoke_access_to_device",
        UserIdentitiesView,
        {"DELETE": "revoke_access_to_device", "POST": "revoke_access_to_device"},
        BACKEND,
    ),
    Route(
        "user_identities/list_accessible_devices",
        UserIdentitiesView,
        {"GET": "list_accessible_devices", "POST": "list_accessible_devices"},
        BACKEND,
    ),
]

app_name = "client_sessions_devices"
urlpatterns = [
    *urlpatterns_of(ROUTES),
    path("connect/<uuid:webview_id>/<str:signature>", connect, name="connect"),
]
