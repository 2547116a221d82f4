"""A decorator for Django views that require a client session."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from client_sessions.exceptions import TokenMissing, TokenRefused
from client_sessions.models import ClientSession
from client_sessions.presented_tokens import CLIENT_SESSION_HEADERS, client_session_of, presented_token
from sessions_core.http.asynchronous_views import is_asynchronous
from sessions_core.http.caching import keep_private

__all__ = ["ClientSessionRequest", "client_session_required"]


class ClientSessionRequest(HttpRequest):
    """The request of a decorated view, for type annotations."""

    auth: ClientSession


P = ParamSpec("P")
# The request type that the view accepts, and its response type.
Q = TypeVar("Q", bound=HttpRequest)
R = TypeVar("R", bound=HttpResponseBase)


@overload
def client_session_required(
    view: Callable[Concatenate[Q, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[HttpRequest, P], Coroutine[Any, Any, R | JsonResponse]]: ...


@overload
def client_session_required(
    view: Callable[Concatenate[Q, P], R],
) -> Callable[Concatenate[HttpRequest, P], R | JsonResponse]: ...


def client_session_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Require a live client session, which the view (sync or async) finds in ``request.auth``; otherwise answer 401.

    The token is sent as ``Authorization: Bearer`` or ``client-session-token``, never as a cookie. Therefore the view is
    exempt from CSRF protection and from ``LoginRequiredMiddleware``. Responses are not cached.
    """
    if is_asynchronous(view):

        @wraps(view)
        async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            refusal = await sync_to_async(_refusal)(request)
            return _private(refusal or await view(request, *args, **kwargs))

    else:

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return _private(_refusal(request) or view(request, *args, **kwargs))

    return login_not_required(csrf_exempt(guarded))


def _refusal(request: Any) -> JsonResponse | None:
    """Set ``request.auth`` and return None, or return the error response."""
    try:
        token = presented_token(request)
        if not token:
            raise TokenMissing
        request.auth = client_session_of(token, at=timezone.now())
    except TokenRefused as refused:
        body = {"detail": refused.message, "code": refused.code}
        return JsonResponse(body, status=401, headers={"WWW-Authenticate": "Bearer"})
    return None


def _private(response: HttpResponseBase) -> HttpResponseBase:
    keep_private(response, CLIENT_SESSION_HEADERS)
    return response
