"""Rate limits by kind of caller."""

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from client_sessions.conf import ANONYMOUS, settings
from sessions_core.credentials import PUBLISHABLE_KEY
from sessions_core.http.caller import client_address
from sessions_core.rates import network_of

__all__ = ["CredentialThrottle", "anonymous_wait"]


class CredentialThrottle(BaseThrottle):
    """Counts authenticated requests against the rate limit of the kind of caller."""

    def __init__(self) -> None:
        self.seconds = 0

    def allow_request(self, request: Request, view: APIView) -> bool:
        auth = request.auth
        kind: str = getattr(auth, "credential", "")
        # A publishable key is public, so one caller must not use up the limit of others.
        address = network_of(client_address(request)) if kind == PUBLISHABLE_KEY else ""
        self.seconds = settings.seconds_to_wait(kind, str(getattr(auth, "pk", "")), address)
        return not self.seconds

    def wait(self) -> float:
        return self.seconds


def anonymous_wait(request: Request) -> int:
    """Count a failed authentication from this network. Return 0, or the seconds to wait."""
    return settings.seconds_to_wait(ANONYMOUS, network_of(client_address(request)))
