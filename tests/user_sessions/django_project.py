"""Pages of a Django project with its own sign-in, for tests."""

from pathlib import Path
from typing import Any

from django.contrib import admin
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "user_sessions.middleware.UserSessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]


ENGINES = ["db", "cache", "cached_db", "file", "signed_cookies"]


def install(settings: Any, folder: Path, *, urls: str = __name__) -> None:
    """Let the tests ask this project. ``folder`` keeps the sessions of the engine ``file``."""
    settings.ROOT_URLCONF, settings.MIDDLEWARE, settings.ALLOWED_HOSTS = urls, MIDDLEWARE, ["*"]
    settings.SESSION_FILE_PATH = str(folder)
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


def use_engine(settings: Any, name: str) -> str:
    """Keep Django's sessions with this engine. Return its name."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{name}"
    return name


def public(request: HttpRequest) -> HttpResponse:
    return HttpResponse("public")


@login_required(login_url="/login/")
def private(request: Any) -> HttpResponse:
    session = request.user_session
    return JsonResponse({"user": request.user.get_username(), "session": session.pk if session else None})


@login_required(login_url="/login/")
def account(request: Any) -> HttpResponse:
    return HttpResponse(f"<h1>Account of {request.user.get_username()}</h1><a href=''>Reload</a>")


async def asynchronous(request: Any) -> HttpResponse:
    user, session = await request.auser(), await request.auser_session()
    return JsonResponse({"user": user.get_username(), "session": session.pk if session else None})


def flushing(request: HttpRequest) -> HttpResponse:
    request.session.flush()
    return HttpResponse()


def revoking(request: Any) -> HttpResponse:
    request.user_session.revoke(actor="the page")
    return HttpResponse()


def becoming(request: Any, name: str) -> HttpResponse:
    login(request, User.objects.get(username=name), "django.contrib.auth.backends.ModelBackend")
    response: HttpResponse = private(request)
    return response


urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("user_sessions.urls")),
    path("public/", public),
    path("private/", private),
    path("account/", account),
    path("asynchronous/", asynchronous),
    path("flushing/", flushing),
    path("revoking/", revoking),
    path("becoming/<name>/", becoming),
    path("login/", LoginView.as_view(template_name="admin/login.html", next_page="/private/")),
    path("logout/", LogoutView.as_view(next_page="/public/")),
    path("password/", PasswordChangeView.as_view(success_url="/private/")),
]
