from django.contrib.auth.views import LoginView
from django.http import HttpResponse
from django.urls import path
from django_otp.decorators import otp_required
from django_otp.forms import OTPAuthenticationForm
from knox.auth import TokenAuthentication
from knox.views import LoginView as KnoxLoginView
from pages import urlpatterns as pages
from rest_framework.authentication import SessionAuthentication
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.views import TokenObtainPairView


class KnoxLogin(KnoxLoginView):
    authentication_classes = [SessionAuthentication]


class Me(APIView):
    authentication_classes = [TokenAuthentication, JWTAuthentication]

    def get(self, request):
        return Response({"name": request.user.get_username()})


@otp_required(login_url="/code/")
def vault(request):
    return HttpResponse(f"the vault of {request.user.get_username()}")


code = LoginView.as_view(template_name="admin/login.html", authentication_form=OTPAuthenticationForm)

urlpatterns = [
    *pages,
    path("knox/", KnoxLogin.as_view()),
    path("jwt/", TokenObtainPairView.as_view()),
    path("me/", Me.as_view()),
    path("code/", code),
    path("vault/", vault),
]
