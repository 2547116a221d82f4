"""API keys of a workspace: secret keys for backends, publishable keys for browsers."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.api_key_scopes import check_scopes
from sessions_core.credentials import API_KEY, PUBLISHABLE_KEY
from sessions_core.crypto import tokens
from sessions_core.crypto.sealing import SealedField, open_in, seal_for
from sessions_core.db.compiled import CompiledQuery
from sessions_core.db.transactions import atomic
from sessions_core.labels import WORKSPACE
from sessions_core.models.events import Event
from sessions_core.models.key_scopes import ScopesField
from sessions_core.models.key_uses import key_uses
from sessions_core.models.policies import with_policies
from sessions_core.models.workspaces import Workspace
from sessions_core.moments import duration, instant, moment
from sessions_core.texts import LONGEST_REASON
from sessions_core.texts import text as check_text

__all__ = ["ApiKey", "NotRollable"]

# Characters
LONGEST_NAME = 200

# How long a roll waits for the first use of the successor before the overlap begins without it.
LONGEST_WAIT = timedelta(days=30)

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

    def issue(
        self,
        workspace: Workspace,
        *,
        name: str,
        actor: str,
        expires_at: datetime | None = None,
        scopes: Collection[str] | None = None,
    ) -> tuple["ApiKey", str]:
        """Create a secret key. Return the row and the key, which is not stored and cannot be read again.

        Without ``expires_at`` the key does not expire. Without ``scopes`` it may do everything. Raise ValueError for a
        scope that is not registered.
        """
        key, text = self._new(workspace, ApiKey.Kind.SECRET, name=name, expires_at=expires_at)
        key.scopes = None if scopes is None else check_scopes(scopes)
        return self._recorded(key, actor=actor), text

    def issue_publishable(
        self, workspace: Workspace, *, name: str, actor: str, expires_at: datetime | None = None
    ) -> "ApiKey":
        """Create a publishable key. ``publishable_key`` returns its text at any time.

        The text is random and stored encrypted, not derived: your pages contain it, so a change of TOKEN_KEYS must
        not change it.
        """
        key, _text = self._new(workspace, ApiKey.Kind.PUBLISHABLE, name=name, expires_at=expires_at)
        return self._recorded(key, actor=actor)

    def _new(
        self, workspace: Workspace, kind: str, *, name: str, expires_at: datetime | None, at: datetime | None = None
    ) -> tuple["ApiKey", str]:
        """Return a new key that is not stored yet, and its text."""
        at = moment(at)
        if expires_at is not None and instant(expires_at, name="expires_at") <= at:
            raise ValueError("expires_at must be in the future.")
        is_secret = kind == ApiKey.Kind.SECRET
        text = tokens.new_api_key(sandbox=workspace.is_sandbox) if is_secret else PUBLISHABLE_TOKEN.new()
        key = ApiKey(
            workspace=workspace,
            name=name,
            kind=kind,
            short=tokens.short_of(text) if is_secret else PUBLISHABLE_TOKEN.short_of(text),
            digest=tokens.digest(text),
            created_at=at,
            expires_at=expires_at,
        )
        if not is_secret:
            key.sealed_text = seal_for(key, text.encode())
        return key, text

    @atomic()
    def _recorded(self, key: "ApiKey", *, actor: str) -> "ApiKey":
        check_text(key.name, name="name", longest=LONGEST_NAME)
        key.save(force_insert=True, using=self.db)
        end = key.expires_at.isoformat() if key.expires_at else ""
        key._record("created", actor=actor, at=key.created_at, expires_at=end, scopes=key.scopes)
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
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True, editable=False)
    # Null: the key may do everything, also what is added later.
    scopes = ScopesField(pgettext_lazy("API key", "scopes"), null=True, blank=True, editable=False)
    successor = models.OneToOneField(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="predecessor",
        verbose_name=pgettext_lazy("API key", "successor"),
    )
    # Each process adds what it counted once a minute.
    uses_since_roll = models.PositiveBigIntegerField(default=0, db_default=0, editable=False)
    # Null unless the overlap begins with the first use of the successor.
    overlap = models.DurationField(null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("-created_at", "id")
        permissions = [  # of operators in the console
            ("create_apikey", "Can create API key"),
            ("roll_apikey", "Can roll API key"),
            ("revoke_apikey", "Can revoke API key"),
        ]
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

    @classmethod
    def authenticate(
        cls, text: str, *, related: Sequence[str] | None = None, at: datetime | None = None
    ) -> "ApiKey | None":
        """Return the usable secret key, or None. One query, none for a malformed text. It joins ``related``, by default
        the workspace with all policies.

        The use is recorded at most once in ``USE_INTERVAL``, with one more statement.
        """
        return cls._used(tokens.short_of(text), text, cls.Kind.SECRET, related=related, at=at)

    @classmethod
    def authenticate_publishable(cls, text: str, *, at: datetime | None = None) -> "ApiKey | None":
        """Return the usable publishable key, or None, like ``authenticate``."""
        return cls._used(PUBLISHABLE_TOKEN.short_of(text), text, cls.Kind.PUBLISHABLE, related=None, at=at)

    @classmethod
    def _used(
        cls, short: str, text: str, kind: str, *, related: Sequence[str] | None, at: datetime | None
    ) -> "ApiKey | None":
        related = with_policies("workspace") if related is None else related
        key = _by_short(tuple(related)).get(short=short) if short else None
        at = moment(at)
        if key is None or not key.is_usable(kind, at=at) or not tokens.matches(text, key.digest):
            return None
        key_uses.note(key, at=at)
        return key

    def is_usable(self, kind: str, *, at: datetime | None = None) -> bool:
        """Return True if the key is of this kind, not revoked, and not expired at this time (default: now)."""
        at = moment(at)
        return self.kind == kind and self.revoked_at is None and (self.expires_at is None or self.expires_at > at)

    def has_scope(self, scope: str) -> bool:
        """Return True if the key may do what this scope allows."""
        return self.scopes is None or scope in self.scopes

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
    def revoke(self, *, actor: str, reason: str = "", at: datetime | None = None) -> bool:
        """Revoke the key: the next request with it is refused. Return True if it was not revoked before."""
        at = moment(at)
        check_text(reason, name="reason", longest=LONGEST_REASON)
        happened = ApiKey.objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=at)
        if happened:
            self._record("revoked", actor=actor, at=at, reason=reason)
            self.revoked_at = at
        return bool(happened)

    @atomic()
    def roll(
        self,
        *,
        overlap: timedelta,
        actor: str,
        from_first_use: bool = False,
        reason: str = "",
        at: datetime | None = None,
    ) -> tuple["ApiKey", str]:
        """Create a successor of the same name, kind, scopes and lifetime. This key works for ``overlap`` longer, at
        most until it expires, then never again.

        With ``from_first_use`` the overlap begins when the successor is first used, and after ``LONGEST_WAIT`` at the
        latest. Return the successor and its text. Raise NotRollable; of concurrent calls one succeeds.
        """
        at = moment(at)
        check_text(reason, name="reason", longest=LONGEST_REASON)
        until = at + duration(overlap, name="overlap") + (LONGEST_WAIT if from_first_use else timedelta(0))
        until = min(until, self.expires_at or until)
        if not self.is_usable(self.kind, at=at):
            raise NotRollable
        keys = ApiKey.objects.usable(at=at).filter(pk=self.pk, successor=None)
        successor_end = self.expires_at and at + (self.expires_at - self.created_at)
        successor, text = keys._new(self.workspace, self.kind, name=self.name, expires_at=successor_end, at=at)
        successor.scopes = self.scopes
        counted = overlap if from_first_use else None
        # The database checks the reference when the transaction ends, so the successor may be stored after it.
        if not keys.update(successor=successor, expires_at=until, overlap=counted):
            raise NotRollable
        keys._recorded(successor, actor=actor)
        facts = {"successor": successor.short, "expires_at": until.isoformat(), "reason": reason}
        self._record("rolled", actor=actor, at=at, **facts)
        self.successor, self.expires_at, self.overlap = successor, until, counted
        return successor, text

    def begin_overlap(self, *, at: datetime) -> None:
        """End the predecessor sooner if its overlap begins with the first use of this key, which is now."""
        former = ApiKey.objects.filter(successor=self.pk, revoked_at=None).exclude(overlap=None).first()
        if former is None or former.overlap is None:
            return
        until = at + former.overlap
        sooner = ApiKey.objects.filter(pk=former.pk, revoked_at=None, expires_at__gt=until)
        if sooner.update(expires_at=until):
            former._record("overlap_begun", actor=self.actor, at=at, expires_at=until.isoformat())

    def _record(self, happened: str, *, actor: str, at: datetime, **data: Any) -> None:
        facts: dict[str, Any] = {name: value for name, value in data.items() if value}
        Event.objects.record(
            f"api_key.{happened}", subject=self.short, workspace_id=self.workspace_id, actor=actor, at=at, **facts
        )


@cache
def _by_short(related: tuple[str, ...]) -> CompiledQuery[ApiKey]:
    def find(short: str) -> ApiKeyQuerySet:
        keys = ApiKey.objects.filter(short=short).order_by()
        return keys.select_related(*related) if related else keys

    return CompiledQuery(ApiKey, find, short=str)
