"""A generic REST framework view with the parameters and the envelope of this dialect."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, cached_property
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.filters import BaseFilterBackend
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request

from client_sessions import resources
from client_sessions.models import ClientSession
from client_sessions.scoping import narrow_to_key, visible_to, within_reach
from client_sessions.seam.base_view import SeamView
from client_sessions.seam.errors import SeamError, Validation
from client_sessions.seam.pagination import LARGEST_PAGE, first_rows, page_from, page_of
from client_sessions.seam.parameters import Parameters
from sessions_core.db.compiled import CompiledQuery
from sessions_core.http.responses import Response

__all__ = ["ResourceView"]

M = TypeVar("M", bound=Model)


class VisibleFilterBackend(BaseFilterBackend):
    """Limits rows to those that the caller may read, and to the session of ``user_identifier_key`` if it is given.

    GrantedFilterBackend would require ``control`` for a POST, but the SDKs of this dialect also read with POST.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        key = view.values.get("user_identifier_key")
        if key is None:
            return visible_to(view.auth, queryset)
        return narrow_to_key(view.auth, queryset, key, at=timezone.now())


class ParameterFilterBackend(DjangoFilterBackend):
    """Passes the parsed parameters to the FilterSet instead of the query string."""

    def get_filterset(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        return super().get_filterset(request, queryset, view) if view.values else None

    def get_filterset_kwargs(self, request: Request, queryset: QuerySet[Any], view: Any) -> dict[str, Any]:
        return {"data": view.values, "queryset": queryset, "request": request}


class ResourceView(SeamView, GenericAPIView[M]):
    """Base of the views of one model.

    ``parameters`` declares the parameters of each action, and ``selectors`` lists those that identify a single row.
    ``object_name`` and ``list_name`` are the names of a row and of a list in a response.
    """

    filter_backends = (VisibleFilterBackend, ParameterFilterBackend)
    by_workspace_id = frozenset({"list", "retrieve"})

    parameters: Mapping[str, Parameters]
    selectors: Sequence[str]
    object_name: str
    list_name: str

    @cached_property
    def values(self) -> dict[str, Any]:
        """The parameters of this request. Raise SeamError with all problems."""
        return self.parameters[self.action].read(self.request)

    def list(self, request: Request) -> Response:
        """Return a page. The SQL of the first page of a client session is compiled once."""
        auth = self.auth
        if self.values or not isinstance(auth, ClientSession):
            page = page_of(self.filter_queryset(self.get_queryset()), request, self.values, auth=auth)
        else:
            rows = _first_rows(type(self)).rows(session=auth.pk, workspace=auth.workspace_id, at=timezone.now())
            page = page_from(rows, LARGEST_PAGE, request, {}, auth=auth)
        serialize = self.get_serializer().to_representation
        return self.ok(**{self.list_name: [serialize(row) for row in page.rows]}, pagination=page.pagination)

    def retrieve(self, request: Request) -> Response:
        return self.ok_object(self.get_object())

    def get_object(self) -> M:
        """Return the oldest row that matches all selectors. Raise SeamError if there is no match or no selector."""
        if not any(name in self.values for name in self.selectors):
            Validation.refuse(f"Give {' or '.join(self.selectors)}")
        row: M | None = self.filter_queryset(self.get_queryset()).first()
        if row is None:
            raise SeamError(f"{self.object_name}_not_found")
        return row

    def ok_object(self, row: M) -> Response:
        """Return 200 with this row as ``object_name``."""
        return self.ok(**{self.object_name: self.get_serializer(row).data})


@cache
def _first_rows(view: "type[ResourceView[Any]]") -> CompiledQuery[Any]:
    """Return the query for the first page that a client session reads without parameters."""
    queryset: Any = view.queryset

    def find(session: UUID, workspace: UUID, at: datetime) -> QuerySet[Any]:
        return first_rows(within_reach(queryset.all(), session=session, workspace=workspace, at=at))

    values = {"session": UUID, "workspace": UUID, "at": datetime}
    return CompiledQuery(queryset.model, find, depends_on=lambda: tuple(resources.registered()), **values)
