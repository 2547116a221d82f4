"""The routes of the reference server, and the bare view."""

from django.urls import path

from benchmarks.host.views import Bare
from sessions_project.urls import handler400, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler404", "handler500", "urlpatterns"]

urlpatterns = [path("bare", Bare.as_view()), *urlpatterns]
