"""Pages that most host projects have."""

from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpResponse
from django.urls import path


def home(request):
    return HttpResponse("for all")


@login_required
def private(request):
    return HttpResponse(f"for {request.user.get_username()}")


urlpatterns = [
    path("", home),
    path("private/", private),
    path("login/", LoginView.as_view(template_name="admin/login.html")),
    path("logout/", LogoutView.as_view(next_page="/")),
    path("admin/", admin.site.urls),
]
