"""The tenant, its keys, and the record of what happened to its sessions."""

import uuid
from datetime import datetime, timedelta
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.utils import timezone

from sessions_core import tokens
from sessions_core.kept import KeptQuery
from sessions_core.permissions import API_KEY, PUBLISHABLE_KEY

__all__ = ["AllowedOrigin", "ApiKey", "Event", "Workspace"]

PUBLISHABLE_TOKEN = tokens.DerivedKind("seam_pk1", short_length=6)


def _positive(value: timedelta) -> None:
    if value <= timedelta(0):
        raise ValidationError("A lifetime must be longer than nothing.", code="not_positive")


is_origin = RegexValidator(r"^https?://[^/\s?#]+$", "An origin such as https://sessions.example.com.")


class Workspace(models.Model):
    """One tenant: its name, its public address, and the policy its sessions live under."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    frontend_api = models.CharField(
        "frontend API",
        max_length=200,
        unique=True,
        null=True,
        blank=True,
        validators=[is_origin],
        help_text="Origin that browsers reach this workspace at; the issuer of its session tokens.",
    )
    is_sandbox = models.BooleanField(
        default=False, help_text="A sandbox allows what makes trying things out easy; a live workspace asks first."
    )
    publishable_keys_enabled = models.BooleanField(
        default=False, help_text="Let browsers open client sessions with a publishable key. Always on in a sandbox."
    )
    backend_sessions_enabled = models.BooleanField(
        default=False, help_text="Let backends create user sessions without a sign-in. Always on in a sandbox."
    )
    client_session_lifetime = models.DurationField(
        default=timedelta(days=365), validators=[_positive], help_text="Of a client session that asks for none."
    )
    client_session_max_lifetime = models.DurationField(
        default=timedelta(days=365),
        validators=[_positive],
        help_text="Of any client session of a live workspace, whatever the caller asks for.",
    )
    user_identifier_key_min_length = models.PositiveSmallIntegerField(
        default=0, help_text="Of keys that come with a publishable key: whoever guesses one gets that user's session."
    )
    user_session_lifetime = models.DurationField(
        default=timedelta(days=7), validators=[_positive], help_text="After this a user session expires."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name

    @property
    def allows_publishable_keys(self) -> bool:
        return self.is_sandbox or self.publishable_keys_enabled

    def client_session_end(self, wanted: datetime | None, *, at: datetime) -> datetime:
        """When a client session that begins or is prolonged now expires: as wanted, in a live workspace no later than
        its maximum allows."""
        end = wanted or at + self.client_session_lifetime
        return end if self.is_sandbox else min(end, at + self.client_session_max_lifetime)

    @property
    def allows_backend_sessions(self) -> bool:
        return self.is_sandbox or self.backend_sessions_enabled


class AllowedOrigin(models.Model):
    """An origin whose pages may read the workspace's answers, compared as browsers write it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="allowed_origins")
    origin = models.CharField(
        max_length=200,
        validators=[RegexValidator(r"^https?://[a-z0-9.\-]+(:\d{1,5})?$", "As a browser writes it, in lower case.")],
        help_text="Such as https://app.example.com; no path, and no port unless it is an unusual one.",
    )

    class Meta:
        ordering = ("origin",)
        constraints = [models.UniqueConstraint(fields=["origin", "workspace"], name="an_origin_is_listed_once")]

    def __str__(self) -> str:
        return self.origin


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self) -> Self:
        return self.filter(revoked_at=None)

    def secret(self) -> Self:
        return self.filter(kind=ApiKey.Kind.SECRET)

    def publishable(self) -> Self:
        return self.filter(kind=ApiKey.Kind.PUBLISHABLE)

    def issue(self, workspace: Workspace, *, name: str, by: str) -> tuple["ApiKey", str]:
        """Make a secret key. The text beside the row is shown this once and kept nowhere."""
        text = tokens.new_api_key(sandbox=workspace.is_sandbox)
        key = ApiKey(workspace=workspace, name=name, short=tokens.short_of(text), digest=tokens.digest(text))
        return self._recorded(key, by=by), text

    def issue_publishable(self, workspace: Workspace, *, name: str, by: str) -> "ApiKey":
        """Make a publishable key; its text can be read at any time, from ``publishable_key``."""
        key = ApiKey(
            workspace=workspace,
            name=name,
            kind=ApiKey.Kind.PUBLISHABLE,
            short=PUBLISHABLE_TOKEN.new_short(),
            token_key=tokens.newest_key_id(),
        )
        return self._recorded(key, by=by)

    def authenticate(self, text: str) -> "ApiKey | None":
        """The usable secret key with this text, its workspace joined: one query, none if the text is no key at all."""
        if not (short := tokens.short_of(text)):
            return None
        key = _BY_SHORT.get(short)
        return key if key and key.is_usable(ApiKey.Kind.SECRET) and tokens.matches(text, key.digest) else None

    def authenticate_publishable(self, text: str) -> "ApiKey | None":
        """The usable publishable key with this text, its workspace joined."""
        if not (presented := PUBLISHABLE_TOKEN.check(text)):
            return None
        key = _BY_SHORT.get(presented.short)
        is_usable = key is not None and key.is_usable(ApiKey.Kind.PUBLISHABLE)
        return key if key and is_usable and PUBLISHABLE_TOKEN.agrees(presented, key.token_key) else None

    @transaction.atomic
    def _recorded(self, key: "ApiKey", *, by: str) -> "ApiKey":
        key.save(force_insert=True, using=self.db)
        Event.objects.record("api_key.created", subject=key.short, workspace_id=key.workspace_id, by=by)
        return key


