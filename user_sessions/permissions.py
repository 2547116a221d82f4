"""REST framework permissions for your own views."""

from typing import Any

from rest_framework.exceptions import ErrorDetail, NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from sessions_core.http.caching import keep_rest_answer_private
from user_sessions.guards import CREDENTIAL_HEADERS
from user_sessions.step_up import (
    MESSAGES,
    Standing,
    body_of,
    challenge_of,
    standing_of,
    valid_minutes,
)

__all__ = ["verified_within_permission"]


def verified_within_permission(*, minutes: int) -> type[BasePermission]:
    """Return a permission for callers who authenticated within these minutes: with a session token, or in Django.

    Others get 403 with a body that Clerk's SDKs turn into a re-authentication prompt. An impersonation is refused.
    """
    allowed = valid_minutes(minutes)

    class VerifiedWithin(BasePermission):
        def has_permission(self, request: Request, view: Any) -> bool:
            keep_rest_answer_private(request, CREDENTIAL_HEADERS)
            standing = standing_of(request, allowed)
            if standing == Standing.VERIFIED:
                return True
            raise _refusal(standing, allowed)

    return VerifiedWithin


class _Minutes(int):
    """A number in the detail of an error. Exception handlers of projects read a code from each value."""

    code = Standing.STALE.value


class _ReverificationRequired(PermissionDenied):
    default_code = Standing.STALE.value

    def __init__(self, minutes: int) -> None:
        super().__init__()
        self.detail = _detail(body_of(Standing.STALE, minutes))
        self.auth_header = challenge_of(minutes)  # REST framework sends it as WWW-Authenticate


def _refusal(standing: Standing, minutes: int) -> Exception:
    if standing == Standing.ANONYMOUS:
        return NotAuthenticated()
    if standing == Standing.IMPERSONATED:
        return PermissionDenied(MESSAGES[standing.value], code=standing.value)
    return _ReverificationRequired(minutes)


def _detail(value: Any) -> Any:
    """Return the body as REST framework's details: texts with a code. Its own conversion turns numbers into texts."""
    if isinstance(value, dict):
        return {name: _detail(each) for name, each in value.items()}
    return _Minutes(value) if isinstance(value, int) else ErrorDetail(value, Standing.STALE.value)
