"""Pages and answers of the reference server that belong to neither API."""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views import defaults
from django.views.decorators.http import require_GET

from client_sessions import api

__all__ = ["bad_request", "health", "landing", "not_found", "ready", "server_error"]


@require_GET
def landing(request: HttpRequest) -> HttpResponse:
    return render(request, "landing.html")


@require_GET
def health(request: HttpRequest) -> HttpResponse:
    """Whether the process answers at all; looks at nothing else."""
    return JsonResponse({"ok": True})


@require_GET
def ready(request: HttpRequest) -> HttpResponse:
    """Whether requests can be served: the database answers and has every migration. 503 otherwise."""
    try:
        executor = MigrationExecutor(connection)
        is_ready = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        is_ready = False
    return JsonResponse({"ok": is_ready}, status=200 if is_ready else 503)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Pages for the console, the API's words for everything else."""
    if request.path.startswith("/admin/"):
        return defaults.page_not_found(request, exception)
    return api.not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error("invalid_input", "The request cannot be read.", status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    return _error("internal_server_error", "Something went wrong on our side.", status=500)


def _error(type: str, message: str, *, status: int) -> HttpResponse:
    """What to say where no view of an API was reached, readable to the SDKs of both."""
    first = {"code": type, "message": message, "long_message": message}
    return JsonResponse({"ok": False, "error": {"type": type, "message": message}, "errors": [first]}, status=status)
