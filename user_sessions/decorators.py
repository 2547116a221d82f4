"""A decorator for Django views that require a user session."""

from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from sessions_core.db.transactions import roll_back_request
from sessions_core.http.asynchronous_views import is_asynchronous
from sessions_core.http.caching import keep_private
from user_sessions.exceptions import SessionTokenError
from user_sessions.freshness import Freshness
from user_sessions.guards import (
    CREDENTIAL_HEADERS,
    aauthenticate_request,
    authenticate_request,
    refusal_response,
)
from user_sessions.models import UserSession
from user_sessions.verify import SessionClaims

if TYPE_CHECKING:
    from django.contrib.auth.models import User

__all__ = ["SessionRequest", "session_required"]


class SessionRequest(HttpRequest):
    """The request of a decorated view, for type annotations."""

    auth: SessionClaims
    user: "User"
    user_session: UserSession


P = ParamSpec("P")
# The request type that the view accepts, and its response type.
Q = TypeVar("Q", bound=HttpRequest)
R = TypeVar("R", bound=HttpResponseBase)


class _Decorator(Protocol):
    @overload
    def __call__(
        self, view: Callable[Concatenate[Q, P], Coroutine[Any, Any, R]], /
    ) -> Callable[Concatenate[HttpRequest, P], Coroutine[Any, Any, R | JsonResponse]]: ...

    @overload
    def __call__(
        self, view: Callable[Concatenate[Q, P], R], /
    ) -> Callable[Concatenate[HttpRequest, P], R | JsonResponse]: ...


@overload
def session_required(
    view: Callable[Concatenate[Q, P], Coroutine[Any, Any, R]], /
) -> Callable[Concatenate[HttpRequest, P], Coroutine[Any, Any, R | JsonResponse]]: ...


@overload
def session_required(
    view: Callable[Concatenate[Q, P], R], /
) -> Callable[Concatenate[HttpRequest, P], R | JsonResponse]: ...


@overload
def session_required(*, freshness: Freshness | str) -> _Decorator: ...


def session_required(view: Callable[..., Any] | None = None, /, *, freshness: Freshness | str | None = None) -> Any:
    """Require a session token; otherwise answer 401. The view (sync or async) finds the claims in ``request.auth``.

    ``request.user`` is the user and ``request.user_session`` the session. ``freshness`` says how late the view may
    learn that the session is over: ``"networkless"``, ``"cached"`` or ``"strict"``. Without it the view is strict, and
    a system check lists it.

    The token is sent as ``Authorization: Bearer`` or in the cookie ``__session``. With the cookie, the CSRF checks
    apply. The view is exempt from ``LoginRequiredMiddleware``. Responses are not cached.
    """
    stated = None if freshness is None else Freshness(freshness)
    return _guarded(view, stated) if view is not None else lambda view: _guarded(view, stated)


def _guarded(view: Callable[..., Any], stated: Freshness | None) -> Any:
    freshness = stated or Freshness.STRICT
    if is_asynchronous(view):

        @wraps(view)
        async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                await aauthenticate_request(request, freshness=freshness)
                return _private(await view(request, *args, **kwargs))
            except SessionTokenError as error:  # the view raises it too, if it loads the user of a session that is over
                return refusal_response(error)

    else:

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                authenticate_request(request, freshness=freshness)
                return _private(view(request, *args, **kwargs))
            except SessionTokenError as error:
                return _refused(error)

    guarded.session_freshness = stated  # type: ignore[attr-defined]  # for the system check
    return login_not_required(csrf_exempt(guarded))


def _private(response: HttpResponseBase) -> HttpResponseBase:
    keep_private(response, CREDENTIAL_HEADERS)
    if render := getattr(response, "render", None):  # Django renders templates after the view has returned
        response.render = partial(_rendered, render)  # type: ignore[attr-defined]
    return response


def _rendered(render: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """Render a response. Its template may load the user of a session that is over."""
    try:
        return render()
    except SessionTokenError as error:
        return _refused(error)


def _refused(error: SessionTokenError) -> JsonResponse:
    roll_back_request()  # the view may have written before it looked at the user
    return refusal_response(error)
