"""Who may call what. Every route of this API is a row that says so; a route without a row does not exist."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.urls import URLPattern, path
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from client_sessions.models import ClientSession
from sessions_core.models import ApiKey

__all__ = ["Credential", "IsOpenToCredential", "Route", "credential_of", "urlpatterns_of"]


class Credential(StrEnum):
    """Kinds of caller."""

    API_KEY = "api_key"
    PUBLISHABLE_KEY = "publishable_key"
    CLIENT_SESSION = "client_session"


API_KEY, PUBLISHABLE_KEY, CLIENT_SESSION = Credential


@dataclass(frozen=True)
class Route:
    """One path of the API: what it does under which methods, and who it is open to."""

    path: str
    view: type[Any]
    action: str
    methods: Sequence[str]
    open_to: Sequence[Credential]

    def urlpattern(self) -> URLPattern:
        actions = dict.fromkeys((method.lower() for method in self.methods), self.action)
        view = self.view.as_view(actions, open_to=frozenset(self.open_to))
        pattern: URLPattern = path(self.path, view, name=self.path.replace("/", "-"))
        return pattern


def urlpatterns_of(routes: Sequence[Route]) -> list[URLPattern]:
    return [route.urlpattern() for route in routes]


class IsOpenToCredential(BasePermission):
    """Lets in the kinds of credential that the route's row names, and nobody without one."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return credential_of(request.auth) in view.open_to


def credential_of(auth: object) -> Credential | None:
    """Which kind of caller ``request.auth`` is."""
    match auth:
        case ClientSession():
            return CLIENT_SESSION
        case ApiKey(kind=ApiKey.Kind.SECRET):
            return API_KEY
        case ApiKey(kind=ApiKey.Kind.PUBLISHABLE):
            return PUBLISHABLE_KEY
    return None
