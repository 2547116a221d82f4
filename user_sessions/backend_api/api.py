"""What every endpoint of this dialect shares: the secret key, the version, and how errors are answered."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.core.exceptions import SuspiciousOperation
from django.db.models import Model, QuerySet
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_core.api import ApiView, BodyNotJson, BodyTooLarge, BodyUnreadable, BodyWithoutLength, is_storable
from sessions_core.models import ApiKey
from user_sessions.backend_api.authentication import SecretKeyAuthentication
from user_sessions.backend_api.errors import ApiError, envelope, of_parameter
from user_sessions.backend_api.parameters import body_of, only, optional_text, query_flag, query_number
from user_sessions.backend_api.serializers import list_object
from user_sessions.backend_api.versions import version_of
from user_sessions.models import (
    AudienceRefused,
    JwtTemplate,
    KeyMissing,
    NameRefused,
    NameTaken,
    OfSessionTokens,
    ReservedClaim,
    TemplateGone,
    TooManySessions,
    UserInactive,
    UserSession,
    UserSessionError,
    UserSessionQuerySet,
)
from user_sessions.shortcodes import OutputTooLarge, TemplateError, TooLarge
from user_sessions.users import find

__all__ = ["BackendView", "session_not_found"]

# Characters, as many as a session keeps.
LONGEST_REASON = 200

PAGE_SIZES = range(1, 501)
OFFSETS = range(10**9)

R = TypeVar("R", bound=Model)


class BackendView(ApiView):
    """Base of the endpoints. ``auth`` is the ApiKey that calls, ``api_version`` the version it asked for."""

    authentication_classes: Sequence[type[BaseAuthentication]] = (SecretKeyAuthentication,)

    api_version: str

    @property
    def auth(self) -> ApiKey:
        auth: ApiKey = self.request.auth  # type: ignore[assignment]  # what our authentication sets
        return auth

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.api_version = version_of(request)

    def user(self, id: str, *, unknown: str = "resource_not_found") -> Any:
        """The host's user with this id on the wire."""
        if user := find(self.auth.workspace, id):
            return user
        raise of_parameter(unknown, "user_id", f"No user was found with id {id}.")

    def template(self, id: str) -> JwtTemplate:
        """The caller's JWT template with this id."""
        templates = JwtTemplate.objects.filter(workspace=self.auth.workspace, pk=id)
        return self._one(templates, id)

    def template_named(self, name: str) -> JwtTemplate:
        """The caller's JWT template that tokens are minted from by this name."""
        templates = JwtTemplate.objects.filter(workspace=self.auth.workspace, name=name, is_for_session_tokens=False)
        return self._one(templates, name)

    def _one(self, templates: QuerySet[JwtTemplate], text: str) -> JwtTemplate:
        template = templates.select_related("workspace").first() if is_storable(text) else None
        if template is None:
            raise ApiError("resource_not_found", f"There is no JWT template {text}.", message="JWT template not found")
        return template

    def session(self, session_id: str) -> UserSession:
        """The caller's session with this id."""
        if is_storable(session_id) and (session := UserSession.of_id(self.auth.workspace, session_id)):
            return session
        raise session_not_found(session_id)

    def minting_session(self, session_id: str, *, at: datetime) -> UserSession:
        """The caller's live session with this id, with all that goes into a token."""
        if is_storable(session_id) and (session := UserSession.minting(self.auth.workspace, session_id, at=at)):
            return session
        raise session_not_found(session_id)

    def revoke_all(self, request: Request, sessions: UserSessionQuerySet) -> Response:
        """Revoke what lives of these, but for ``except_session_id``, which must be one of them."""
        body = body_of(request)
        only(body, "except_session_id", "reason")
        kept = optional_text(body, "except_session_id")
        if kept is not None:
            if not sessions.filter(pk=kept).exists():
                raise session_not_found(kept)
            sessions = sessions.exclude(pk=kept)
        revoked = sessions.revoke(
            by=self.auth.actor, reason=optional_text(body, "reason", longest=LONGEST_REASON) or ""
        )
        return Response({"object": "revoked_sessions", "session_ids": list(revoked), "total_count": len(revoked)})

    def listed(
        self, request: Request, rows_of: Callable[[], QuerySet[R]], shape: Callable[[R], dict[str, Any]]
    ) -> Response:
        """A page of what is found, newest first: a bare list, or with the total if the caller asks for pages.

        Which rows are on a later page is asked of the index alone, so that those before it are not read.
        """
        limit = query_number(request, "limit", default=10, within=PAGE_SIZES)
        offset = query_number(request, "offset", default=0, within=OFFSETS)
        is_paginated = query_flag(request, "paginated")
        rows = rows_of()
        total = rows.count() if is_paginated else None
        rows = rows.order_by("-created_at", "-id")
        page = slice(offset, offset + limit)
        shown = rows.filter(pk__in=rows.values("pk")[page]) if offset else rows[page]
        return Response(list_object([shape(row) for row in shown], total=total))

    def error_response(self, error: Exception) -> Response | None:
        api_error = _translated(error)
        return self._answer(api_error) if api_error else None

    def busy_response(self) -> Response:
        return self._answer(ApiError("service_unavailable", "The database is busy or away; try again."))

    def _answer(self, error: ApiError) -> Response:
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
        return Response(envelope(error, trace=self.trace), status=error.status, headers=headers)


