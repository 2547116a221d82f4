"""Filters that limit the querysets of your own views to the grants of the caller."""

from typing import Any, TypeVar, cast

from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotAuthenticated, ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.views import APIView

from client_sessions.models import Action
from client_sessions.permissions import HasCredential
from client_sessions.scoping import narrow_to_key, visible_to
from sessions_core.texts import LONGEST_TEXT, is_storable

__all__ = ["GrantedFilterBackend", "UserIdentifierKeyMixin"]

M = TypeVar("M", bound=Model)
R = TypeVar("R")


def action_of(request: Request) -> Action:
    """Return the action that a request needs: ``read`` for safe methods, ``control`` for others."""
    return Action.READ if request.method in SAFE_METHODS else Action.CONTROL


def _caller(request: Request, view: Any) -> Any:
    """Return ``request.auth``. Raise NotAuthenticated unless it is a client session or a backend."""
    if not HasCredential().has_permission(request, view):
        raise NotAuthenticated
    return request.auth


class GrantedFilterBackend(BaseFilterBackend):
    """Limits a queryset of a registered model: for a client session to its grants, for a backend to its workspace.

    Safe methods need a grant that allows ``read``, other methods one that allows ``control``. For other rows
    ``get_object`` answers 404. You can combine it with other filter backends. It does not apply to ``create``.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[M, R], view: APIView) -> QuerySet[M, R]:
        narrowed: Any = visible_to(_caller(request, view), queryset, action=action_of(request))
        return cast("QuerySet[M, R]", narrowed)


class UserIdentifierKeyMixin:
    """Mixin for your own views: ``?user_identifier_key=…`` limits rows to those that the user's live session reaches.

    A backend calls it with its API key: safe methods return what the user may read, others what the user may control.
    If the key has no live session, no rows match.
    """

    def filter_queryset(self, queryset: QuerySet[M, R]) -> QuerySet[M, R]:
        queryset = super().filter_queryset(queryset)  # type: ignore[misc]  # defined by the view
        request: Request = self.request  # type: ignore[attr-defined]  # a declaration here would conflict with the view
        keys = request.query_params.getlist("user_identifier_key")
        if not keys:
            return queryset
        if len(keys) > 1 or not 0 < len(keys[0]) <= LONGEST_TEXT or not is_storable(keys[0]):
            raise ValidationError({"user_identifier_key": [_("Enter one user identifier key.")]})
        auth, action = _caller(request, self), action_of(request)
        narrowed: Any = narrow_to_key(auth, queryset, keys[0], action=action, at=timezone.now())
        return cast("QuerySet[M, R]", narrowed)
