"""Views of the reference server that belong to neither API."""

import sys
import uuid

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views import defaults
from django.views.decorators.http import require_GET, require_safe
from django.views.static import serve

from client_sessions.seam import base_view
from sessions_core.db.transactions import is_away
from sessions_core.http.base_view import RETRY_AFTER
from user_sessions.clerk.cookies import publishable_key
from user_sessions.models import UserSessionPolicy

__all__ = ["bad_request", "browser_sdk", "health", "landing", "not_found", "ready", "server_error"]

# No inline scripts and no other origins. The timers of the SDK run in a worker from a blob: URL.
LANDING_POLICY = "default-src 'self'; worker-src 'self' blob:; base-uri 'none'; frame-ancestors 'none'"


@require_GET
def landing(request: HttpRequest) -> HttpResponse:
    """Show the landing page and, for a sandbox, the page to try the SDK."""
    workspace = UserSessionPolicy.objects.workspace_at(request.get_host())
    offered = workspace if workspace and workspace.is_sandbox else None
    context = {
        "sandbox": offered,
        "publishable_key": publishable_key(offered) if offered else "",
        "has_browser_sdk": (settings.GATEPASS_BROWSER_SDK / "clerk.browser.js").exists(),
        "templates": offered.user_sessions_jwt_templates.mintable().order_by("name") if offered else [],
    }
    response = render(request, "landing.html", context)
    response.headers["Content-Security-Policy"] = LANDING_POLICY
    return response


@require_safe
def browser_sdk(request: HttpRequest, path: str) -> HttpResponseBase:
    """Serve a file of the SDK from the folder it was fetched to, without a restart of the server."""
    try:
        return serve(request, path, document_root=str(settings.GATEPASS_BROWSER_SDK))
    except OSError as reason:  # such as a name that no file can have
        raise Http404("File not found.") from reason


@require_GET
def health(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process runs. Checks nothing else."""
    return JsonResponse({"ok": True})


@require_GET
def ready(request: HttpRequest) -> HttpResponse:
    """Answer 200 if the database answers and has all migrations, otherwise 503."""
    try:
        executor = MigrationExecutor(connection)
        is_ready = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error:
        is_ready = False
    if is_ready:
        return JsonResponse({"ok": True})
    return JsonResponse({"ok": False}, status=503, headers={"Retry-After": str(RETRY_AFTER)})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer with an HTML page in the admin, and with an error of Seam's API elsewhere."""
    if request.path.startswith("/admin/"):
        return defaults.page_not_found(request, exception)
    return base_view.not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, DisallowedHost):
        return _error("invalid_input", "host_invalid", "This server has no such host.", status=400)
    return _error("invalid_input", "malformed_request_parameters", "The request cannot be read.", status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 503 while the database is busy or unavailable, and 500 for other errors."""
    error = sys.exc_info()[1]
    if isinstance(error, Exception) and is_away(error):
        response = _error("service_unavailable", "service_unavailable", "The database is busy or away.", status=503)
        response.headers["Retry-After"] = str(RETRY_AFTER)
        return response
    return _error("internal_server_error", "internal_server_error", "Something went wrong on our side.", status=500)


def _error(type: str, code: str, message: str, *, status: int) -> HttpResponse:
    """Return an error that the SDKs of both APIs can read: ``type`` is for the one, ``code`` for the other."""
    error = {"type": type, "message": message}
    first = {"code": code, "message": message, "long_message": message}
    answer = {"ok": False, "error": error, "errors": [first], "clerk_trace_id": uuid.uuid4().hex}
    return JsonResponse(answer, status=status)
