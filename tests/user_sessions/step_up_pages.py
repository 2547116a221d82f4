"""Pages of a Django project that require a recent authentication, for tests."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_core.http.caller import bearer_of
from sessions_core.models import Workspace
from tests.user_sessions import django_project
from user_sessions.keys.key_sets import verifier_of
from user_sessions.permissions import verified_within_permission
from user_sessions.step_up import verified_within
from user_sessions.verify import SessionClaims

MINUTES = 10


def claims_in(request: Any) -> SessionClaims | None:
    """Return the claims of the bearer, as the guards for session tokens do."""
    token = bearer_of(request)
    return verifier_of(Workspace.objects.get(), at=timezone.now()).verify(token) if token else None


def with_claims(view: Callable[..., Any]) -> Callable[..., Any]:
    """Set ``request.auth`` as the guards for session tokens do."""

    @wraps(view)
    def authenticated(request: Any) -> Any:
        request.auth = claims_in(request)
        return view(request)

    return authenticated


class ByClaims(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[object, SessionClaims] | None:
        claims = claims_in(request)
        return (object(), claims) if claims else None


class ByName(BaseAuthentication):
    """Another way to authenticate, beside the Django session: ``Authorization: Name ann``."""

    def authenticate(self, request: Request) -> tuple[object, str] | None:
        from django.contrib.auth.models import User

        scheme, _, name = request.headers.get("authorization", "").partition(" ")
        return (User.objects.get(username=name), name) if scheme == "Name" else None


@with_claims
@verified_within(minutes=MINUTES)
def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("done")


@verified_within(minutes=MINUTES)
async def asynchronous(request: HttpRequest) -> HttpResponse:
    return HttpResponse("done")


@method_decorator(verified_within(minutes=MINUTES), name="dispatch")
class OfClass(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("done")


@method_decorator(verified_within(minutes=MINUTES), name="dispatch")
class OfAsynchronousClass(View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("done")


@api_view(["GET", "POST"])
@authentication_classes([ByClaims, ByName, SessionAuthentication])
@permission_classes([verified_within_permission(minutes=MINUTES)])
def rest(request: Request) -> Response:
    return Response("done")


urlpatterns = [
    *django_project.urlpatterns,
    path("page/", page),
    path("page/asynchronous/", asynchronous),
    path("page/of-class/", OfClass.as_view()),
    path("page/of-asynchronous-class/", OfAsynchronousClass.as_view()),
    path("rest/", rest),
]
