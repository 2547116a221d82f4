"""Permissions of the console: one Django permission for each action. Each refused request to change is an event."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, get_resolver, get_urlconf

from sessions_core.console.recent_authentication import AuthenticationRequired
from sessions_core.models import Event
from sessions_core.texts import printable

__all__ = ["REFUSED", "Refused", "operator", "permission_for", "recording_refusals", "require_permission"]

# The type of the event.
REFUSED = "console.refused"

# Characters of the path that the event names.
LONGEST_PATH = 200

READS = ("GET", "HEAD", "OPTIONS", "TRACE")

View = Callable[..., HttpResponseBase]


class Refused(PermissionDenied):
    """The operator does not have this permission, such as ``user_sessions.revoke_usersession``."""

    def __init__(self, permission: str) -> None:
        super().__init__(permission)
        self.permission = permission


def operator(request: HttpRequest) -> str:
    """Return the actor that events record for the signed-in operator."""
    return f"operator:{request.user.pk}"


def permission_for(action: str, model: type[Model]) -> str:
    """Return the name of the permission for an action on a model, such as ``user_sessions.revoke_usersession``, which
    may also be given."""
    if "." in action:
        return action
    return f"{model._meta.app_label}.{get_permission_codename(action, model._meta)}"


def require_permission(request: HttpRequest, permission: str) -> None:
    """Raise Refused if the operator does not have the permission. A superuser has all of them."""
    if not request.user.has_perm(permission):
        raise Refused(permission)


def recording_refusals(pattern: URLPattern) -> URLPattern:
    """Make the view of this address record an event when it refuses a request that would change something, and send an
    operator who must re-authenticate there."""
    pattern.callback = _recording(pattern.callback)
    return pattern


def _recording(view: View) -> View:
    @wraps(view)
    def recorded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except AuthenticationRequired as required:
            return required.response
        except PermissionDenied as refusal:
            if request.method in READS:
                raise
            page = request.resolver_match.view_name if request.resolver_match else ""
            Event.objects.record(
                REFUSED,
                subject=page[:60],
                workspace_id=None,
                actor=operator(request),
                permission=getattr(refusal, "permission", ""),
                path=printable(request.path, longest=LONGEST_PATH),
            )
            # Not raised again: with ATOMIC_REQUESTS that would roll the event back.
            answer: Any = get_resolver(get_urlconf()).resolve_error_handler(403)
            refused: HttpResponseBase = answer(request, exception=refusal)
            return refused

    return recorded
