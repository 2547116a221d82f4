"""What a caller of a view of your own may do."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from client_sessions.models import ClientSession
from client_sessions.scoping import is_backend

__all__ = ["HasClientSession", "HasCredential"]


class HasClientSession(BasePermission):
    """Lets in client sessions only: ``request.auth`` is one."""

    message = "A client session token is required."

    def has_permission(self, request: Request, view: object) -> bool:
        return isinstance(request.auth, ClientSession)


class HasCredential(BasePermission):
    """Lets in client sessions, and backends with an API key: whatever GrantedFilterBackend can narrow to."""

    message = "A client session token or an API key is required."

    def has_permission(self, request: Request, view: object) -> bool:
        return isinstance(request.auth, ClientSession) or is_backend(request.auth)
