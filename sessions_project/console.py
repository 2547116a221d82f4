"""Answer 400 to admin requests whose query the database cannot run."""

import logging
from collections.abc import Callable

from django.core.exceptions import BadRequest, FieldError, PermissionDenied, SuspiciousOperation, ValidationError
from django.db import DataError, NotSupportedError
from django.http import Http404, HttpRequest, HttpResponseBase
from django.views import defaults

from sessions_core.db.transactions import is_away

__all__ = ["RefusesUnusableQueries"]

logger = logging.getLogger(__name__)

# Errors of databases and drivers for a value that they cannot store or compare.
UNUSABLE = (DataError, NotSupportedError, OverflowError, ValidationError, FieldError)

# Errors that Django answers itself.
ANSWERED = (Http404, PermissionDenied, SuspiciousOperation)


class RefusesUnusableQueries:
    """Middleware that answers 400 to an admin request with an invalid lookup, value or id.

    The admin accepts any lookup in the query and any text as an id. Many of them fail while Django compiles the SQL,
    with various exceptions. So a GET request with a query string that fails is answered with 400 and logged with its
    traceback.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        if not request.path_info.startswith("/admin/") or isinstance(error, ANSWERED):
            return None
        is_query = request.method in ("GET", "HEAD") and bool(request.META.get("QUERY_STRING"))
        if isinstance(error, UNUSABLE) or (is_query and not is_away(error)):
            logger.warning("An admin request is invalid.", exc_info=error)
            return defaults.bad_request(request, BadRequest())
        return None
