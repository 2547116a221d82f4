from django.contrib import admin
from django.urls import include, path

from sessions_core.http.routes import ANY_KEY, Route
from sessions_project import views
from sessions_project.console_sign_in import sign_in
from user_sessions.clerk.backend.backend_routes import BACKENDS
from user_sessions.clerk.backend.unknown_backend_views import UnknownView
from user_sessions.clerk.paths import ANY_METHOD, ANYTHING

handler400 = views.bad_request
handler404 = views.not_found
handler500 = views.server_error

urlpatterns = [
    path("", views.landing, name="landing"),
    path("browser_sdk/<path:path>", views.browser_sdk, name="browser_sdk"),
    path("health", views.health, name="health"),
    path("ready", views.ready, name="ready"),
    path("admin/login/", sign_in),
    path("admin/", admin.site.urls),
    path("", include("client_sessions.urls")),
    path("", include("client_sessions.devices.urls")),
    path("", include("user_sessions.urls")),
    Route(f"v1/{ANYTHING}", UnknownView, ANY_METHOD, BACKENDS, ANY_KEY).urlpattern(),
]