def session_not_found(session_id: str) -> ApiError:
    return ApiError("resource_not_found", f"No session was found with id {session_id}.", message="Session not found")


def _refusal(error: UserSessionError) -> ApiError:
    match error:
        case UserInactive():
            return ApiError("user_banned", "The user's account is not active.")
        case TooManySessions():
            return ApiError("session_creation_not_allowed", "The user has as many live sessions as are allowed.")
        case NameTaken():
            return of_parameter("form_already_exists", "name", "There is a JWT template of this name.")
        case NameRefused():
            return of_parameter(
                "form_param_format_invalid", "name", "name must be printable text without a slash, and not one of ours."
            )
        case ReservedClaim():
            return of_parameter(
                "jwt_template_reserved_claim", "claims", f"The claim {error.claim} is set by the server alone."
            )
        case AudienceRefused():
            return of_parameter("form_param_value_invalid", "claims", "aud must be text, or a list of texts.")
        case KeyMissing():
            return of_parameter(
                "form_conditional_param_missing", "signing_key", "signing_key must be included with custom_signing_key."
            )
        case TemplateGone():
            return ApiError("resource_not_found", "It was deleted meanwhile.", message="JWT template not found")
        case OfSessionTokens():
            return ApiError("session_token_jwt_template", "This template customises session tokens and stays.")
    return ApiError("resource_not_found", "The session is over.", message="Session not found")


def _translated(error: Exception) -> ApiError | None:
    """Any foreseen error in the words of this dialect, None for the rest."""
    match error:
        case ApiError():
            return error
        case exceptions.MethodNotAllowed():
            return ApiError("method_not_allowed", "This endpoint does not accept that method.")
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed() | exceptions.PermissionDenied():
            return ApiError("clerk_key_invalid")
        case UserSessionError():
            return _refusal(error)
        case TooLarge():
            return of_parameter("form_param_value_too_large", "claims", f"claims: {error}.")
        case TemplateError():
            return of_parameter("form_param_value_invalid", "claims", f"claims: {error}.")
        case OutputTooLarge():
            return ApiError("bad_request", "What the JWT template gives for this session is too large for a token.")
        case SuspiciousOperation():
            return ApiError("malformed_request_parameters", "The query has too many parameters.")
        case BodyWithoutLength():
            return ApiError("content_length_required", "Send the body with a Content-Length, not in chunks.")
        case BodyNotJson():
            return ApiError("unsupported_content_type", "Send the body as application/json.")
        case BodyTooLarge():
            return ApiError("request_body_too_large")
        case BodyUnreadable():
            return ApiError("request_body_invalid", "The body is not JSON.")
    return None
