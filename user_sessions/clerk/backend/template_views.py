"""Views that define, preview and delete JWT templates."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from rest_framework.request import Request

from sessions_core.http.parameters import Choice, Flag, Number, Object, Parameter, Text
from sessions_core.http.responses import Response
from user_sessions.clerk.backend.backend_shapes import deleted_object, jwt_template_object, preview_object
from user_sessions.clerk.backend.backend_view import BackendView
from user_sessions.clerk.base_view import template_named
from user_sessions.clerk.errors import ClerkError, of_parameter
from user_sessions.clerk.parameters import Parameters, body_of
from user_sessions.keys.custom_keys import ALGORITHMS, MAX_SIZE, KeyRefused, validate_key
from user_sessions.models import Definition, JwtTemplate
from user_sessions.models.template_definitions import CLOCK_SKEWS, DEFAULT_CLOCK_SKEW, DEFAULT_LIFETIME
from user_sessions.templating.previews import preview
from user_sessions.tokens.session_tokens import LIFETIMES

__all__ = ["JwtTemplatesView"]

# Null sets the default.
TIMES: Mapping[str, Parameter] = {
    "lifetime": Number(within=LIFETIMES, nullable=True),
    "allowed_clock_skew": Number(within=CLOCK_SKEWS, nullable=True),
}
DEFINITION = Parameters(
    name=Text(required=True),
    claims=Object(required=True),
    **TIMES,
    signing_algorithm=Choice(options=ALGORITHMS),
    signing_key=Text(max_length=MAX_SIZE),
    custom_signing_key=Flag(),
)
PREVIEW = Parameters(
    session_id=Text(required=True), template_id=Text(), name=Text(), claims=Object(required=True), **TIMES
)


class JwtTemplatesView(BackendView):
    def list(self, request: Request) -> Response:
        return self.listed(request, lambda: JwtTemplate.select(self.auth.workspace), jwt_template_object)

    def create(self, request: Request) -> Response:
        definition = _definition(body_of(request))
        template = JwtTemplate.objects.define(self.auth.workspace, definition, actor=self.auth.actor)
        return Response(jwt_template_object(template))

    def retrieve(self, request: Request, template_id: str) -> Response:
        return Response(jwt_template_object(self.template(template_id)))

    def update(self, request: Request, template_id: str) -> Response:
        template = self.template(template_id)
        template.redefine(_definition(body_of(request)), actor=self.auth.actor)
        return Response(jwt_template_object(template))

    def destroy(self, request: Request, template_id: str) -> Response:
        template = self.template(template_id)
        template.forget(actor=self.auth.actor)
        return Response(deleted_object("jwt_template", template_id))

    def preview(self, request: Request) -> Response:
        """Preview the token that a session would get from a stored template, found by ``template_id`` or ``name``, or
        from an unsaved one in ``claims``."""
        body, now = body_of(request), timezone.now()
        session = self.minting_session(PREVIEW.read(body, "session_id")["session_id"], at=now)
        return Response(preview_object(preview(session, self._previewed(body), at=now)))

    def _previewed(self, body: Mapping[str, Any]) -> JwtTemplate:
        if (template_id := PREVIEW.read(body, "template_id").get("template_id")) is not None:
            return self.template(template_id)
        if (name := PREVIEW.read(body, "name").get("name")) is not None:
            return template_named(self.auth.workspace, name)
        if "claims" not in body:
            raise of_parameter("form_param_missing", "template_id", "Give template_id, name, or claims.")
        values = PREVIEW.read(body, "claims", *TIMES)
        return JwtTemplate.objects.draft(self.auth.workspace, Definition(name="", **_claims_and_times(values)))


def _definition(body: Mapping[str, Any]) -> Definition:
    """Return the definition in a body. Missing values except name and claims stay unchanged."""
    values = DEFINITION.read(body)
    return Definition(name=values["name"], **_claims_and_times(values), **_signing_key(values))


def _claims_and_times(values: Mapping[str, Any]) -> dict[str, Any]:
    lifetime, skew = values.get("lifetime"), values.get("allowed_clock_skew")
    return {
        "claims": values["claims"],
        "lifetime": DEFAULT_LIFETIME if lifetime is None and "lifetime" in values else lifetime,
        "allowed_clock_skew": DEFAULT_CLOCK_SKEW if skew is None and "allowed_clock_skew" in values else skew,
    }


def _signing_key(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the algorithm and the key. A key requires ``custom_signing_key``."""
    algorithm, text, is_custom = (
        values.get(name) for name in ("signing_algorithm", "signing_key", "custom_signing_key")
    )
    if not is_custom:
        if text is not None:
            raise _missing("custom_signing_key")
        return {"signing_algorithm": ""} if is_custom is False else {}
    if algorithm is None:
        raise _missing("signing_algorithm")
    if text is None:
        return {"signing_algorithm": algorithm}
    try:
        return {"signing_algorithm": algorithm, "signing_key": validate_key(text, algorithm)}
    except KeyRefused as refused:
        raise of_parameter("form_param_value_invalid", "signing_key", str(refused)) from refused


def _missing(name: str) -> ClerkError:
    return of_parameter("form_conditional_param_missing", name, f"{name} must be included, for a key of its own.")
