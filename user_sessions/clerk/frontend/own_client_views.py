"""Views of the calling client: one browser or app installation."""

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from user_sessions.clerk.cookies import has_signed_in_cookie
from user_sessions.clerk.errors import ClerkError
from user_sessions.clerk.frontend.frontend_view import FrontendView
from user_sessions.models import StaleClient

__all__ = ["ClientView"]


class ClientView(FrontendView):
    def retrieve(self, request: Request) -> Response:
        """Return the client, or null for a visitor, which SDKs do not treat as an error.

        If the browser still has a cookie that says a user is signed in, correct it.
        """
        is_signed_out = self.client is None and self.caller.page is not None and not self.caller.is_stale
        if is_signed_out and has_signed_in_cookie(request.COOKIES, self.caller.workspace):
            self.sets_signed_in_cookie = True
        client = self.client_json(at=timezone.now()) if self.client else None
        return Response({"response": client, "client": None})

    def create(self, request: Request) -> Response:
        now = timezone.now()
        if self.client is None:
            self.limit("visitor", self.network)
            self.become_client(at=now)
        return Response({"response": self.client_json(at=now), "client": None})

    def destroy(self, request: Request) -> Response:
        """Sign every user out and close the client."""
        if self.caller.is_stale:
            raise StaleClient
        if self.client is None:
            raise ClerkError("resource_not_found", "There is no client to forget.")
        client, now = self.client, timezone.now()
        client.close(actor=client.actor, at=now)
        self.sets_signed_in_cookie, self.signed_in_since = True, None
        self.client = None
        return Response({"response": None, "client": None})

    def remove_sessions(self, request: Request) -> Response:
        """Sign every user out. The client stays."""
        client, now = self.own_client(), timezone.now()
        client.sign_out(actor=client.actor, at=now)
        return Response({"response": self.client_json(at=now), "client": None})
