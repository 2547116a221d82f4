"""JWT templates: the claims and the lifetime of tokens for other services."""

import json
from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Self
from uuid import UUID

from django.db import IntegrityError, models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.crypto.encryption import open_sealed
from sessions_core.crypto.sealing import SealedField, place_of, seal_for
from sessions_core.db.compiled import CompiledQuery
from sessions_core.db.transactions import atomic
from sessions_core.labels import WORKSPACE
from sessions_core.models import Event, Workspace
from sessions_core.moments import moment
from user_sessions.exceptions import KeyMissing, NameRefused, NameTaken, OfSessionTokens, TemplateGone
from user_sessions.ids import new_id
from user_sessions.keys import custom_keys
from user_sessions.models.pages import Pages, Selection
from user_sessions.models.template_definitions import (
    DEFAULT_CLOCK_SKEW,
    DEFAULT_LIFETIME,
    OF_SESSION_TOKENS,
    Definition,
)
from user_sessions.models.template_versions import JwtTemplateVersion
from user_sessions.templating.shortcodes import Template

__all__ = ["Definition", "JwtTemplate"]


class JwtTemplateQuerySet(models.QuerySet["JwtTemplate"]):
    def for_session_tokens(self) -> Self:
        """Return the templates whose claims go into every session token: at most one for each workspace."""
        return self.filter(is_for_session_tokens=True)

    def mintable(self) -> Self:
        """Return the templates from which tokens are minted by name."""
        return self.filter(is_for_session_tokens=False)

    def define(
        self,
        workspace: Workspace,
        definition: Definition,
        *,
        actor: str,
        at: datetime | None = None,
        is_for_session_tokens: bool = False,
    ) -> "JwtTemplate":
        """Create a template. Raise NameTaken, KeyMissing, and what ``Definition.check`` raises."""
        at = moment(at)
        template = JwtTemplate(id=new_id("jtmp", at=at), workspace=workspace, created_at=at)
        template.is_for_session_tokens = is_for_session_tokens
        template._write(definition, "created", actor=actor, at=at)
        return template

    def draft(self, workspace: Workspace, definition: Definition) -> "JwtTemplate":
        """Return an unsaved template for a preview. Raise a TemplateError."""
        Template.compile(definition.claims)
        now = timezone.now()
        template = JwtTemplate(id=new_id("jtmp", at=now), workspace=workspace, created_at=now)
        template._apply(definition, now)
        return template

    def customise_session_tokens(
        self, workspace: Workspace, claims: Mapping[str, Any], *, actor: str, at: datetime | None = None
    ) -> "JwtTemplate":
        """Add these claims to every session token of the workspace."""
        at, definition = moment(at), Definition(name=OF_SESSION_TOKENS, claims=claims)
        with atomic():
            Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)  # the last concurrent call wins
            template = self.for_session_tokens().filter(workspace=workspace).first()
            if template is None:
                return self.define(workspace, definition, actor=actor, at=at, is_for_session_tokens=True)
            template.redefine(definition, actor=actor, at=at)
        return template


