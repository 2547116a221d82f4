"""CORS: the origins that each workspace allows, compared exactly.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers

from sessions_core.db.compiled import CompiledQuery
from sessions_core.models import AllowedOrigin, Workspace
from sessions_core.models.workspaces import is_loopback

__all__ = ["Cors", "is_allowed", "is_preflight", "vary_by_origin"]

# Seconds a browser may cache the response to a preflight.
MAX_AGE = 600


@dataclass(frozen=True, kw_only=True)
class Cors:
    """The methods and headers that a dialect allows to pages of allowed origins."""

    methods: Sequence[str]
    request_headers: Sequence[str]
    response_headers: Sequence[str]

    def mark(self, response: HttpResponseBase, origin: str) -> None:
        """Add headers that let pages of this origin read the response."""
        response.headers["Access-Control-Allow-Origin"] = origin
        # SDKs use credentials mode "include". Views that accept a cookie check the origin as well.
        response.headers["Access-Control-Allow-Credentials"] = "true"
        response.headers["Access-Control-Expose-Headers"] = ", ".join(self.response_headers)

    def mark_preflight(self, response: HttpResponseBase, origin: str) -> None:
        """Add headers that let pages of this origin send the request."""
        self.mark(response, origin)
        response.headers["Access-Control-Allow-Methods"] = ", ".join(self.methods)
        response.headers["Access-Control-Allow-Headers"] = ", ".join(self.request_headers)
        response.headers["Access-Control-Max-Age"] = str(MAX_AGE)


def is_preflight(request: HttpRequest) -> bool:
    """Return True if the request is a CORS preflight."""
    if request.method != "OPTIONS":
        return False
    return "origin" in request.headers and "access-control-request-method" in request.headers


def is_allowed(origin: str, workspace: Workspace | None) -> bool:
    """Return True if the workspace allows this origin; for None, if any workspace does. One query at most.

    Pass None if the workspace is not known before authentication.
    """
    is_local = is_loopback(origin)
    if workspace is None and is_local:
        return Workspace.objects.filter(Q(is_sandbox=True) | Q(allowed_origins__origin=origin)).exists()
    if workspace is None:
        return bool(_LISTED.tuples(origin=origin))
    return (is_local and workspace.is_sandbox) or bool(_LISTED_BY.tuples(origin=origin, workspace=workspace.pk))


def _listed(**by: Any) -> QuerySet[AllowedOrigin, Any]:
    return AllowedOrigin.objects.filter(**by).order_by().values_list("pk")[:1]


_LISTED = CompiledQuery(AllowedOrigin, _listed, origin=str)
_LISTED_BY = CompiledQuery(AllowedOrigin, _listed, origin=str, workspace=UUID)


def vary_by_origin(response: HttpResponseBase) -> None:
    patch_vary_headers(response, ["Origin"])
