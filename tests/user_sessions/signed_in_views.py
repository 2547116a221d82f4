"""Views of a host that require a session token: plain, asynchronous and of REST framework, in each freshness."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.models import Group
from django.http import HttpRequest, JsonResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from user_sessions.authentication import SessionTokenAuthentication
from user_sessions.decorators import SessionRequest, session_required
from user_sessions.freshness import Freshness
from user_sessions.step_up import verified_within


def facts(request: Any) -> dict[str, Any]:
    """Return what is known without the row, unless the query asks for the session."""
    if "session" in request.GET:
        request.user_session.expire_at  # noqa: B018  (reads it)
    return {"user": request.user.pk, "session": request.auth.session_id, "by": request.auth.impersonator}


class Rest(APIView):
    authentication_classes = [SessionTokenAuthentication]
    permission_classes = [IsAuthenticated]
    session_freshness: Freshness | str | None = None

    def get(self, request: Request) -> Response:
        looked_at = {"name": request.user.get_username()} if "look" in request.query_params else {}
        return Response(facts(request) | looked_at)

    def post(self, request: Request) -> Response:
        return self.get(request)


class Either(APIView):
    """Accepts a session token or a Django sign-in."""

    authentication_classes = [SessionTokenAuthentication, SessionAuthentication]
    permission_classes = [IsAuthenticated]
    session_freshness = "strict"

    def get(self, request: Request) -> Response:
        return Response({"name": request.user.get_username()})


class Browsable(Rest):
    renderer_classes = [BrowsableAPIRenderer, JSONRenderer]


def plain(request: SessionRequest) -> JsonResponse:
    looked_at = {"name": request.user.get_username()} if "look" in request.GET else {}
    return JsonResponse(facts(request) | looked_at)


async def later(request: SessionRequest) -> JsonResponse:
    if "session" in request.GET:
        await request.auser_session()
    looked_at = {"name": (await request.auser()).get_username()} if "look" in request.GET else {}
    return JsonResponse(facts(request) | looked_at)


@session_required(freshness="networkless")
def written(request: SessionRequest) -> JsonResponse:
    """Write, and look at the user afterwards."""
    Group.objects.create(name="written")
    return JsonResponse({"name": request.user.get_username()})


@session_required(freshness="networkless")
@verified_within(minutes=10)
def transfer(request: SessionRequest) -> JsonResponse:
    return JsonResponse({})


GREETING = engines["django"].from_string("Hello {{ request.user.username }}")


@session_required(freshness="networkless")
def rendered(request: SessionRequest) -> TemplateResponse:
    return TemplateResponse(request, GREETING)


@session_required(freshness="networkless")
async def rendered_later(request: SessionRequest) -> TemplateResponse:
    return TemplateResponse(request, GREETING)


@method_decorator(session_required(freshness="strict"), name="dispatch")
class Page(View):
    def get(self, request: SessionRequest) -> JsonResponse:
        return plain(request)

    def post(self, request: SessionRequest) -> JsonResponse:
        return plain(request)


class LaterUnguarded(View):
    async def get(self, request: SessionRequest) -> JsonResponse:
        return await later(request)

    async def post(self, request: SessionRequest) -> JsonResponse:
        return await later(request)


@method_decorator(session_required(freshness="strict"), name="dispatch")
class LaterPage(LaterUnguarded):
    pass


def logged(view: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator of a host that passes on what the view returns."""

    @wraps(view)
    def called(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return called


@method_decorator([session_required(freshness="strict"), logged], name="dispatch")
class LaterLogged(LaterUnguarded):
    """Another decorator is between the guard and the class."""


@session_required
def unstated(request: HttpRequest) -> JsonResponse:
    return JsonResponse({})


@session_required
async def unstated_later(request: HttpRequest) -> JsonResponse:
    return JsonResponse({})


def members(request: HttpRequest) -> JsonResponse:
    """A page of the host without a guard of ours."""
    return JsonResponse({})


urlpatterns = [
    *(path(f"plain/{each}", session_required(freshness=each)(plain)) for each in Freshness),
    *(path(f"later/{each}", session_required(freshness=each)(later)) for each in Freshness),
    *(path(f"rest/{each}", Rest.as_view(session_freshness=each)) for each in Freshness),
    *(path(f"browsable/{each}", Browsable.as_view(session_freshness=each)) for each in Freshness),
    path("either", Either.as_view()),
    path("written", written),
    path("transfer", transfer),
    path("rendered", rendered),
    path("later/rendered", rendered_later),
    path("page", Page.as_view()),
    path("later/page", LaterPage.as_view()),
    path("later/logged", LaterLogged.as_view()),
    path("later/wrapped", session_required(freshness="strict")(LaterUnguarded.as_view())),
    path("members", members),
]
unstated_patterns = [
    path("plain", unstated),
    path("later", unstated_later),
    path("rest", Rest.as_view()),
]
