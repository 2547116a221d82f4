"""API keys of a workspace: secret keys for backends, publishable keys for browsers."""

import uuid
from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.credentials import API_KEY, PUBLISHABLE_KEY
from sessions_core.crypto import tokens
from sessions_core.crypto.sealing import SealedField, open_in, seal_for
from sessions_core.db.compiled import CompiledQuery
from sessions_core.db.transactions import atomic
from sessions_core.labels import WORKSPACE
from sessions_core.models.events import Event
from sessions_core.models.policies import with_policies
from sessions_core.models.workspaces import Workspace
from sessions_core.moments import duration, moment
from sessions_core.texts import text as check_text

__all__ = ["ApiKey", "NotRollable"]

# Characters
LONGEST_NAME = 200

PUBLISHABLE_TOKEN = tokens.RandomKind(f"{tokens.PREFIX}pk1", short_length=6)


class NotRollable(Exception):
    """The key is revoked or expired, or it has a successor already."""


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self, *, at: datetime | None = None) -> Self:
        """Filter keys that work at this time (default: now), like ``ApiKey.is_usable``."""
        return self.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=moment(at)), revoked_at=None)

    def secret(self) -> Self:
        return self.filter(kind=ApiKey.Kind.SECRET)

    def publishable(self) -> Self:
        return self.filter(kind=ApiKey.Kind.PUBLISHABLE)

    def issue(self, workspace: Workspace, *, name: str, actor: str) -> tuple["ApiKey", str]:
        """Create a secret key. Return the row and the key, which is not stored and cannot be read again."""
        text = tokens.new_api_key(sandbox=workspace.is_sandbox)
        key = ApiKey(workspace=workspace, name=name, short=tokens.short_of(text), digest=tokens.digest(text))
        return self._recorded(key, actor=actor), text

    def issue_publishable(self, workspace: Workspace, *, name: str, actor: str) -> "ApiKey":
        """Create a publishable key. ``publishable_key`` returns its text at any time.

        The text is random and stored encrypted, not derived: your pages contain it, so a change of TOKEN_KEYS must
        not change it.
        """
        text = PUBLISHABLE_TOKEN.new()
        key = ApiKey(
            workspace=workspace,
            name=name,
            kind=ApiKey.Kind.PUBLISHABLE,
            short=PUBLISHABLE_TOKEN.short_of(text),
            digest=tokens.digest(text),
        )
        key.sealed_text = seal_for(key, text.encode())
        return self._recorded(key, actor=actor)

    def authenticate(self, text: str) -> "ApiKey | None":
        """Return the usable secret key, or None. One query with the workspace joined; none for a malformed text."""
        if not (short := tokens.short_of(text)):
            return None
        key = _BY_SHORT.get(short=short)
        return key if key and key.is_usable(ApiKey.Kind.SECRET) and tokens.matches(text, key.digest) else None

    def authenticate_publishable(self, text: str) -> "ApiKey | None":
        """Return the usable publishable key, or None. One query, with the workspace joined."""
        if not (short := PUBLISHABLE_TOKEN.short_of(text)):
            return None
        key = _BY_SHORT.get(short=short)
        return key if key and key.is_usable(ApiKey.Kind.PUBLISHABLE) and tokens.matches(text, key.digest) else None

    @atomic()
    def _recorded(self, key: "ApiKey", *, actor: str) -> "ApiKey":
        check_text(key.name, name="name", longest=LONGEST_NAME)
        key.save(force_insert=True, using=self.db)
        Event.objects.record("api_key.created", subject=key.short, workspace_id=key.workspace_id, actor=actor)
        return key


class ApiKey(models.Model):
    """A credential of a whole workspace: *secret* for backends, or *publishable* for browsers and not secret."""

    class Kind(models.TextChoices):
        SECRET = "secret", pgettext_lazy("API key", "Secret")
        PUBLISHABLE = "publishable", pgettext_lazy("API key", "Publishable")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="api_keys", verbose_name=WORKSPACE)
    kind = models.CharField(pgettext_lazy("Gatepass", "kind"), max_length=11, choices=Kind, default=Kind.SECRET)
    name = models.CharField(
        pgettext_lazy("Gatepass", "name"), max_length=LONGEST_NAME, help_text=_("Where the key is used.")
    )
    short = models.CharField(
        _("public part"), max_length=8, unique=True, editable=False, help_text=_("The public part of the key.")
    )
    digest = models.CharField(max_length=64, editable=False, help_text=_("SHA-256 of the key."))
    sealed_text = SealedField(null=True, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("-created_at", "id")
        indexes = [
            models.Index(fields=["workspace", "created_at", "id"], name="sessions_core_api_key_page"),
            # The dashboard counts keys that are due for rotation, and those that end soon.
            models.Index(
                fields=["created_at"],
                condition=models.Q(revoked_at=None, expires_at=None),
                name="sessions_core_api_key_unrolled",
            ),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(revoked_at=None, expires_at__isnull=False),
                name="sessions_core_api_key_ending",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="sessions_core_api_key_is_sealed_if_publishable",
                condition=models.Q(kind="secret", sealed_text=None)
                | models.Q(kind="publishable", sealed_text__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.short}…)"

    def is_usable(self, kind: str, *, at: datetime | None = None) -> bool:
        """Return True if the key is of this kind, not revoked, and not expired at this time (default: now)."""
        at = moment(at)
        return self.kind == kind and self.revoked_at is None and (self.expires_at is None or self.expires_at > at)

    @property
    def credential(self) -> str:
        """The kind of caller that uses this key."""
        return API_KEY if self.kind == self.Kind.SECRET else PUBLISHABLE_KEY

    @property
    def actor(self) -> str:
        """The actor that events record for this key."""
        return f"api_key:{self.short}"

    @property
    def publishable_key(self) -> str:
        """The text of a publishable key, or an empty string for a secret key."""
        return open_in(self, self.sealed_text).decode() if self.sealed_text else ""

    @atomic()
    def revoke(self, *, actor: str, at: datetime | None = None) -> bool:
        """Revoke the key: the next request with it is refused. Return True if it was not revoked before."""
        at = moment(at)
        happened = ApiKey.objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=at)
        if happened:
            Event.objects.record(
                "api_key.revoked", subject=self.short, workspace_id=self.workspace_id, actor=actor, at=at
            )
            self.revoked_at = at
        return bool(happened)

    @atomic()
    def roll(self, *, overlap: timedelta, actor: str, at: datetime | None = None) -> tuple["ApiKey", str]:
        """Create a successor of the same name and kind. This key works for ``overlap`` longer, then never again.

        Return the successor and its text. Raise NotRollable; of concurrent calls one succeeds.
        """
        at = moment(at)
        until = at + duration(overlap, name="overlap")
        if not ApiKey.objects.filter(pk=self.pk, revoked_at=None, expires_at=None).update(expires_at=until):
            raise NotRollable
        workspace, name = self.workspace, self.name
        if self.kind == self.Kind.SECRET:
            successor, text = ApiKey.objects.issue(workspace, name=name, actor=actor)
        else:
            successor = ApiKey.objects.issue_publishable(workspace, name=name, actor=actor)
            text = successor.publishable_key
        facts = {"successor": successor.short, "expires_at": until.isoformat()}
        Event.objects.record(
            "api_key.rolled", subject=self.short, workspace_id=self.workspace_id, actor=actor, at=at, **facts
        )
        self.expires_at = until
        return successor, text


_BY_SHORT = CompiledQuery(
    ApiKey,
    lambda short: ApiKey.objects.select_related(*with_policies("workspace")).filter(short=short).order_by(),
    short=str,
)
