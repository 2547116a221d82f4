"""Authenticate a backend by its secret key, before anything else in the request is read."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from sessions_core.http.caller import bearer_of
from sessions_core.models import ApiKey
from user_sessions.clerk.errors import ClerkError

__all__ = ["SecretKeyAuthentication"]


class SecretKeyAuthentication(BaseAuthentication):
    """Set ``request.auth`` to the ApiKey. Raise ClerkError if the key is missing or invalid."""

    credential_headers = ("Authorization",)

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey]:
        view: Any = (request.parser_context or {})["view"]
        text = bearer_of(request)
        if not text:
            raise ClerkError(
                "authorization_header_format_invalid",
                "The Authorization header must read 'Bearer', a space, and the secret key.",
            )
        key = ApiKey.authenticate(text, related=view.related(request))
        if key is None:
            raise ClerkError("clerk_key_invalid", "The secret key is unknown or was revoked. Check it in the console.")
        return AnonymousUser(), key
