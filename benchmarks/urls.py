"""The routes of the reference server, the bare view, and a view for each peer."""

from django.urls import path
from knox.auth import TokenAuthentication
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.views import TokenRefreshView

from sessions_project.urls import urlpatterns as served


class Bare(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes = (JSONRenderer,)

    def get(self, request: Request) -> Response:
        return Response({"ok": True})


class Knox(Bare):
    authentication_classes = (TokenAuthentication,)
    permission_classes = (IsAuthenticated,)


class SimpleJwt(Bare):
    authentication_classes = (JWTAuthentication,)
    permission_classes = (IsAuthenticated,)


urlpatterns = [
    path("bare", Bare.as_view()),
    path("knox", Knox.as_view()),
    path("simplejwt", SimpleJwt.as_view()),
    path("simplejwt/refresh", TokenRefreshView.as_view()),
    *served,
]
