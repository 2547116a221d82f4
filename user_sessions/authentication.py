"""REST framework authentication for your own views: session tokens."""

from typing import TYPE_CHECKING, Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from rest_framework.settings import api_settings

from sessions_core.http.caching import keep_rest_answer_private
from user_sessions.exceptions import CsrfFailed, SessionsUnavailable, SessionTokenError, SessionTokenMissing
from user_sessions.freshness import Freshness
from user_sessions.guards import CREDENTIAL_HEADERS, RETRY_AFTER, authenticate_request
from user_sessions.verify import SessionClaims

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

__all__ = ["SessionTokenAuthentication"]


class SessionTokenAuthentication(BaseAuthentication):
    """Authenticate a session token; ``request.user`` is the user and ``request.auth`` the claims.

    The token is sent as ``Authorization: Bearer`` or in the cookie ``__session``. With the cookie, the CSRF checks
    apply. Without a token, the other authentication classes of the view decide. An invalid token is answered with 401
    in the error format of your project and a code such as ``session_revoked``.

    ``session_freshness`` of the view, or of a subclass of this class, says how late the view may learn that the session
    is over: ``"networkless"``, ``"cached"`` or ``"strict"``. Without it the view is strict, and a system check lists
    it.
    """

    session_freshness: Freshness | str | None = None
    credential_headers = CREDENTIAL_HEADERS

    def authenticate(self, request: Request) -> "tuple[AbstractBaseUser, SessionClaims] | None":
        keep_rest_answer_private(request, self.credential_headers)
        view: Any = (request.parser_context or {}).get("view")
        freshness = getattr(view, "session_freshness", None) or self.session_freshness or Freshness.STRICT
        try:
            found = authenticate_request(request._request, freshness=freshness)
        except SessionTokenMissing:
            return None
        except SessionTokenError as error:
            raise _rest_error(error) from None
        found.row.raised = _rest_error
        if found.row.session is None and view is not None:
            _refuse_while_rendering(view)
        return found.user, found.claims

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class _Unavailable(APIException):
    status_code = 503
    wait = RETRY_AFTER  # REST framework sends it as Retry-After


def _refuse_while_rendering(view: Any) -> None:
    """Answer with an error also if a renderer, such as that of the browsable API, loads the user of a session that is
    over. Renderers run after the view, where REST framework handles no errors. They render the error for an anonymous
    caller."""
    finalize = view.finalize_response
    anonymous: Any = api_settings.UNAUTHENTICATED_USER

    def finalize_guarded(request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = finalize(request, response, *args, **kwargs)
        render = getattr(response, "render", None)
        if render is None:
            return response

        def render_guarded() -> Any:
            try:
                return render()
            except (AuthenticationFailed, _Unavailable) as error:
                request.user, request.auth = anonymous() if anonymous else None, None
                return finalize(request, view.handle_exception(error), *args, **kwargs).render()

        response.render = render_guarded
        return response

    view.finalize_response = finalize_guarded


def _rest_error(error: SessionTokenError) -> APIException:
    kind = {CsrfFailed: PermissionDenied, SessionsUnavailable: _Unavailable}.get(type(error), AuthenticationFailed)
    return kind(error.message, code=error.code)
