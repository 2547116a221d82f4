"""Routes of an API, each with the kinds of caller that it allows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connections, transaction
from django.urls import URLPattern, URLResolver, include, path
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from sessions_core.credentials import API_KEY

__all__ = ["ANY_KEY", "IsOpenToCredential", "Route", "ScopeMissing", "urlpatterns_of"]

# The scope of a route that every API key may use.
ANY_KEY = ""


@dataclass(frozen=True)
class Route:
    """One path of an API: the action of the view for each method, and the kinds of caller it allows.

    ``scope`` is what an API key needs: one scope for all actions, or one for each.
    """

    path: str
    view: type[Any]
    actions: Mapping[str, str]
    open_to: Sequence[str]
    scope: str | Mapping[str, str] | None = None

    @property
    def scopes(self) -> Mapping[str, str]:
        """The scope that an API key needs, for each action. Raise ValueError if an action has none."""
        if API_KEY not in self.open_to:
            return {}
        actions = set(self.actions.values())
        scopes = dict.fromkeys(actions, self.scope) if isinstance(self.scope, str) else {**(self.scope or {})}
        if scopes.keys() != actions:
            raise ValueError(f"The route {self.path!r} is open to API keys: give a scope for each of its actions.")
        return scopes

    def urlpattern(self) -> URLPattern:
        actions = {method.lower(): action for method, action in self.actions.items()}
        view = self.view.as_view(actions, open_to=frozenset(self.open_to), scopes=self.scopes)
        for alias in connections:
            # Each change has its own transaction. With ATOMIC_REQUESTS an error response would also roll back rows that
            # must persist, such as the failed logins by which a host locks accounts.
            view = transaction.non_atomic_requests(using=alias)(view)
        pattern: URLPattern = path(self.path, view)
        return pattern


def urlpatterns_of(routes: Sequence[Route]) -> list[URLPattern | URLResolver]:
    """Return the patterns, in one group for all paths below a first segment: Django tries one pattern after another.

    The first segment of each path is plain text.
    """
    families: dict[str, list[Route]] = {}
    for route in routes:
        families.setdefault(route.path.partition("/")[0], []).append(route)
    return [pattern for name, family in families.items() for pattern in _family(name, family)]


def _family(name: str, family: Sequence[Route]) -> Iterator[URLPattern | URLResolver]:
    yield from (route.urlpattern() for route in family if route.path == name)
    below = [replace(route, path=route.path.removeprefix(f"{name}/")) for route in family if route.path != name]
    if below:
        yield path(f"{name}/", include([route.urlpattern() for route in below]))


class ScopeMissing(Exception):
    """The API key does not have the scope of the route."""

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.scope = scope


class IsOpenToCredential(BasePermission):
    """Allows the kinds of credential that the route lists. Anonymous callers are refused."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return getattr(request.auth, "credential", None) in view.open_to