class JwtTemplate(models.Model):
    """``claims`` is JSON text in the given key order; lifetime and clock skew are seconds.

    Without its own key a template uses the workspace's signing key. ``signing_algorithm`` and the key are written
    together, so that minting reads a matching pair.
    """

    id = models.CharField(primary_key=True, max_length=40, editable=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="user_sessions_jwt_templates", verbose_name=WORKSPACE
    )
    name = models.CharField(pgettext_lazy("Gatepass", "name"), max_length=255)
    claims = models.TextField(pgettext_lazy("Gatepass", "claims"))
    lifetime = models.PositiveIntegerField(pgettext_lazy("Gatepass", "lifetime"), default=DEFAULT_LIFETIME)
    allowed_clock_skew = models.PositiveSmallIntegerField(_("allowed clock skew"), default=DEFAULT_CLOCK_SKEW)
    is_for_session_tokens = models.BooleanField(_("for session tokens"), default=False)
    signing_algorithm = models.CharField(
        _("signing algorithm"),
        max_length=5,
        blank=True,
        help_text=_("Algorithm of the template's own key. Empty if the workspace's key signs its tokens."),
    )
    sealed_signing_key = SealedField(null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), editable=False)
    updated_at = models.DateTimeField(_("updated at"), editable=False)

    objects = JwtTemplateQuerySet.as_manager()

    class Meta:
        verbose_name = _("JWT template")
        verbose_name_plural = _("JWT templates")
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="user_sessions_template_page")]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="user_sessions_jwt_template_name_is_its_own"),
            models.UniqueConstraint(
                fields=["workspace"],
                condition=Q(is_for_session_tokens=True),
                name="user_sessions_one_template_for_session_tokens",
            ),
            models.CheckConstraint(
                condition=Q(signing_algorithm="", sealed_signing_key=None)
                | ~Q(signing_algorithm="") & Q(sealed_signing_key__isnull=False),
                name="user_sessions_jwt_template_key_has_its_algorithm",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def of_id(cls, workspace: Workspace, id: str) -> "JwtTemplate | None":
        """Return the template of a workspace with this id, or None: one query."""
        found = _BY_ID.get(id=id, workspace=workspace.pk)
        return _of(workspace, [found])[0] if found else None

    @classmethod
    def select(cls, workspace: Workspace) -> Selection["JwtTemplate"]:
        """Select the templates of a workspace."""
        return Selection(_PAGES, {"workspace": workspace.pk}, partial(_of, workspace))

    @classmethod
    def named(cls, workspace: Workspace, name: str) -> "JwtTemplate | None":
        """Return the mintable template of a workspace with this name, or None: one query."""
        found = _NAMED.get(name=name, workspace=workspace.pk)
        return _of(workspace, [found])[0] if found else None

    @property
    def has_own_key(self) -> bool:
        return self.sealed_signing_key is not None

    def claims_object(self) -> dict[str, Any]:
        claims: dict[str, Any] = json.loads(self.claims)
        return claims

    def draft(self, definition: Definition) -> "JwtTemplate":
        """Return an unsaved copy with this definition, for a preview. Raise KeyMissing and a TemplateError."""
        Template.compile(definition.claims)
        draft = copy(self)
        draft._apply(definition, timezone.now())
        return draft

    def redefine(
        self, definition: Definition, *, actor: str, at: datetime | None = None, latest: int | None = None
    ) -> None:
        """Replace the definition; the template for session tokens takes only the claims.

        Raise NameTaken, KeyMissing, TemplateGone, what ``Definition.check`` raises, and TemplateChanged if the latest
        version is not ``latest``.
        """
        if self.is_for_session_tokens:
            definition = Definition(name=OF_SESSION_TOKENS, claims=definition.claims)
        self._write(definition, "updated", actor=actor, at=moment(at), latest=latest)

    def restore(self, version: JwtTemplateVersion, *, actor: str, at: datetime | None = None) -> None:
        """Return to the values of a version, which makes a new version. The signing key stays as it is.

        Raise what ``redefine`` raises.
        """
        names = ("name", "lifetime", "allowed_clock_skew")
        values = {name: getattr(version, name) for name in names}
        definition = Definition(claims=json.loads(version.claims), **values)
        self._write(definition, "updated", actor=actor, at=moment(at), restored=version.number)

    @atomic()
    def forget(self, *, actor: str, at: datetime | None = None) -> bool:
        """Delete the template. Return True if it existed. Its tokens stay valid. Raise OfSessionTokens."""
        at = moment(at)
        if self.is_for_session_tokens:
            raise OfSessionTokens
        try:
            self._lock()  # a concurrent ``redefine`` would add a version that outlives its template
        except TemplateGone:
            return False
        JwtTemplate.objects.filter(pk=self.pk).delete()
        self._record("deleted", actor=actor, at=at)
        return True

    def own_key(self) -> Any:
        """Return the template's own key, parsed. Raise CannotOpen."""
        return _open_key(bytes(self.sealed_signing_key or b""), place_of(self), self.signing_algorithm)

    def _write(
        self,
        definition: Definition,
        happened: str,
        *,
        actor: str,
        at: datetime,
        latest: int | None = None,
        **data: Any,
    ) -> None:
        definition.check()
        if definition.name == OF_SESSION_TOKENS and not self.is_for_session_tokens:
            raise NameRefused
        try:
            with atomic():
                if not self._state.adding:
                    self._lock()
                self._apply(definition, at)
                self.save()
                event = self._record(happened, actor=actor, at=at, **data)
                has_new_key = definition.signing_key is not None
                JwtTemplateVersion.objects.add(self, event=event, has_new_key=has_new_key, latest=latest)
        except IntegrityError as error:
            if JwtTemplate.objects.filter(workspace=self.workspace_id, name=definition.name).exclude(pk=self.pk):
                raise NameTaken from error
            raise

    def _lock(self) -> None:
        try:
            self.refresh_from_db(from_queryset=JwtTemplate.objects.select_for_update())
        except JwtTemplate.DoesNotExist:
            raise TemplateGone from None

    def _apply(self, definition: Definition, at: datetime) -> None:
        self.name = definition.name
        self.claims = json.dumps(definition.claims)
        if definition.lifetime is not None:
            self.lifetime = definition.lifetime
        if definition.allowed_clock_skew is not None:
            self.allowed_clock_skew = definition.allowed_clock_skew
        if definition.signing_algorithm is not None:
            self._apply_key(definition.signing_algorithm, definition.signing_key)
        self.updated_at = at

    def _apply_key(self, algorithm: str, key: bytes | None) -> None:
        if key is not None:
            self.sealed_signing_key = seal_for(self, key)
        elif not algorithm:
            self.sealed_signing_key = None
        elif algorithm != self.signing_algorithm:
            raise KeyMissing  # a key is for one algorithm
        self.signing_algorithm = algorithm

    def _record(self, happened: str, *, actor: str, at: datetime, **data: Any) -> Event:
        return Event.objects.record(
            f"jwt_template.{happened}",
            subject=self.pk,
            workspace_id=self.workspace_id,
            actor=actor,
            at=at,
            name=self.name,
            **data,
        )


def _of(workspace: Workspace, templates: Sequence[JwtTemplate]) -> list[JwtTemplate]:
    """Set the workspace of the templates, so that ``template.workspace`` costs no query."""
    for template in templates:
        template.workspace = workspace
    return list(templates)


_PAGES: Pages[JwtTemplate] = Pages(
    JwtTemplate, lambda workspace: JwtTemplate.objects.filter(workspace=workspace), kinds={"workspace": UUID}
)
_BY_ID = CompiledQuery(JwtTemplate, lambda **by: JwtTemplate.objects.filter(**by).order_by(), id=str, workspace=UUID)
_NAMED = CompiledQuery(
    JwtTemplate,
    lambda name, workspace: JwtTemplate.objects.mintable().filter(workspace=workspace, name=name).order_by(),
    name=str,
    workspace=UUID,
)


# Cached by the sealed bytes, which are unique, so an entry never becomes stale.
@lru_cache(maxsize=256)
def _open_key(sealed: bytes, place: str, algorithm: str) -> Any:
    """Decrypt and parse a key. Raise CannotOpen."""
    return custom_keys.parse_key(open_sealed(sealed, place=place), algorithm)
