"""Routes below ``/.well-known/`` (RFC 8615), for any verifier."""

from django.urls import path

from user_sessions.clerk.backend.key_set_views import PublicJwksView

app_name = "user_sessions_well_known"
urlpatterns = [path("jwks.json", PublicJwksView.as_view({"get": "list"}))]
