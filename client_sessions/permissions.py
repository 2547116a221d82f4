"""REST framework permissions for your own views."""

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from client_sessions.models import ClientSession
from client_sessions.scoping import is_backend

__all__ = ["HasClientSession", "HasCredential"]


class HasClientSession(BasePermission):
    """Allow only client sessions: ``request.auth`` is one."""

    message = _("A client session token is required.")

    def has_permission(self, request: Request, view: object) -> bool:
        return isinstance(request.auth, ClientSession)


class HasCredential(BasePermission):
    """Allow the callers that GrantedFilterBackend supports: client sessions and backends."""

    message = _("A client session token or an API key is required.")

    def has_permission(self, request: Request, view: object) -> bool:
        return isinstance(request.auth, ClientSession) or is_backend(request.auth)
