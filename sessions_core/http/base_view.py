"""Plumbing of both APIs: what a view inherits so that a host's REST framework settings change nothing in it.

Everything a dialect can see is left to the subclass: credentials, parsing of parameters, errors.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import suppress
from typing import Any

from django import db
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.viewsets import ViewSet

from sessions_core.db.transactions import is_away
from sessions_core.http.bodies import BodyWithoutLength, JsonParser
from sessions_core.http.caching import PRIVATE, keep_from_site_cache
from sessions_core.http.cors import Cors, is_allowed, is_preflight, vary_by_origin
from sessions_core.http.routes import IsOpenToCredential
from sessions_core.models import Workspace
from sessions_core.texts import is_storable

__all__ = ["ApiView"]

# Seconds a caller should wait when the database is busy or away.
RETRY_AFTER = 2


class Json(JSONRenderer):
    """DRF's renderer, with every switch a host could turn set here. Answers exactly ``application/json``."""

    compact = True
    ensure_ascii = True
    strict = True
    charset = None


class OnlyJson(BaseContentNegotiation):
    """One parser, one renderer, whatever the caller says it accepts."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class ApiView(ViewSet):
    """Base of every endpoint. A dialect's subclass says how callers authenticate and how errors are answered."""

    authentication_classes: Sequence[type[BaseAuthentication]] = ()
    permission_classes: Sequence[type[BasePermission]] = (IsOpenToCredential,)
    throttle_classes: Sequence[type[BaseThrottle]] = ()
    parser_classes = (JsonParser,)
    renderer_classes = (Json,)
    content_negotiation_class = OnlyJson
    versioning_class = None
    metadata_class = None
    schema = None
    # No HEAD: both dialects refuse it. No OPTIONS: it belongs to CORS, which is answered before a view is reached.
    http_method_names = ["get", "post", "put", "patch", "delete"]

    # What pages of other origins may do; nothing, unless the dialect says.
    cors: Cors | None = None

    # The kinds of caller, set for each route by its row; nobody if there is no row.
    open_to: Set[str] = frozenset()

    # Names this request in the answer and in logs; 32 hex characters.
    trace: str

    # Whether the caller is known, and its workspace.
    is_authenticated: bool = False
    workspace: Workspace | None = None

    # The origin whose pages may read the answer, empty if there is none.
    cors_origin: str = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.trace = uuid.uuid4().hex
        keep_from_site_cache(request)
        if self.cors and is_preflight(request):
            return self._preflight(request, self.cors)
        response = super().dispatch(request, *args, **kwargs)
        match = request.resolver_match  # not of this view where it answers for the whole project, as handler404
        if response.status_code == 404 and match and getattr(match.func, "cls", None) is type(self):
            # LocaleMiddleware would redirect to the same path below a language, if a page of the host takes any path.
            request.urlconf = ()  # type: ignore[assignment]  # no routes, where it looks for that page
        return response

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        self.is_authenticated = request.auth is not None
        self.workspace = getattr(request.auth, "workspace", None)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.cors_origin = self.allowed_origin(request)
        if (request.method or "").lower() not in (self.action_map or ()):
            # An action may be called like a method, and must not be found as the handler of that method.
            self.http_method_not_allowed(request)
        if "transfer-encoding" in request.headers and not request.META.get("CONTENT_LENGTH"):
            raise BodyWithoutLength

    @property
    def credential_headers(self) -> list[str]:
        """The request headers that the route looks for a credential in."""
        return [name for each in self.authentication_classes for name in getattr(each, "credential_headers", ())]

    @property
    def allowed_methods(self) -> list[str]:
        """The methods of this route, in capitals."""
        return [method.upper() for method in self.action_map or () if method in self.http_method_names]

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        return self._handle

    def error_response(self, error: Exception) -> Response | None:
        """The dialect's answer to an error, None for one that nobody expected."""
        raise NotImplementedError

    def busy_response(self) -> Response:
        """The dialect's 503, for when the database is locked or away."""
        raise NotImplementedError

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", PRIVATE)
        if self.credential_headers:
            patch_vary_headers(response, self.credential_headers)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        if self.cors:
            vary_by_origin(response)
            if self.cors_origin:
                self.cors.mark(response, self.cors_origin)
        return response

    def requested_workspace(self, request: HttpRequest | Request) -> Workspace | None:
        """The workspace that somebody unknown asks, where the address tells; None if it may be any."""
        return None

    def _preflight(self, request: HttpRequest, cors: Cors) -> HttpResponseBase:
        """Comes before authentication: a browser asks without its credential."""
        response = HttpResponse(status=204)
        vary_by_origin(response)
        origin = request.headers["origin"]
        with suppress(db.Error):
            if is_storable(origin) and is_allowed(origin, self.requested_workspace(request)):
                cors.mark_preflight(response, origin)
        return response

    def allowed_origin(self, request: Request) -> str:
        """The page's origin, if the caller's workspace lists it; if any does, where the caller is not known."""
        origin = request.headers.get("origin", "")
        if not self.cors or not origin or not is_storable(origin) or (self.is_authenticated and self.workspace is None):
            return ""
        return origin if is_allowed(origin, self.workspace or self.requested_workspace(request)) else ""

    def _handle(self, error: Exception, context: dict[str, Any]) -> Response | None:
        with suppress(db.Error):  # it may be what the error is about
            self.cors_origin = self.cors_origin or self.allowed_origin(context["request"])
        if is_away(error):
            response = self.busy_response()
            response.headers["Retry-After"] = str(RETRY_AFTER)
            return response
        return self.error_response(error)
