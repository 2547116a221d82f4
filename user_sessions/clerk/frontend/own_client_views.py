"""Views of the calling client: one browser or app installation."""

from django.utils import timezone
from rest_framework.request import Request

from sessions_core.http.responses import Response
from user_sessions.clerk.cookies import has_signed_in_cookie
from user_sessions.clerk.frontend.client_answers import ClientAnswer
from user_sessions.clerk.frontend.frontend_rates import count
from user_sessions.clerk.frontend.frontend_view import FrontendView

__all__ = ["ClientView"]


class ClientView(FrontendView):
    def retrieve(self, request: Request) -> Response:
        """Return the client, or null for a visitor, which SDKs do not treat as an error.

        If the browser still has a cookie that says a user is signed in, correct it.
        """
        if self.own.row:
            return self.answers.client(at=timezone.now())
        is_signed_out = self.caller.page is not None and not self.caller.is_stale
        if is_signed_out and has_signed_in_cookie(request.COOKIES, self.caller.workspace):
            return ClientAnswer(None)
        return Response({"response": None, "client": None})

    def create(self, request: Request) -> Response:
        now = timezone.now()
        if self.own.row is None:
            count("visitor", self.network)
            self.own.begin(at=now)
        return self.answers.client(at=now)

    def destroy(self, request: Request) -> Response:
        """Sign every user out and close the client."""
        self.own.close(at=timezone.now())
        return ClientAnswer(None)

    def remove_sessions(self, request: Request) -> Response:
        """Sign every user out. The client stays."""
        client, now = self.own.client, timezone.now()
        client.sign_out(actor=client.actor, at=now)
        return self.answers.client(at=now)
