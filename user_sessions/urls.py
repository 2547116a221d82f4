"""The endpoints of user sessions: ``path("", include("user_sessions.urls"))``.

SDKs expect ``/v1/`` and ``/.well-known/`` at the root of the host. Other paths below ``/v1/`` are free.
"""

from django.urls import include, path

from user_sessions.clerk.backend import backend_routes
from user_sessions.clerk.frontend import frontend_routes
from user_sessions.pages.reauthenticate_views import ReauthenticateView

app_name = "user_sessions"
urlpatterns = [
    # One include for both: Django leaves each that does not match with an exception.
    path("v1/", include([*frontend_routes.urlpatterns, *backend_routes.urlpatterns])),
    path("reauthenticate/", ReauthenticateView.as_view(), name="reauthenticate"),
    path(".well-known/", include("user_sessions.clerk.well_known")),
]
