from django.contrib.auth import authenticate, login
from django.urls import path
from pages import urlpatterns as pages
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView


class Open(APIView):
    authentication_classes = [SessionAuthentication]
    permission_classes = [IsAuthenticated]
    throttle_classes = []
    parser_classes = [JSONParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = DefaultContentNegotiation


class Me(Open):
    def get(self, request):
        return Response({"name": request.user.get_username()})


class Login(Open):
    permission_classes = [AllowAny]

    def post(self, request):
        user = authenticate(request, **request.data)
        if user is None:
            raise PermissionDenied
        login(request, user)
        return Response({"name": user.get_username()})


class Closed(APIView):
    def get(self, request):
        return Response({})


urlpatterns = [
    *pages,
    path("api/me/", Me.as_view()),
    path("api/login/", Login.as_view()),
    path("api/closed/", Closed.as_view()),
]
