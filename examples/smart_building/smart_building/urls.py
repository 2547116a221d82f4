from django.urls import include, path

urlpatterns = [
    path("", include("building.urls")),
    # For the backend: opens client sessions, widens and ends them.
    path("gatepass/", include("client_sessions.urls")),
]
