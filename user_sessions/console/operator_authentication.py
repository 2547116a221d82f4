"""When an operator who uses the console with a user session must re-authenticate."""

from django.http import HttpRequest, HttpResponseBase

from sessions_core.console.recent_authentication import register_authentication
from user_sessions.reauthentication import reauthentication_page
from user_sessions.step_up import refusal_of

__all__ = ["RECENTLY", "register"]

# Minutes.
RECENTLY = 15


def register() -> None:
    register_authentication("user_sessions", _ask)


def _ask(request: HttpRequest) -> HttpResponseBase | None:
    """Ask only an operator with a user session, in a project with a page to re-authenticate.

    Other operators have no page to do so.
    """
    if not getattr(request, "user_session", None) or reauthentication_page(request.user) is None:
        return None
    return refusal_of(request, RECENTLY)
