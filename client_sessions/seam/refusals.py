"""Map errors of the domain, of REST framework and of request bodies to responses of this dialect."""

import logging
from collections.abc import Callable
from math import ceil

from django.core.exceptions import SuspiciousOperation
from rest_framework import exceptions

from client_sessions import resources
from client_sessions.exceptions import (
    ClientSessionError,
    GrantConflict,
    KeyTaken,
    NotLive,
    TokenExpired,
    TokenMalformed,
    TokenMissing,
    TokenRevoked,
    TokenUnknown,
)
from client_sessions.seam.errors import CATALOGUE, SeamError, invalid
from sessions_core.http.bodies import BodyNotJson, BodyTooLarge, BodyUnreadable, BodyWithoutLength
from sessions_core.http.refusals import Refusals, refusal_in
from sessions_core.http.routes import ScopeMissing
from sessions_core.models.refusal_counts import RefusalKind

__all__ = ["REFUSALS", "counted_kind", "refusal_of"]

logger = logging.getLogger(__name__)

# Parameter names of the resource types of which a session has at most one.
PARAMETERS = {"user_identity": "user_identity_id", "customer": "customer_key"}


def _always(type: str, message: str = "", *, status: int = 0) -> Callable[[Exception], SeamError]:
    return lambda error: SeamError(type, message, status=status)


def _missing(error: resources.Missing) -> SeamError:
    type = f"{error.resource_type}_not_found"
    return SeamError(type if type in CATALOGUE else "resource_not_found")


def _conflict(error: GrantConflict) -> SeamError:
    name = PARAMETERS.get(str(error), str(error))
    return invalid(name, "The client session has another one already")


def _scope_missing(error: ScopeMissing) -> SeamError:
    return SeamError("insufficient_scope", f"The API key needs the scope {error.scope}.")


def _throttled(error: exceptions.Throttled) -> SeamError:
    return SeamError("too_many_requests", retry_after=ceil(getattr(error, "wait", None) or 1))


REFUSALS: Refusals[SeamError] = {
    TokenMissing: _always("unauthorized"),
    TokenMalformed: _always("invalid_client_session_token"),
    TokenUnknown: _always("client_session_not_found", "The client session token is not known.", status=401),
    TokenExpired: _always("client_session_expired"),
    TokenRevoked: _always("client_session_revoked"),
    KeyTaken: _always("client_session_token_already_exists"),
    NotLive: _always("client_session_not_found"),
    GrantConflict: _conflict,
    resources.Missing: _missing,
    exceptions.NotAuthenticated: _always("unauthorized"),
    exceptions.AuthenticationFailed: _always("unauthorized"),
    exceptions.PermissionDenied: _always("unauthorized"),
    exceptions.Throttled: _throttled,
    ScopeMissing: _scope_missing,
    SuspiciousOperation: _always("invalid_query_params", "The query has too many parameters."),
    BodyWithoutLength: _always("length_required"),
    BodyNotJson: _always("invalid_content_type"),
    BodyTooLarge: _always("request_too_large"),
    BodyUnreadable: _always("invalid_json"),
}


def counted_kind(error: SeamError) -> RefusalKind | None:
    """Return what the dashboard counts this error as, or None if it does not."""
    if error.status == 429:
        return RefusalKind.RATE_LIMIT
    is_of_credential = error.status == 401 or error.type == "workspace_not_found"
    return RefusalKind.INVALID_CREDENTIAL if is_of_credential else None


def refusal_of(error: Exception) -> SeamError | None:
    """Return the response to an error, or None for an unknown error.

    A domain error without a row is logged and answered with 500.
    """
    if isinstance(error, SeamError):
        return error
    refusal = refusal_in(REFUSALS, error)
    if refusal is None and isinstance(error, ClientSessionError):
        logger.error("%s has no row in REFUSALS of %s.", type(error).__name__, __name__, exc_info=error)
        return SeamError("internal_server_error")
    return refusal
