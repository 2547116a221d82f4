"""URLs of a host that includes the page "Your devices" twice, in namespaces of its own, for tests."""

from django.urls import include, path

from tests.user_sessions import django_project

account = [path("devices/", include("user_sessions.pages.device_urls"))]

urlpatterns = [
    path("account/", include((account, "account"))),
    path("staff/", include((account, "staff"))),
    *django_project.urlpatterns,
]
