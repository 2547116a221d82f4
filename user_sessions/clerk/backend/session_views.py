"""Views of sessions, and of the tokens minted for them."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from rest_framework.request import Request

from sessions_core.http.parameters import Choice, Flag, Number, Text
from sessions_core.http.responses import Response
from sessions_core.texts import is_storable
from user_sessions.clerk.backend.backend_shapes import cookies_object, session_object
from user_sessions.clerk.backend.backend_view import BackendView
from user_sessions.clerk.backend.refresh import Refresh
from user_sessions.clerk.base_view import session_not_found, template_named
from user_sessions.clerk.cookies import session_cookies
from user_sessions.clerk.errors import ClerkError
from user_sessions.clerk.parameters import LONGEST_TOKEN, Organization, Parameters, body_of
from user_sessions.clerk.shapes import token_object
from user_sessions.conf import settings
from user_sessions.keys.key_sets import verifier_of
from user_sessions.models import Status, UserInactive, UserSession, UserSessionPolicy
from user_sessions.models.pages import Selection
from user_sessions.models.session_rows import SessionRow
from user_sessions.tokens.session_tokens import LIFETIMES, session_token, template_token
from user_sessions.users import key_of, unread
from user_sessions.verify import TokenRejected

__all__ = ["SessionsView"]

CREATE = Parameters(active_organization_id=Organization(), user_id=Text(required=True))
VERIFY = Parameters(token=Text(required=True, max_length=LONGEST_TOKEN))
MINT = Parameters(expires_in_seconds=Number(within=LIFETIMES))

# Query parameters
FILTERS = Parameters(user_id=Text(), client_id=Text(), status=Choice(options=Status.values))
REFRESH_QUERY = Parameters(suffixed_cookies=Flag())


class SessionsView(BackendView):
    by_workspace_id = frozenset({"list", "retrieve", "revoke"})

    def list(self, request: Request) -> Response:
        now = timezone.now()
        return self.listed(request, lambda: self._selected(request, now), lambda session: self._object(session, now))

    def create(self, request: Request) -> Response:
        workspace = self.auth.workspace
        if not UserSessionPolicy.of(workspace).allows_backend_sessions:
            raise ClerkError(
                "request_invalid_for_environment",
                "A live workspace signs users in itself. An operator can allow this in the console.",
            )
        id = CREATE.read(body_of(request))["user_id"]
        now = timezone.now()
        try:
            session = UserSession.objects.start(workspace, unread(id) or self.user(id), actor=self.auth.actor, at=now)
        except UserInactive:
            self.user(id)  # raises the error of an unknown user
            raise
        return Response(self._object(session, now))

    def retrieve(self, request: Request, session_id: str) -> Response:
        session = SessionRow.of_id(self.auth.workspace_id, session_id) if is_storable(session_id) else None
        if session is None:
            raise session_not_found(session_id)
        return Response(self._object(session, timezone.now()))

    def revoke(self, request: Request, session_id: str) -> Response:
        body_of(request)  # no parameters, but the body must be valid
        now = timezone.now()
        session = None
        if is_storable(session_id):
            session = SessionRow.revoke(self.auth.workspace_id, session_id, actor=self.auth.actor, at=now)
        if session is None:
            raise session_not_found(session_id)
        return Response(self._object(session, now))

    def verify(self, request: Request, session_id: str) -> Response:
        now = timezone.now()
        token = VERIFY.read(body_of(request))["token"]
        session = self.minting_session(session_id, at=now)
        verifier = verifier_of(self.auth.workspace, at=now)
        try:
            claims = verifier.authentic(token)
            verifier.check_time(claims, at=now)
        except TokenRejected as rejected:
            raise ClerkError(
                "invalid_session_token", f"The token is no session token of this workspace: {rejected}."
            ) from rejected
        if claims.session_id != session.pk:
            raise session_not_found(session_id)
        return Response(self._object(session, now))

    def refresh(self, request: Request, session_id: str) -> Response:
        now = timezone.now()
        workspace = self.auth.workspace
        is_suffixed = REFRESH_QUERY.read_query(request).get("suffixed_cookies", False)
        refresh = Refresh.read(body_of(request))
        token = refresh.token(workspace, session_id, at=now)
        if refresh.format == "token":
            return Response(token_object(token))
        return Response(cookies_object(session_cookies(token, workspace, suffixed=is_suffixed)))

    def mint(self, request: Request, session_id: str) -> Response:
        now = timezone.now()
        lifetime = _lifetime(request)
        session = self.minting_session(session_id, at=now)
        return Response(token_object(session_token(session, at=now, lifetime=lifetime)))

    def mint_from_template(self, request: Request, session_id: str, template_name: str) -> Response:
        now = timezone.now()
        lifetime = _lifetime(request)
        session = self.minting_session(session_id, at=now)
        template = template_named(self.auth.workspace, template_name)
        return Response(token_object(template_token(session, template, at=now, lifetime=lifetime)))

    def _selected(self, request: Request, now: datetime) -> Selection[SessionRow] | None:
        """Return the sessions that the query selects, or None if its user cannot have any."""
        values = FILTERS.read_query(request)
        user_id, client_id, status = (values.get(name) for name in FILTERS.declared)
        if user_id is None and client_id is None and not settings.allow_unfiltered_list:
            raise ClerkError("missing_query_parameter", "Give user_id or client_id, or both.")
        key = None if user_id is None else key_of(user_id)
        if user_id is not None and key is None:
            return None
        return SessionRow.select(self.auth.workspace_id, user=key, client=client_id, status=status, at=now)

    def _object(self, session: UserSession | SessionRow, now: datetime) -> dict[str, Any]:
        return session_object(session, at=now, version=self.api_version)


def _lifetime(request: Request) -> timedelta | None:
    seconds = MINT.read(body_of(request)).get("expires_in_seconds")
    return None if seconds is None else timedelta(seconds=seconds)
