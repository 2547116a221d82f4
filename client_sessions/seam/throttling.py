"""How often each kind of caller may call, and what it is told when that was too often."""

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from client_sessions.conf import ANONYMOUS, settings
from sessions_core.credentials import PUBLISHABLE_KEY
from sessions_core.http.caller import client_address
from sessions_core.rates import network_of

__all__ = ["CredentialThrottle", "anonymous_wait"]


class CredentialThrottle(BaseThrottle):
    """Counts requests that a credential authenticated, at the rate of its kind."""

    def __init__(self) -> None:
        self.seconds = 0

    def allow_request(self, request: Request, view: APIView) -> bool:
        auth = request.auth
        kind: str = getattr(auth, "credential", "")
        # Everyone can hold a publishable key, so one caller must not use up the rate of the others.
        address = network_of(client_address(request)) if kind == PUBLISHABLE_KEY else ""
        self.seconds = settings.seconds_to_wait(kind, str(getattr(auth, "pk", "")), address)
        return not self.seconds

    def wait(self) -> float:
        return self.seconds


def anonymous_wait(request: Request) -> int:
    """Count one more failed authentication from this network: 0, or the seconds it has to wait."""
    return settings.seconds_to_wait(ANONYMOUS, network_of(client_address(request)))