class ApiKey(models.Model):
    """A credential of a whole workspace: *secret* for backends, or *publishable* and harmless for browsers."""

    class Kind(models.TextChoices):
        SECRET = "secret"
        PUBLISHABLE = "publishable"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="api_keys")
    kind = models.CharField(max_length=11, choices=Kind, default=Kind.SECRET)
    name = models.CharField(max_length=200, help_text="Where it is used, so that it can be found again.")
    short = models.CharField(max_length=8, unique=True, editable=False, help_text="The public part of the key.")
    digest = models.CharField(max_length=64, blank=True, editable=False, help_text="SHA-256 of a secret key.")
    token_key = models.CharField(max_length=8, blank=True, editable=False, help_text="Id of the deriving TOKEN_KEYS.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "id")
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(
                name="api_key_has_digest_or_token_key",
                condition=models.Q(kind="secret", token_key="") & ~models.Q(digest="")
                | models.Q(kind="publishable", digest="") & ~models.Q(token_key=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.short}…)"

    def is_usable(self, kind: str) -> bool:
        """Whether it is one of this kind that nobody revoked."""
        return self.kind == kind and self.revoked_at is None

    @property
    def credential(self) -> str:
        """Which kind of caller holds this key."""
        return API_KEY if self.kind == self.Kind.SECRET else PUBLISHABLE_KEY

    @property
    def actor(self) -> str:
        """How events name this key."""
        return f"api_key:{self.short}"

    @property
    def publishable_key(self) -> str:
        """The whole text of a publishable key, empty for a secret one."""
        return PUBLISHABLE_TOKEN.token(self.short, self.token_key) if self.kind == self.Kind.PUBLISHABLE else ""

    @transaction.atomic
    def revoke(self, *, by: str, at: datetime | None = None) -> bool:
        """Refuse the key from the next request on; whether that was news."""
        at = at or timezone.now()
        happened = ApiKey.objects.usable().filter(pk=self.pk).update(revoked_at=at)
        if happened:
            Event.objects.record("api_key.revoked", subject=self.short, workspace_id=self.workspace_id, by=by, at=at)
            self.revoked_at = at
        return bool(happened)


_BY_SHORT = KeptQuery(ApiKey, column="short", related="workspace")


class AppendOnly(Exception):
    """An event is a finished fact: it is neither changed nor taken back."""


class EventQuerySet(models.QuerySet["Event"]):
    def record(
        self, type: str, /, *, subject: str, workspace_id: uuid.UUID, by: str, at: datetime | None = None, **data: Any
    ) -> "Event":
        """Write down a change, inside the transaction that makes it.

        ``type`` is ``"<thing>.<past tense>"``, ``subject`` the id of the thing, ``by`` the actor that a credential
        or an operator gives, ``data`` JSON values that tell the rest. Never pass a secret.
        """
        return self.create(
            type=type, subject=subject, workspace_id=workspace_id, actor=by, created_at=at or timezone.now(), data=data
        )

    def update(self, **kwargs: Any) -> int:
        raise AppendOnly

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly


class Event(models.Model):
    """Something that happened, for good: audit, history and outbox in one."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="events")
    type = models.CharField(max_length=60)
    subject = models.CharField(max_length=60)
    actor = models.CharField(max_length=200)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["workspace", "-id"], name="event_of_workspace"),
            models.Index(fields=["subject", "-id"], name="event_of_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnly
