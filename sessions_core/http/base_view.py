"""Base view of both APIs. It sets every REST framework option itself, so the settings of the host do not affect it.

Subclasses define the dialect: credentials, parameters and errors.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from functools import cache
from typing import Any

from django import db
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.viewsets import ViewSet

from sessions_core.db.transactions import is_away
from sessions_core.http.bodies import BodyWithoutLength, JsonParser
from sessions_core.http.caching import PRIVATE, keep_from_site_cache
from sessions_core.http.cors import Cors, is_allowed, is_preflight, vary_by_origin
from sessions_core.http.responses import JSON, Response, json_of
from sessions_core.http.routes import ANY_KEY, IsOpenToCredential, ScopeMissing
from sessions_core.models import ApiKey, Workspace
from sessions_core.texts import is_storable

__all__ = ["ApiView"]

# Seconds a caller should wait when the database is busy or unavailable.
RETRY_AFTER = 2


class Json(BaseRenderer):
    """Renders a response of REST framework as ours."""

    media_type = JSON
    format = "json"
    charset = None

    def render(self, data: Any, *_: Any, **__: Any) -> bytes:
        return json_of(data)


class OnlyJson(BaseContentNegotiation):
    """Uses the only parser and renderer, and ignores ``Accept``."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return next(iter(renderers)), JSON


class ApiView(ViewSet):
    """Base of every endpoint. A dialect's subclass sets authentication and the format of errors."""

    authentication_classes: Sequence[type[BaseAuthentication]] = ()
    permission_classes: Sequence[type[BasePermission]] = (IsOpenToCredential,)
    throttle_classes: Sequence[type[BaseThrottle]] = ()
    parser_classes = (JsonParser,)
    renderer_classes = (Json,)
    content_negotiation_class = OnlyJson
    versioning_class = None
    metadata_class = None
    schema = None
    # No HEAD: both dialects refuse it. No OPTIONS: ``dispatch`` answers CORS preflights.
    http_method_names = ["get", "post", "put", "patch", "delete"]

    # CORS options of the dialect; None allows no other origin.
    cors: Cors | None = None

    # The kinds of caller that the route allows; see Route.
    open_to: Set[str] = frozenset()

    # The scope that an API key needs for each action; see Route.
    scopes: Mapping[str, str] = {}

    # The id of this request in the response and in logs; 32 hex characters.
    trace: str

    # Relations to read with the credential of the caller: its workspace with the policy of the app.
    with_workspace: Sequence[str] = ()

    # Actions that use only the id of the workspace. Joining its row and policy takes PostgreSQL as long again.
    by_workspace_id: Set[str] = frozenset()

    # True once the caller is authenticated.
    is_authenticated: bool = False

    # The origin whose pages may read the response, or an empty string.
    cors_origin: str = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.trace = uuid.uuid4().hex
        keep_from_site_cache(request)
        if self.cors and is_preflight(request):
            return self._preflight(request, self.cors)
        response = super().dispatch(request, *args, **kwargs)
        match = request.resolver_match  # of another view if this one is the handler404 of the project
        if response.status_code == 404 and match and getattr(match.func, "cls", None) is type(self):
            # LocaleMiddleware would redirect to the path below a language if a route of the host matches any path.
            request.urlconf = ()  # type: ignore[assignment]  # LocaleMiddleware then finds no route
        return response

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        self.is_authenticated = request.auth is not None

    def related(self, request: Request) -> Sequence[str]:
        """Return the relations to read with the credential of the caller. CORS asks the workspace about an origin."""
        is_enough = self.action in self.by_workspace_id and "HTTP_ORIGIN" not in request.META
        return () if is_enough else self.with_workspace

    @property
    def workspace(self) -> Workspace | None:
        """The workspace of the caller, or None if there is none or the caller is not authenticated."""
        return getattr(self.request.auth, "workspace", None) if self.is_authenticated else None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.cors_origin = self.allowed_origin(request)
        if (request.method or "").lower() not in (self.action_map or ()):
            # An action may have the name of an HTTP method; it must not become the handler of that method.
            self.http_method_not_allowed(request)
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            raise BodyWithoutLength
        self._require_scope(request.auth)

    def _require_scope(self, auth: object) -> None:
        """Raise ScopeMissing if the caller is an API key without the scope of this action."""
        if isinstance(auth, ApiKey) and auth.scopes is not None:
            scope = self.scopes[self.action]
            if scope != ANY_KEY and not auth.has_scope(scope):
                raise ScopeMissing(scope)

    @property
    def allowed_methods(self) -> list[str]:
        """The methods of this route in upper case."""
        return [method.upper() for method in self.action_map or () if method in self.http_method_names]

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        return self._handle

    def error_response(self, error: Exception) -> Response | None:
        """Return the dialect's response to an error, or None for an unexpected error."""
        raise NotImplementedError

    def busy_response(self) -> Response:
        """Return the dialect's 503 for a database that is locked or unavailable."""
        raise NotImplementedError

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        headers = response.headers
        headers.setdefault("Cache-Control", PRIVATE)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        if vary := _vary_of(type(self)):  # type: ignore[arg-type]  # classes are hashable
            if "Vary" in headers:
                patch_vary_headers(response, vary.split(", "))
            else:
                headers["Vary"] = vary
        if self.cors and self.cors_origin:
            self.cors.mark(response, self.cors_origin)
        return response

    def requested_workspace(self, request: HttpRequest | Request) -> Workspace | None:
        """Return the workspace that the host of the request belongs to, or None if it can be any workspace."""
        return None

    def _preflight(self, request: HttpRequest, cors: Cors) -> HttpResponseBase:
        """Answer a preflight, before authentication: browsers send it without a credential."""
        response = HttpResponse(status=204)
        vary_by_origin(response)
        origin = request.headers["origin"]
        with suppress(db.Error):
            if is_storable(origin) and is_allowed(origin, self.requested_workspace(request)):
                cors.mark_preflight(response, origin)
        return response

    def allowed_origin(self, request: Request) -> str:
        """Return the origin of the request if the workspace of the caller allows it, or an empty string. For an
        unauthenticated caller any workspace may allow it."""
        origin = request.META.get("HTTP_ORIGIN", "")
        if not self.cors or not origin or not is_storable(origin) or (self.is_authenticated and self.workspace is None):
            return ""
        return origin if is_allowed(origin, self.workspace or self.requested_workspace(request)) else ""

    def _handle(self, error: Exception, context: dict[str, Any]) -> Response | None:
        with suppress(db.Error):  # the database may be the reason of the error
            self.cors_origin = self.cors_origin or self.allowed_origin(context["request"])
        if is_away(error):
            response = self.busy_response()
            response.headers["Retry-After"] = str(RETRY_AFTER)
            return response
        return self.error_response(error)


@cache
def _vary_of(view: type[ApiView]) -> str:
    """Return ``Vary`` for responses of a view: the request headers that may contain a credential or an origin."""
    response = HttpResponse()
    patch_vary_headers(
        response, [name for each in view.authentication_classes for name in getattr(each, "credential_headers", ())]
    )
    if view.cors:
        vary_by_origin(response)
    return response.headers.get("Vary", "")
