"""Views of clients and their sessions."""

from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from rest_framework.request import Request

from sessions_core.db.transactions import atomic
from sessions_core.http.parameters import Text
from sessions_core.http.responses import Response
from sessions_core.texts import is_storable
from user_sessions.clerk.backend.backend_shapes import client_object
from user_sessions.clerk.backend.backend_view import BackendView
from user_sessions.clerk.errors import ClerkError
from user_sessions.clerk.handshakes import Handshake
from user_sessions.clerk.parameters import LONGEST_TOKEN, ClosedParameters, Parameters, body_of
from user_sessions.models import Client, UserSession
from user_sessions.tokens.client_tokens import read_client_token

__all__ = ["ClientsView"]

VERIFY = ClosedParameters(token=Text(required=True, max_length=LONGEST_TOKEN))
HANDSHAKE_QUERY = Parameters(nonce=Text(max_length=LONGEST_TOKEN))


class ClientsView(BackendView):
    def list(self, request: Request) -> Response:
        now = timezone.now()
        return self.listed(request, lambda: self._clients(now), lambda client: self._object(client, now))

    def retrieve(self, request: Request, client_id: str) -> Response:
        now = timezone.now()
        return Response(self._object(self._client(client_id, now), now))

    def verify(self, request: Request) -> Response:
        claims = read_client_token(VERIFY.read(body_of(request))["token"])
        if claims is None:
            raise ClerkError("cookie_invalid", "The token is no client's.")
        now = timezone.now()
        client = self._client(claims.client_id, now)
        if not claims.is_of(client):
            raise ClerkError("cookie_invalid", "The client has a newer token than this one.")
        return Response(self._object(client, now))

    def redeem_handshake(self, request: Request) -> Response:
        """Exchange a handshake nonce for the browser's cookies. It works once."""
        workspace, now = self.auth.workspace, timezone.now()
        nonce = HANDSHAKE_QUERY.read_query(request).get("nonce")
        if nonce is None:
            raise ClerkError("missing_query_parameter", "Give the nonce.")
        with atomic():
            directives = Handshake.redeem(nonce, workspace, at=now).directives(workspace, at=now)
        return Response({"directives": directives})

    def revoke_sessions(self, request: Request, client_id: str) -> Response:
        client = self._client(client_id, timezone.now())
        return self.revoke_all(request, UserSession.objects.filter(client=client))

    def _clients(self, now: datetime) -> QuerySet[Client]:
        """Return the clients with the sessions that have not left them."""
        current = UserSession.objects.with_status_facts().not_left(at=now).select_related("user", "latest_activity")
        sessions = Prefetch("sessions", current)
        clients: QuerySet[Client] = self.auth.workspace.user_sessions_clients.prefetch_related(sessions)
        return clients

    def _client(self, client_id: str, now: datetime) -> Client:
        client = self._clients(now).filter(pk=client_id).first() if is_storable(client_id) else None
        if client is None:
            raise ClerkError("resource_not_found", f"No client was found with id {client_id}.")
        return client

    def _object(self, client: Client, now: datetime) -> dict[str, Any]:
        return client_object(client, at=now, version=self.api_version)
