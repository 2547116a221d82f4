"""Who may call what. Every route of an API is a row that says so; a route without a row does not exist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction
from django.urls import URLPattern, path
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

__all__ = ["IsOpenToCredential", "Route", "urlpatterns_of"]


@dataclass(frozen=True)
class Route:
    """One path of an API: which action of the view each method is, and the kinds of caller it is open to."""

    path: str
    view: type[Any]
    actions: Mapping[str, str]
    open_to: Sequence[str]

    def urlpattern(self) -> URLPattern:
        actions = {method.lower(): action for method, action in self.actions.items()}
        view = self.view.as_view(actions, open_to=frozenset(self.open_to))
        for alias in connections:
            # Each verb is a transaction of its own. With one around the request, as ATOMIC_REQUESTS makes it, a refusal
            # would take back what is to outlast it: the failed logins by which a host locks accounts.
            view = transaction.non_atomic_requests(using=alias)(view)
        pattern: URLPattern = path(self.path, view)
        return pattern


def urlpatterns_of(routes: Sequence[Route]) -> list[URLPattern]:
    return [route.urlpattern() for route in routes]


class IsOpenToCredential(BasePermission):
    """Lets in the kinds of credential that the route's row names, and nobody without one."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return getattr(request.auth, "credential", None) in view.open_to
