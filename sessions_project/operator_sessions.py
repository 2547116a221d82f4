"""The user sessions of operators, who sign in to the console with Django's own sign-in."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest

from sessions_core.models import Workspace
from user_sessions.limits import Limits
from user_sessions.middleware import UserSessionMiddleware
from user_sessions.user_agents import Device

__all__ = ["OperatorSessionMiddleware", "operator_limits"]

# NIST SP 800-63B-4 allows an hour of idleness and a day at AAL2.
OPERATOR_LIMITS = Limits(lifetime=timedelta(hours=12), idle_lifetime=timedelta(hours=1))

# The console, and the page that asks its operators for the password.
CONSOLE = ("/admin/", "/reauthenticate/")


class OperatorSessionMiddleware(UserSessionMiddleware):
    """The middleware for the console only: the APIs use no Django sessions, so they do not pay for it."""

    def __call__(self, request: HttpRequest) -> Any:
        if request.path_info.startswith(CONSOLE):
            return super().__call__(request)
        return self.get_response(request)


def operator_limits(user: Any, device: Device | None, workspace: Workspace) -> Limits:
    """Return the limits of operators, and none of its own for other users."""
    return OPERATOR_LIMITS if user.is_staff else Limits()
