"""How a list, or a single read, of your own models is narrowed to what its caller was granted."""

from typing import Any, TypeVar, cast

from django.db.models import Model, QuerySet
from django.utils import timezone
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
    """What a request does with what it names: safe methods read, the others control."""
    return Action.READ if request.method in SAFE_METHODS else Action.CONTROL


def _caller(request: Request, view: Any) -> Any:
    """Raises NotAuthenticated for whoever else got this far: there is nothing to narrow to."""
    if not HasCredential().has_permission(request, view):
        raise NotAuthenticated
    return request.auth


class GrantedFilterBackend(BaseFilterBackend):
    """Narrows any queryset of a registered model: a client session to its grants, a backend to its workspace.

    Safe methods need a grant that allows ``read``, the others one that allows ``control``. What is left out is not
    there: ``get_object`` answers 404. Goes together with any other filter backend, since it only ever narrows.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[M, R], view: APIView) -> QuerySet[M, R]:
        narrowed: Any = visible_to(_caller(request, view), queryset, action=action_of(request))
        return cast("QuerySet[M, R]", narrowed)


class UserIdentifierKeyMixin:
    """For a view of your own: ``?user_identifier_key=…`` narrows further, to what that user's live session reaches.

    Your backend asks with its API key what a user may see, or with another method than GET what they may control. A
    key without a live session gives nothing.
    """

    def filter_queryset(self, queryset: QuerySet[M, R]) -> QuerySet[M, R]:
        queryset = super().filter_queryset(queryset)  # type: ignore[misc]  # of the view it is mixed into
        request: Request = self.request  # type: ignore[attr-defined]  # declared here, it would clash with the view's
        keys = request.query_params.getlist("user_identifier_key")
        if not keys:
            return queryset
        if len(keys) > 1 or not 0 < len(keys[0]) <= LONGEST_TEXT or not is_storable(keys[0]):
            raise ValidationError({"user_identifier_key": ["Give one key."]})
        auth, action = _caller(request, self), action_of(request)
        narrowed: Any = narrow_to_key(auth, queryset, keys[0], action=action, at=timezone.now())
        return cast("QuerySet[M, R]", narrowed)
