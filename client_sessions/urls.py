"""The endpoints of client sessions: ``path("", include("client_sessions.urls"))``, with any prefix."""

from client_sessions.seam.routes import ROUTES
from sessions_core.http.routes import RouteTable

app_name = "client_sessions"
urlpatterns = [RouteTable(ROUTES)]
