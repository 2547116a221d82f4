"""Views of clients and their sessions."""

from datetime import datetime
from typing import Any

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
from user_sessions.models import UserSession
from user_sessions.models.client_rows import ClientRow, client_row, select_clients
from user_sessions.tokens.client_tokens import read_client_token

__all__ = ["ClientsView"]

VERIFY = ClosedParameters(token=Text(required=True, max_length=LONGEST_TOKEN))
HANDSHAKE_QUERY = Parameters(nonce=Text(max_length=LONGEST_TOKEN))


class ClientsView(BackendView):
    def list(self, request: Request) -> Response:
        now = timezone.now()
        return self.listed(
            request, lambda: select_clients(self.auth.workspace, at=now), lambda row: self._object(row, now)
        )

    def retrieve(self, request: Request, client_id: str) -> Response:
        now = timezone.now()
        return Response(self._object(self._client(client_id, now), now))

    def verify(self, request: Request) -> Response:
        claims = read_client_token(VERIFY.read(body_of(request))["token"])
        if claims is None:
            raise ClerkError("cookie_invalid", "The token is no client's.")
        now = timezone.now()
        row = self._client(claims.client_id, now)
        if not claims.is_of(row[0]):
            raise ClerkError("cookie_invalid", "The client has a newer token than this one.")
        return Response(self._object(row, now))

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
        client, _ = self._client(client_id, timezone.now())
        return self.revoke_all(request, UserSession.objects.filter(client=client))

    def _client(self, client_id: str, now: datetime) -> ClientRow:
        row = client_row(self.auth.workspace, client_id, at=now) if is_storable(client_id) else None
        if row is None:
            raise ClerkError("resource_not_found", f"No client was found with id {client_id}.")
        return row

    def _object(self, row: ClientRow, now: datetime) -> dict[str, Any]:
        client, sessions = row
        return client_object(client, sessions, at=now, version=self.api_version)
