"""Our routes below a path, as in a project that has routes of its own."""

from django.urls import include, path

urlpatterns = [
    path("api/seam/", include("client_sessions.urls")),
    path("api/seam/", include("client_sessions.devices.urls")),
]
