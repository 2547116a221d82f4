"""A guard for Django's plain views."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpResponseBase, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from client_sessions.authentication import client_session_of, presented_token
from client_sessions.errors import ApiError, envelope

__all__ = ["client_session_required"]

P = ParamSpec("P")
View = Callable[Concatenate[Any, P], HttpResponseBase]


def client_session_required(view: View[P]) -> View[P]:
    """Answer 401 unless a live client session calls; the view finds it in ``request.auth``.

    The token comes as ``Authorization: Bearer`` or as ``client-session-token``, never as a cookie, so Django's CSRF
    protection has nothing to protect here and is off.
    """

    @wraps(view)
    def guarded(request: Any, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            token = presented_token(request)
            if not token:
                raise ApiError("unauthorized")
            session = client_session_of(token, at=timezone.now())
        except ApiError as error:
            headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
            return JsonResponse(envelope(error), status=error.status, headers=headers)
        request.auth = session
        return view(request, *args, **kwargs)

    return csrf_exempt(guarded)  # type: ignore[return-value]  # wraps() gives it a type of its own
