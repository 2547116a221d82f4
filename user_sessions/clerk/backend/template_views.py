"""JWT templates: defined, looked at before they are used, and deleted."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from user_sessions.clerk.backend.backend_shapes import deleted_object, jwt_template_object, preview_object
from user_sessions.clerk.backend.backend_view import BackendView
from user_sessions.clerk.base_view import template_named
from user_sessions.clerk.errors import ClerkError, of_parameter
from user_sessions.clerk.parameters import (
    body_of,
    choice,
    flag,
    optional_text,
    required_object,
    required_text,
    whole_number,
)
from user_sessions.keys.custom_keys import ALGORITHMS, MAX_SIZE, KeyRefused, vetted
from user_sessions.models import Definition, JwtTemplate
from user_sessions.models.jwt_templates import DEFAULT_CLOCK_SKEW, DEFAULT_LIFETIME
from user_sessions.templating.previews import preview
from user_sessions.tokens.session_tokens import LIFETIMES

__all__ = ["JwtTemplatesView"]

# Seconds.
CLOCK_SKEWS = range(301)


class JwtTemplatesView(BackendView):
    def list(self, request: Request) -> Response:
        return self.listed(request, self.auth.workspace.user_sessions_jwt_templates.all, jwt_template_object)

    def create(self, request: Request) -> Response:
        definition = _definition(body_of(request))
        template = JwtTemplate.objects.define(self.auth.workspace, definition, by=self.auth.actor)
        return Response(jwt_template_object(template))

    def retrieve(self, request: Request, template_id: str) -> Response:
        return Response(jwt_template_object(self.template(template_id)))

    def update(self, request: Request, template_id: str) -> Response:
        template = self.template(template_id)
        template.redefine(_definition(body_of(request)), by=self.auth.actor)
        return Response(jwt_template_object(template))

    def destroy(self, request: Request, template_id: str) -> Response:
        template = self.template(template_id)
        template.forget(by=self.auth.actor)
        return Response(deleted_object("jwt_template", template_id))

    def preview(self, request: Request) -> Response:
        """What a session would get from a template that is stored, named by ``template_id`` or ``name``, or from one
        that is not yet: ``claims`` and what goes with them."""
        body, now = body_of(request), timezone.now()
        session = self.minting_session(required_text(body, "session_id"), at=now)
        return Response(preview_object(preview(session, self._previewed(body), at=now)))

    def _previewed(self, body: Mapping[str, Any]) -> JwtTemplate:
        if (template_id := optional_text(body, "template_id")) is not None:
            return self.template(template_id)
        if (name := optional_text(body, "name")) is not None:
            return template_named(self.auth.workspace, name)
        if "claims" not in body:
            raise of_parameter("form_param_missing", "template_id", "Give template_id, name, or claims.")
        claims = required_object(body, "claims")
        definition = Definition(name="", claims=claims, lifetime=_lifetime(body), allowed_clock_skew=_skew(body))
        return JwtTemplate.objects.draft(self.auth.workspace, definition)


def _definition(body: Mapping[str, Any]) -> Definition:
    """What a body asks for. Beside name and claims, what it leaves out stays as it is; null is the default."""
    name, claims = required_text(body, "name"), required_object(body, "claims")
    return Definition(name=name, claims=claims, lifetime=_lifetime(body), allowed_clock_skew=_skew(body), **_key(body))


def _lifetime(body: Mapping[str, Any]) -> int | None:
    if "lifetime" not in body:
        return None
    return whole_number(body, "lifetime", within=LIFETIMES) or DEFAULT_LIFETIME


def _skew(body: Mapping[str, Any]) -> int | None:
    if "allowed_clock_skew" not in body:
        return None
    skew = whole_number(body, "allowed_clock_skew", within=CLOCK_SKEWS)
    return DEFAULT_CLOCK_SKEW if skew is None else skew


def _key(body: Mapping[str, Any]) -> dict[str, Any]:
    """The algorithm and the key that are asked for, which must be said to be wanted."""
    algorithm = choice(body, "signing_algorithm", among=ALGORITHMS)
    text = optional_text(body, "signing_key", longest=MAX_SIZE)
    if not flag(body, "custom_signing_key"):
        if text is not None:
            raise _missing("custom_signing_key")
        return {"signing_algorithm": ""} if body.get("custom_signing_key") is False else {}
    if algorithm is None:
        raise _missing("signing_algorithm")
    if text is None:
        return {"signing_algorithm": algorithm}
    try:
        return {"signing_algorithm": algorithm, "signing_key": vetted(text, algorithm)}
    except KeyRefused as refused:
        raise of_parameter("form_param_value_invalid", "signing_key", str(refused)) from refused


def _missing(name: str) -> ClerkError:
    return of_parameter("form_conditional_param_missing", name, f"{name} must be included, for a key of its own.")
