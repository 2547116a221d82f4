"""Sessions, session tokens and signing keys, for backends."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from user_sessions.backend_api.api import BackendView
from user_sessions.backend_api.errors import ApiError
from user_sessions.backend_api.parameters import (
    body_of,
    query_choice,
    query_flag,
    query_number,
    query_text,
    required_text,
    whole_number,
)
from user_sessions.backend_api.serializers import list_object, session_object, token_object
from user_sessions.conf import settings
from user_sessions.models import SigningKey, Status, UserSession, UserSessionQuerySet
from user_sessions.tokens import LIFETIMES, session_token
from user_sessions.users import find, key_of

__all__ = ["JwksView", "SessionsView", "UnknownView"]

PAGE_SIZES = range(1, 501)
OFFSETS = range(10**9)


class SessionsView(BackendView):
    def list(self, request: Request) -> Response:
        now = timezone.now()
        limit = query_number(request, "limit", default=10, within=PAGE_SIZES)
        offset = query_number(request, "offset", default=0, within=OFFSETS)
        is_paginated = query_flag(request, "paginated")
        sessions = self._filtered(request, now)
        total = sessions.count() if is_paginated else None
        page = sessions.order_by("-created_at", "-id")[offset : offset + limit]
        return Response(list_object([self._object(session, now) for session in page], total=total))

    def create(self, request: Request) -> Response:
        workspace = self.auth.workspace
        if not workspace.allows_backend_sessions:
            raise ApiError(
                "request_invalid_for_environment",
                "A live workspace signs users in itself. An operator can allow this in the console.",
            )
        user_id = required_text(body_of(request), "user_id")
        user = find(user_id)
        if user is None:
            raise ApiError("resource_not_found", f"No user was found with id {user_id}.")
        now = timezone.now()
        session = UserSession.objects.start(workspace, user, by=self.auth.actor, at=now)
        return Response(self._object(session, now))

    def retrieve(self, request: Request, session_id: str) -> Response:
        return Response(self._object(self._session(self._sessions(), session_id), timezone.now()))

    def revoke(self, request: Request, session_id: str) -> Response:
        body_of(request)  # nothing is asked of it, but it must be one
        now = timezone.now()
        session = self._session(self._sessions(), session_id)
        session.revoke(by=self.auth.actor, at=now)
        return Response(self._object(session, now))

    def mint(self, request: Request, session_id: str) -> Response:
        now = timezone.now()
        seconds = whole_number(body_of(request), "expires_in_seconds", within=LIFETIMES)
        session = self._session(self._sessions().live(at=now).for_minting(), session_id)
        if not session.user.is_active:
            raise _not_found(session_id)
        lifetime = None if seconds is None else timedelta(seconds=seconds)
        return Response(token_object(session_token(session, at=now, lifetime=lifetime)))

    def _sessions(self) -> UserSessionQuerySet:
        """The only sessions this caller can name: those of its workspace."""
        return UserSession.objects.in_workspace(self.auth.workspace)

    def _session(self, among: UserSessionQuerySet, session_id: str) -> UserSession:
        session = among.filter(pk=session_id).first() if session_id.isprintable() else None
        if session is None:
            raise _not_found(session_id)
        return session

    def _filtered(self, request: Request, now: datetime) -> UserSessionQuerySet:
        sessions = self._sessions()
        user_id, client_id = query_text(request, "user_id"), query_text(request, "client_id")
        status = query_choice(request, "status", among=Status.values)
        if user_id is None and client_id is None and not settings.allow_unfiltered_list:
            raise ApiError("missing_query_parameter", "Give user_id or client_id, or both.")
        if user_id is not None:
            sessions = sessions.filter(user=key) if (key := key_of(user_id)) is not None else sessions.none()
        if client_id is not None:
            sessions = sessions.filter(client=client_id)
        return sessions if status is None else sessions.with_status(status, at=now)

    def _object(self, session: UserSession, now: datetime) -> dict[str, Any]:
        return session_object(session, at=now, version=self.api_version)


class JwksView(BackendView):
    def list(self, request: Request) -> Response:
        """Empty until the first token is minted: reading makes nothing, and there is nothing to verify yet."""
        keys = SigningKey.objects.filter(workspace=self.auth.workspace).values_list("public_jwk", flat=True)
        return Response({"keys": list(keys)})


class UnknownView(BackendView):
    """Paths that do not exist; who has no key does not even learn that."""

    def refuse(self, request: Request, rest: str) -> Response:
        raise ApiError("resource_not_found", "There is no such endpoint.")


def _not_found(session_id: str) -> ApiError:
    return ApiError("resource_not_found", f"No session was found with id {session_id}.", message="Session not found")
