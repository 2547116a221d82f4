"""The base view of the Backend API: secret key, version, and look-ups in the caller's workspace."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from sessions_core.http.parameters import Flag, Number, Text
from sessions_core.http.responses import Response
from sessions_core.models import ApiKey
from sessions_core.texts import is_storable
from user_sessions.clerk.backend.backend_shapes import list_object
from user_sessions.clerk.backend.secret_keys import SecretKeyAuthentication
from user_sessions.clerk.base_view import ClerkView, one_template, session_not_found
from user_sessions.clerk.errors import of_parameter
from user_sessions.clerk.parameters import ClosedParameters, Parameters, body_of
from user_sessions.clerk.versions import version_of
from user_sessions.models import JwtTemplate, UserSession, UserSessionQuerySet
from user_sessions.users import find

__all__ = ["BackendView"]

# Characters. Matches ``UserSession.close_reason``.
LONGEST_REASON = 200

PAGE_SIZES = range(1, 501)
OFFSETS = range(10**9)

PAGE = Parameters(limit=Number(within=PAGE_SIZES), offset=Number(within=OFFSETS), paginated=Flag())
REVOKE_ALL = ClosedParameters(except_session_id=Text(), reason=Text(max_length=LONGEST_REASON))

R = TypeVar("R", bound=Model)


class BackendView(ClerkView):
    """Base view. ``auth`` is the calling ApiKey, ``api_version`` the requested version."""

    authentication_classes: Sequence[type[BaseAuthentication]] = (SecretKeyAuthentication,)

    credential_refused = "clerk_key_invalid"

    api_version: str

    @property
    def auth(self) -> ApiKey:
        auth: ApiKey = self.request.auth  # type: ignore[assignment]  # set by our authentication
        return auth

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.api_version = version_of(request)

    def user(self, id: str, *, unknown: str = "resource_not_found") -> Any:
        """Return the workspace's user with this API id. Raise ClerkError."""
        if user := find(self.auth.workspace, id):
            return user
        raise of_parameter(unknown, "user_id", f"No user was found with id {id}.")

    def template(self, id: str) -> JwtTemplate:
        """Return the caller's JWT template with this id. Raise ClerkError."""
        return one_template(JwtTemplate.objects.filter(workspace=self.auth.workspace, pk=id), id)

    def session(self, session_id: str) -> UserSession:
        """Return the caller's session with this id. Raise ClerkError."""
        if is_storable(session_id) and (session := UserSession.of_id(self.auth.workspace, session_id)):
            return session
        raise session_not_found(session_id)

    def minting_session(self, session_id: str, *, at: datetime) -> UserSession:
        """Return the caller's live session with this id, with its token facts. Raise ClerkError."""
        if is_storable(session_id) and (session := UserSession.minting(self.auth.workspace, session_id, at=at)):
            return session
        raise session_not_found(session_id)

    def revoke_all(self, request: Request, sessions: UserSessionQuerySet) -> Response:
        """Revoke the live sessions except ``except_session_id``, which must be one of them."""
        body = body_of(request)
        excepted = REVOKE_ALL.read(body, "except_session_id").get("except_session_id")
        if excepted is not None:
            if not sessions.filter(pk=excepted).exists():
                raise session_not_found(excepted)
            sessions = sessions.exclude(pk=excepted)
        revoked = sessions.revoke(actor=self.auth.actor, reason=REVOKE_ALL.read(body, "reason").get("reason", ""))
        return Response({"object": "revoked_sessions", "session_ids": list(revoked), "total_count": len(revoked)})

    def listed(
        self, request: Request, rows_of: Callable[[], QuerySet[R]], shape: Callable[[R], dict[str, Any]]
    ) -> Response:
        """Return a page of rows, newest first: a plain list, or an object with the total if the caller asks for pages.

        A later page selects its ids from the index alone, so that earlier rows are not read.
        """
        values = PAGE.read_query(request)
        limit, offset = values.get("limit", 10), values.get("offset", 0)
        rows = rows_of()
        total = rows.count() if values.get("paginated") else None
        rows = rows.order_by("-created_at", "-id")
        page = slice(offset, offset + limit)
        selected = rows.filter(pk__in=rows.values("pk")[page]) if offset else rows[page]
        return Response(list_object([shape(row) for row in selected], total=total))
