"""Views of the key set (JWKS): for backends, and public."""

import re

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from user_sessions.clerk.backend.backend_view import BackendView
from user_sessions.clerk.errors import ClerkError
from user_sessions.conf import settings
from user_sessions.keys.key_sets import Document, document_at, document_of

__all__ = ["JwksView", "PublicJwksView"]


class JwksView(BackendView):
    by_workspace_id = frozenset({"list"})

    def list(self, request: Request) -> HttpResponse:
        """Return the key set. It is empty until the first token is minted, because a read creates no key."""
        return _answer(document_of(self.auth.workspace_id, at=timezone.now()), request, scope="private")


class PublicJwksView(BackendView):
    """The public key set of the workspace at the request's host, or of the default workspace if it has no address.

    No authentication: public keys are not secret.
    """

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def list(self, request: Request) -> HttpResponse:
        document = document_at(request.get_host(), at=timezone.now())
        if document is None:
            raise ClerkError("resource_not_found", "No workspace has its frontend API at this host.")
        response = _answer(document, request, scope="public")
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response


def _answer(document: Document, request: Request, *, scope: str) -> HttpResponse:
    """Return the document, or 304 if the caller has it already (RFC 9110, section 13.1.2).

    ``scope`` is ``public`` or ``private``, for ``Cache-Control``. An empty document must not be cached, because the
    first token will need its key at once.
    """
    etags = request.headers.get("if-none-match", "")
    is_unchanged = etags.strip() == "*" or document.etag in re.findall(r'"[^"]*"', etags)
    response = HttpResponse(b"" if is_unchanged else document.body, content_type="application/json")
    response.status_code = 304 if is_unchanged else 200
    response.headers["ETag"] = document.etag
    seconds = int(settings.jwks_max_age.total_seconds())
    response.headers["Cache-Control"] = "no-store" if document.is_empty else f"{scope}, max-age={seconds}"
    return response
