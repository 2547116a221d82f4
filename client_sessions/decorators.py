"""A guard for Django's plain views."""

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpResponseBase, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from client_sessions.authentication import client_session_of, presented_token
from client_sessions.errors import ApiError, envelope

__all__ = ["client_session_required"]


def client_session_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Answer 401 unless a live client session calls; the view, async or not, finds it in ``request.auth``.

    The token comes as ``Authorization: Bearer`` or as ``client-session-token``, never as a cookie, so Django's CSRF
    protection has nothing to protect here and is off.
    """
    if iscoroutinefunction(view):

        @wraps(view)
        async def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
            refusal = await sync_to_async(_refusal)(request)
            return _unstored(refusal or await view(request, *args, **kwargs))

    else:

        @wraps(view)
        def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return _unstored(_refusal(request) or view(request, *args, **kwargs))

    return csrf_exempt(guarded)


def _refusal(request: Any) -> HttpResponseBase | None:
    """What to answer instead of the view; None once the session is in ``request.auth``."""
    try:
        token = presented_token(request)
        if not token:
            raise ApiError("unauthorized")
        request.auth = client_session_of(token, at=timezone.now())
    except ApiError as error:
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
        return JsonResponse(envelope(error), status=error.status, headers=headers)
    return None


def _unstored(response: HttpResponseBase) -> HttpResponseBase:
    """One user's answer is nobody else's."""
    response.headers.setdefault("Cache-Control", "no-store")
    return response
