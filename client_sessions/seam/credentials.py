"""The credentials of Seam's API: API keys, personal access tokens, client session tokens and publishable keys.

A route lists the credentials that it accepts; others are ignored. A client session token in its own header takes
precedence over other credentials, because it has the least privilege.
"""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from client_sessions.models import ClientSessionPolicy, PersonalAccessToken
from client_sessions.models.personal_access_tokens import PERSONAL_ACCESS_TOKEN, PersonalAccess
from client_sessions.models.sessions import CLIENT_SESSION
from client_sessions.presented_tokens import CLIENT_SESSION_HEADERS, client_session_of, presented_token
from client_sessions.scoping import Auth
from client_sessions.seam.errors import SeamError
from sessions_core.credentials import API_KEY, PUBLISHABLE_KEY
from sessions_core.http.caller import bearer_of
from sessions_core.models import ApiKey
from sessions_core.models.policies import with_policies

__all__ = ["CredentialAuthentication"]


PERSONAL_PREFIX = "seam_at"


class CredentialAuthentication(BaseAuthentication):
    """Authenticate a credential of the kinds that the route accepts. Raise SeamError."""

    credential_headers = (*CLIENT_SESSION_HEADERS, "seam-publishable-key", "seam-workspace")

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Auth]:
        view: Any = (request.parser_context or {})["view"]
        bearer = bearer_of(request)
        auth: Auth | None = None
        if CLIENT_SESSION in view.open_to and (token := presented_token(request)):
            auth = client_session_of(token, at=timezone.now(), related=view.related(request))
        elif PERSONAL_ACCESS_TOKEN in view.open_to and bearer.startswith(PERSONAL_PREFIX):
            auth = _personal_access(bearer, request.headers.get("seam-workspace"))
        elif API_KEY in view.open_to and bearer:
            auth = ApiKey.authenticate(bearer, related=view.related(request))
        elif PUBLISHABLE_KEY in view.open_to and not request.headers.get("authorization"):
            auth = _publishable_key(request.headers.get("seam-publishable-key", ""), action=view.action)
        if auth is None or auth.credential not in view.open_to:
            raise SeamError("unauthorized")
        return AnonymousUser(), auth


def _personal_access(text: str, workspace_id: str | None) -> PersonalAccess | None:
    """Return the token with the requested workspace, without one if none is requested, or None if it is refused."""
    token = PersonalAccessToken.objects.authenticate(text)
    if token is None or workspace_id is None:
        return PersonalAccess(token, None) if token else None
    try:
        chosen = token.workspaces.select_related(*with_policies()).filter(pk=UUID(workspace_id)).first()
    except ValueError:
        chosen = None
    return PersonalAccess(token, chosen) if chosen else None


def _publishable_key(text: str, *, action: str | None) -> ApiKey | None:
    """Return a publishable key if its workspace allows them. Raise SeamError for an unknown key."""
    if not text:
        return None
    key = ApiKey.authenticate_publishable(text)
    if key is None:
        raise SeamError("workspace_not_found", status=400 if action == "get_or_create" else 401)
    return key if ClientSessionPolicy.of(key.workspace).allows_publishable_keys else None
