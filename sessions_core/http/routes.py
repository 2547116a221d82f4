"""Routes of an API, each with the kinds of caller that it allows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connections, transaction
from django.urls import ResolverMatch, URLPattern, URLResolver, path
from django.urls.resolvers import RoutePattern
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from sessions_core.credentials import API_KEY

__all__ = ["ANY_KEY", "IsOpenToCredential", "Route", "RouteTable", "ScopeMissing"]

# The scope of a route that every API key may use.
ANY_KEY = ""

_NAMED_GROUP = re.compile(r"\(\?P<\w+>")


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


class RouteTable(URLResolver):
    """The routes of an API, from which one regular expression chooses.

    Django would try one after another, and each group that does not match costs an exception. Together that took as
    long as a short SQL statement.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        patterns = [route.urlpattern() for route in routes]
        super().__init__(RoutePattern(""), patterns)
        whole_paths = (_NAMED_GROUP.sub("(?:", each.pattern.regex.pattern) for each in patterns)
        self._choice = re.compile("|".join(f"({each})" for each in whole_paths))

    def resolve(self, path: str) -> ResolverMatch | None:  # type: ignore[override]  # as URLPattern does
        """Return the match of the first pattern that matches, or None, so that Django tries what comes after them."""
        if (chosen := self._choice.match(path)) and chosen.lastindex:
            return self.url_patterns[chosen.lastindex - 1].resolve(path)
        return super().resolve(path) if settings.DEBUG else None  # the error page of Django lists what was tried


class ScopeMissing(Exception):
    """The API key does not have the scope of the route."""

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.scope = scope


class IsOpenToCredential(BasePermission):
    """Allows the kinds of credential that the route lists. Anonymous callers are refused."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return getattr(request.auth, "credential", None) in view.open_to
