"""The routes of a host project, and one ``include`` for each of our apps."""

import os

from django.apps import apps
from django.urls import include, path

urlpatterns = [path("", include(f"{os.environ['HOST']}.urls"))]
urlpatterns += [
    path("", include(f"{app}.urls")) for app in ("client_sessions", "user_sessions") if apps.is_installed(app)
]
