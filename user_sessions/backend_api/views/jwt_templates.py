"""JWT templates: defined, looked at before they are used, and deleted."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from user_sessions.backend_api.api import BackendView
from user_sessions.backend_api.errors import of_parameter
from user_sessions.backend_api.parameters import (
    body_of,
    choice,
    flag,
    optional_text,
    required_object,
    required_text,
    whole_number,
)
from user_sessions.backend_api.serializers import deleted_object, jwt_template_object, preview_object
from user_sessions.custom_keys import ALGORITHMS, KeyRefused, vetted
from user_sessions.models import Definition, JwtTemplate
from user_sessions.models.jwt_templates import DEFAULT_CLOCK_SKEW, DEFAULT_LIFETIME
from user_sessions.previews import preview
from user_sessions.tokens import LIFETIMES

__all__ = ["JwtTemplatesView"]

# Seconds.
CLOCK_SKEWS = range(301)

# Characters; the longest RSA key in PEM has a quarter of it.
LONGEST_KEY = 16 * 1024


class JwtTemplatesView(BackendView):
    def list(self, request: Request) -> Response:
        return self.listed(request, self.auth.workspace.jwt_templates.all, jwt_template_object)

    def create(self, request: Request) -> Response:
        definition = _definition(body_of(request))
        template = JwtTemplate.objects.define(self.auth.workspace, definition, by=self.auth.actor)
        return Response(jwt_template_object(template))

    def retrieve(self, request: Request, template_id: str) -> Response:
        return Response(jwt_template_object(self.template(template_id)))

    def update(self, request: Request, template_id: str) -> Response:
        template = self.template(template_id)
        template.redefine(_definition(body_of(request), template), by=self.auth.actor)
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
        if template_id := optional_text(body, "template_id"):
            return self.template(template_id)
        if name := optional_text(body, "name"):
            return self.template_named(name)
        if "claims" not in body:
            raise of_parameter("form_param_missing", "template_id", "Give template_id, name, or claims.")
        claims = required_object(body, "claims")
        definition = Definition(name="", claims=claims, lifetime=_lifetime(body), allowed_clock_skew=_clock_skew(body))
        return JwtTemplate.objects.draft(self.auth.workspace, definition)


def _definition(body: Mapping[str, Any], before: JwtTemplate | None = None) -> Definition:
    """What a body asks for. Beside name and claims, what it leaves out is as ``before``, or else the default."""
    name, claims = required_text(body, "name"), required_object(body, "claims")
    return Definition(
        name=name,
        claims=claims,
        lifetime=_lifetime(body, before),
        allowed_clock_skew=_clock_skew(body, before),
        **_key(body, before),
    )


def _lifetime(body: Mapping[str, Any], before: JwtTemplate | None = None) -> int:
    if before and "lifetime" not in body:
        return before.lifetime
    return whole_number(body, "lifetime", within=LIFETIMES) or DEFAULT_LIFETIME


def _clock_skew(body: Mapping[str, Any], before: JwtTemplate | None = None) -> int:
    if before and "allowed_clock_skew" not in body:
        return before.allowed_clock_skew
    skew = whole_number(body, "allowed_clock_skew", within=CLOCK_SKEWS)
    return DEFAULT_CLOCK_SKEW if skew is None else skew


def _key(body: Mapping[str, Any], before: JwtTemplate | None) -> dict[str, Any]:
    """The algorithm and the key that are asked for; nothing without ``custom_signing_key``, said now or before."""
    is_said = "custom_signing_key" in body
    if not (flag(body, "custom_signing_key") if is_said else before and before.has_own_key):
        return {}
    stored = before.signing_algorithm if before else ""
    algorithm = choice(body, "signing_algorithm", among=ALGORITHMS) or (stored if not is_said else None)
    if algorithm is None:
        raise of_parameter(
            "form_conditional_param_missing", "signing_algorithm", "It must be included with custom_signing_key."
        )
    if body.get("signing_key") is None:
        return {"signing_algorithm": algorithm}
    try:
        key = vetted(required_text(body, "signing_key", longest=LONGEST_KEY), algorithm)
    except KeyRefused as refused:
        raise of_parameter("form_param_value_invalid", "signing_key", str(refused)) from refused
    return {"signing_algorithm": algorithm, "signing_key": key}
