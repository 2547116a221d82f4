"""The base view of the Backend API: secret key, version, and look-ups in the caller's workspace."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from sessions_core.http.parameters import Flag, Number, Text
from sessions_core.http.responses import Response
from sessions_core.models import ApiKey
from sessions_core.models.policies import with_policies
from sessions_core.texts import is_storable
from user_sessions.clerk.backend.backend_shapes import list_object
from user_sessions.clerk.backend.secret_keys import SecretKeyAuthentication
from user_sessions.clerk.base_view import ClerkView, session_not_found, template_not_found
from user_sessions.clerk.errors import of_parameter
from user_sessions.clerk.parameters import ClosedParameters, Parameters, body_of
from user_sessions.clerk.versions import version_of
from user_sessions.models import JwtTemplate, UserSession, UserSessionPolicy, UserSessionQuerySet
from user_sessions.models.pages import Selection
from user_sessions.users import find

__all__ = ["BackendView"]

# Characters. Matches ``UserSession.close_reason``.
LONGEST_REASON = 200

PAGE_SIZES = range(1, 501)
OFFSETS = range(10**9)

PAGE = Parameters(limit=Number(within=PAGE_SIZES), offset=Number(within=OFFSETS), paginated=Flag())
REVOKE_ALL = ClosedParameters(except_session_id=Text(), reason=Text(max_length=LONGEST_REASON))

R = TypeVar("R")


class BackendView(ClerkView):
    """Base view. ``auth`` is the calling ApiKey, ``api_version`` the requested version."""

    authentication_classes: Sequence[type[BaseAuthentication]] = (SecretKeyAuthentication,)

    credential_refused = "clerk_key_invalid"
    with_workspace = with_policies("workspace", UserSessionPolicy)

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
        if is_storable(id) and (template := JwtTemplate.of_id(self.auth.workspace, id)):
            return template
        raise template_not_found(id)

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
        self, request: Request, select: Callable[[], Selection[R] | None], shape: Callable[[R], dict[str, Any]]
    ) -> Response:
        """Return a page of the selected rows, newest first: a plain list, or an object with the total if the caller
        asks for pages."""
        values = PAGE.read_query(request)
        selection, is_counted = select(), values.get("paginated")
        if selection is None:
            return Response(list_object([], total=0 if is_counted else None))
        total = selection.count() if is_counted else None
        page = selection.page(limit=values.get("limit", 10), offset=values.get("offset", 0))
        return Response(list_object([shape(row) for row in page], total=total))
