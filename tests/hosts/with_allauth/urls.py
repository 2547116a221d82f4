from django.urls import include, path
from pages import urlpatterns as pages

urlpatterns = [*pages, path("accounts/", include("allauth.urls"))]
