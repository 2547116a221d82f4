"""Our routes below a path prefix, as in a project with other routes."""

from django.urls import include, path

urlpatterns = [
    path("api/seam/", include("client_sessions.urls")),
    path("api/seam/", include("client_sessions.devices.urls")),
]
