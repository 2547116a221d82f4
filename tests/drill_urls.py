"""Pages of the drill: those of the reference server, views behind a session token, and Django's own sign-in."""

import json

from django.contrib.auth import authenticate, login
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from sessions_project.urls import handler400, handler404, handler500
from sessions_project.urls import urlpatterns as pages

__all__ = ["handler400", "handler404", "handler500", "urlpatterns"]


@csrf_exempt
def sign_in(request: HttpRequest) -> JsonResponse:
    login(request, authenticate(request, **json.loads(request.body)))
    return JsonResponse({"session": request.user_session.pk})  # type: ignore[attr-defined]  # set by the middleware


def me(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"name": request.user.get_username()})


urlpatterns = [
    path("drill/sign_in", sign_in),
    path("drill/me", me),
    path("mine/", include("tests.user_sessions.signed_in_views")),
    *pages,
]
