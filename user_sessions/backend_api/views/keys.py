"""The key set that tokens are verified with: for backends, and for everybody."""

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from user_sessions.backend_api.api import BackendView
from user_sessions.backend_api.errors import ApiError
from user_sessions.key_sets import document_at, document_of

__all__ = ["JwksView", "PublicJwksView"]


class JwksView(BackendView):
    def list(self, request: Request) -> HttpResponse:
        """Empty until the first token is minted: reading makes nothing, and there is nothing to verify yet."""
        return document_of(self.auth.workspace_id, at=timezone.now()).response(request, scope="private")


class PublicJwksView(BackendView):
    """Open to anybody. Which workspace is asked for, the host says: there is nothing secret to choose."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def list(self, request: Request) -> HttpResponse:
        document = document_at(request.get_host(), at=timezone.now())
        if document is None:
            raise ApiError("resource_not_found", "No workspace has its frontend API at this host.")
        response = document.response(request, scope="public")
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response
