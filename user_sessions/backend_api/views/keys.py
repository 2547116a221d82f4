"""The key set that backends verify with."""

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from user_sessions.backend_api.api import BackendView
from user_sessions.key_sets import document_of

__all__ = ["JwksView"]


class JwksView(BackendView):
    def list(self, request: Request) -> HttpResponse:
        """Empty until the first token is minted: reading makes nothing, and there is nothing to verify yet."""
        document = document_of(self.auth.workspace_id, at=timezone.now())
        return document.response(request, scope="private")
