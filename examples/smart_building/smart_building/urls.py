from django.urls import include, path

urlpatterns = [
    path("", include("building.urls")),
    # For the backend: create, change and revoke client sessions.
    path("gatepass/", include("client_sessions.urls")),
]
