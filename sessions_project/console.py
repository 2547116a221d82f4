"""Requests of the console that Django's admin passes on to the database unchecked."""

import logging
from collections.abc import Callable

from django.core.exceptions import BadRequest, FieldError, PermissionDenied, SuspiciousOperation, ValidationError
from django.db import DataError, NotSupportedError
from django.http import Http404, HttpRequest, HttpResponseBase
from django.views import defaults

from sessions_core.db.transactions import is_away

__all__ = ["RefusesUnusableQueries"]

logger = logging.getLogger(__name__)

# What databases and their drivers raise for a value that they cannot store or compare.
UNUSABLE = (DataError, NotSupportedError, OverflowError, ValidationError, FieldError)

# What Django answers in its own way.
ANSWERED = (Http404, PermissionDenied, SuspiciousOperation)


class RefusesUnusableQueries:
    """Middleware that answers 400 where a lookup, a value or an id in a console request cannot be used.

    The admin accepts any lookup of a field in the query and any text as an id. Many of them fail while the SQL is made,
    with errors of many types, so a safe request with a query that fails is refused and logged with its traceback.
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
            logger.warning("A console request cannot be used.", exc_info=error)
            return defaults.bad_request(request, BadRequest())
        return None
