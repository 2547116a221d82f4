"""The routes of a host project: the bare view, and those of its package."""

from typing import Any

from django.conf import settings
from django.urls import include, path

from benchmarks.host.views import Bare, Mine, listing


def _gatepass() -> list[Any]:
    routes = [
        path("", include("client_sessions.urls")),
        path("", include("client_sessions.devices.urls")),
        path("", include("user_sessions.urls")),
    ]
    try:
        from user_sessions.authentication import SessionTokenAuthentication
    except ImportError:  # older code, which --compare measures, has no guard for a host's views
        return routes
    return [path("mine", Mine.as_view(authentication_classes=[SessionTokenAuthentication])), *routes]


def _knox() -> list[Any]:
    from knox.auth import TokenAuthentication
    from knox.models import get_token_model
    from knox.views import LoginView, LogoutView
    from rest_framework.authentication import BasicAuthentication

    names = ["token_key", "created", "expiry", "user"]
    return [
        path("mine", Mine.as_view(authentication_classes=[TokenAuthentication])),
        path("list", listing(get_token_model(), TokenAuthentication, names)),
        path("log-in", LoginView.as_view(authentication_classes=[BasicAuthentication])),
        path("log-out", LogoutView.as_view()),
    ]


def _simplejwt() -> list[Any]:
    from rest_framework_simplejwt.authentication import JWTAuthentication, JWTStatelessUserAuthentication
    from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

    return [
        path("mine", Mine.as_view(authentication_classes=[JWTAuthentication])),
        path("stateless", Mine.as_view(authentication_classes=[JWTStatelessUserAuthentication])),
        path("obtain", TokenObtainPairView.as_view()),
        path("refresh", TokenRefreshView.as_view()),
    ]


def _allauth() -> list[Any]:
    from rest_framework.authentication import SessionAuthentication

    return [
        path("mine", Mine.as_view(authentication_classes=[SessionAuthentication])),
        path("", include("allauth.headless.urls")),
    ]


def _django_user_sessions() -> list[Any]:
    from rest_framework.authentication import SessionAuthentication

    from user_sessions.models import Session

    names = ["session_key", "expire_date", "user", "user_agent", "last_activity", "ip"]
    return [
        path("mine", Mine.as_view(authentication_classes=[SessionAuthentication])),
        path("list", listing(Session, SessionAuthentication, names)),
    ]


_ROUTES = {
    "bare": list,
    "gatepass": _gatepass,
    "knox": _knox,
    "simplejwt": _simplejwt,
    "allauth": _allauth,
    "django-user-sessions": _django_user_sessions,
}

urlpatterns = [path("bare", Bare.as_view()), *_ROUTES[settings.PROJECT]()]
