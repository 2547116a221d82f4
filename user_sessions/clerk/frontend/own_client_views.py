"""The client itself: one browser or app installation."""

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from user_sessions.clerk.cookies import is_told_signed_in
from user_sessions.clerk.errors import ClerkError
from user_sessions.clerk.frontend.frontend_view import FrontendView
from user_sessions.models import StaleClient

__all__ = ["ClientView"]


class ClientView(FrontendView):
    def retrieve(self, request: Request) -> Response:
        """The client, or null for whoever is none: that is no error, but how an SDK asks who it is. A page whose
        browser still says that somebody is signed in, because its client is over, is told otherwise."""
        is_over = self.client is None and self.caller.page is not None and not self.caller.is_late
        if is_over and is_told_signed_in(request.COOKIES, self.caller.workspace):
            self.tells_signed_in = True
        shown = self.client_shown(at=timezone.now()) if self.client else None
        return Response({"response": shown, "client": None})

    def create(self, request: Request) -> Response:
        now = timezone.now()
        if self.client is None:
            self.limit("visitor", self.network)
            self.become_client(at=now)
        return Response({"response": self.client_shown(at=now), "client": None})

    def destroy(self, request: Request) -> Response:
        """Sign everybody out and forget the client."""
        if self.caller.is_late:
            raise StaleClient
        if self.client is None:
            raise ClerkError("resource_not_found", "There is no client to forget.")
        client, now = self.client, timezone.now()
        client.close(actor=client.actor, at=now)
        self.tells_signed_in, self.signed_in_since = True, None
        self.client = None
        return Response({"response": None, "client": None})

    def remove_sessions(self, request: Request) -> Response:
        """Sign everybody out; the client stays."""
        client, now = self.own_client(), timezone.now()
        client.sign_out(actor=client.actor, at=now)
        return Response({"response": self.client_shown(at=now), "client": None})
