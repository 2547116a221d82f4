"""The client session and what it was granted."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Self

from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone

from client_sessions import resources
from sessions_core import tokens
from sessions_core.models import Event, Workspace

__all__ = ["ClientSession", "Grant", "GrantConflict", "KeyTaken", "NotLive", "State"]

TOKEN = tokens.DerivedKind("seam_cst1")

# Resource ids to grant, by resource type: {"connected_account": ["8062d457-…"]}.
Wanted = Mapping[str, Iterable[str]]

# Somebody else may take or free the key between our look and our insert; more rounds than this is not bad luck.
_ROUNDS = 10


class State(models.TextChoices):
    """What can be said of a client session at a moment."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ClientSessionError(Exception):
    """Why a verb was refused."""


class KeyTaken(ClientSessionError):
    """A live client session of this workspace has this user identifier key: ``holder``, if it is still there."""

    def __init__(self, holder: "ClientSession | None" = None) -> None:
        super().__init__()
        self.holder = holder


class NotLive(ClientSessionError):
    """The client session is revoked, expired or deleted, and nothing brings it back."""


class GrantConflict(ClientSessionError):
    """The client session has another resource of a type it can hold only one of, or another user identifier key."""


class ClientSessionQuerySet(models.QuerySet["ClientSession"]):
    def in_workspace(self, workspace: Workspace) -> Self:
        return self.filter(workspace=workspace)

    def live(self, *, at: datetime) -> Self:
        """Those whose token works at this moment; ``ClientSession.state_at`` says the same of one."""
        return self.filter(revoked_at=None, expires_at__gt=at)

    def expired(self, *, at: datetime) -> Self:
        return self.filter(revoked_at=None, expires_at__lte=at)

    def revoked(self) -> Self:
        return self.exclude(revoked_at=None)

    def unrevoked(self) -> Self:
        """What lists and look-ups by key show: live ones, and those that time alone has ended."""
        return self.filter(revoked_at=None)

    def holding(self, user_identifier_key: str) -> Self:
        """The one session, live or expired, that this key stands for."""
        return self.unrevoked().filter(user_identifier_key=user_identifier_key, key_released_at=None)

    def granted(self, resource_type: str, resource_id: str) -> Self:
        """Those granted this very resource; the id as ``resources`` stores it."""
        return self.filter(_has_grant(resource_type=resource_type, resource_id=resource_id))

    def granted_nothing(self, resource_type: str) -> Self:
        """Those granted nothing of the type."""
        return self.exclude(_has_grant(resource_type=resource_type))

    def of_token(self, presented: tokens.Presented) -> "ClientSession | None":
        """The session a checked token belongs to, its workspace joined."""
        session = self.select_related("workspace").filter(token_short=presented.short).first()
        return session if session and TOKEN.agrees(presented, session.token_key) else None

    def start(
        self,
        workspace: Workspace,
        *,
        by: str,
        user_identifier_key: str | None = None,
        expires_at: datetime | None = None,
        wanted: Wanted | None = None,
        at: datetime | None = None,
    ) -> "ClientSession":
        """A fresh session with these grants.

        Raises KeyTaken if a live one holds the key, resources.Missing for an id that may not be granted.
        """
        at = at or timezone.now()
        checked = resources.check(wanted or {}, workspace_id=workspace.pk)
        for _ in range(_ROUNDS):
            session = ClientSession(
                workspace=workspace,
                user_identifier_key=user_identifier_key,
                token_short=TOKEN.new_short(),
                token_key=tokens.newest_key_id(),
                created_at=at,
                expires_at=expires_at or at + workspace.client_session_lifetime,
            )
            try:
                session._insert(checked, by=by)
            except IntegrityError:
                if holder := self._holder(workspace, user_identifier_key, at=at):
                    raise KeyTaken(holder) from None
            else:
                return session
        raise KeyTaken

    def start_or_match(
        self,
        workspace: Workspace,
        *,
        by: str,
        user_identifier_key: str | None = None,
        expires_at: datetime | None = None,
        wanted: Wanted | None = None,
        at: datetime | None = None,
    ) -> "ClientSession":
        """The live session of this key with its grants *replaced* by the types in ``wanted``, or a fresh one.

        Without a key, the live keyless session of the wanted user identity matches; with neither, none does.
        However many ask at once, one session answers. Raises resources.Missing.
        """
        at = at or timezone.now()
        wanted = {name: list(ids) for name, ids in (wanted or {}).items()}
        with transaction.atomic(using=self.db):
            if user_identifier_key is None and wanted.get("user_identity"):
                # No constraint can hold "one keyless session an identity", so those who ask for one take turns.
                Workspace.objects.select_for_update().get(pk=workspace.pk)
            for _ in range(_ROUNDS):
                session = self._match(workspace, user_identifier_key, wanted, at=at)
                try:
                    if session is None:
                        return self.start(
                            workspace,
                            by=by,
                            user_identifier_key=user_identifier_key,
                            expires_at=expires_at,
                            wanted=wanted,
                            at=at,
                        )
                    session.replace_grants(wanted, expires_at=expires_at, by=by, at=at)
                except (KeyTaken, NotLive):
                    continue
                return session
        raise KeyTaken

    def _holder(self, workspace: Workspace, key: str | None, *, at: datetime) -> "ClientSession | None":
        return self.in_workspace(workspace).live(at=at).holding(key).first() if key is not None else None

    def _match(self, workspace: Workspace, key: str | None, wanted: Wanted, *, at: datetime) -> "ClientSession | None":
        if key is not None:
            return self._holder(workspace, key, at=at)
        identities = resources.check({"user_identity": wanted.get("user_identity", ())}, workspace_id=workspace.pk)[
            "user_identity"
        ]
        keyless = self.in_workspace(workspace).live(at=at).filter(user_identifier_key=None)
        return next((session for one in identities if (session := keyless.granted("user_identity", one).first())), None)


def _has_grant(**grant: str) -> models.Exists:
    return models.Exists(Grant.objects.filter(client_session=models.OuterRef("pk"), **grant))


class ClientSession(models.Model):
    """A pass for one user's browser. Its token reaches what was granted, and what that leads to.

    ``revoked_at`` and deletion are deeds; expiry follows from ``expires_at``.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="client_sessions")
    user_identifier_key = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001  (no key is not "")
    token_short = models.CharField(max_length=8, unique=True, editable=False)
    token_key = models.CharField(max_length=8, editable=False)
    created_at = models.DateTimeField(editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    key_released_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When a newer session took the key over from this expired one."
    )

    objects = ClientSessionQuerySet.as_manager()

    class Meta:
        ordering = ("created_at", "id")
        indexes = [models.Index(fields=["workspace", "created_at", "id"], name="client_session_page")]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "user_identifier_key"],
                condition=Q(revoked_at=None, key_released_at=None),
                name="one_session_holds_a_key",
            ),
            models.CheckConstraint(condition=~Q(user_identifier_key=""), name="user_identifier_key_is_not_blank"),
        ]

    def __str__(self) -> str:
        return f"client session {self.id}"

    @property
    def token(self) -> str:
        """The whole secret. For the wire only: never log it, never show it to an operator."""
        return TOKEN.token(self.token_short, self.token_key)

    @property
    def actor(self) -> str:
        """How events name this session when it is the one that acts."""
        return f"client_session:{self.id}"

    def state_at(self, at: datetime) -> State:
        """``expired`` is never written down: it follows from the clock."""
        if self.revoked_at is not None:
            return State.REVOKED
        return State.LIVE if self.expires_at > at else State.EXPIRED

    def grant(
        self,
        wanted: Wanted,
        *,
        by: str,
        user_identifier_key: str | None = None,
        at: datetime | None = None,
    ) -> None:
        """Add grants; none is ever taken away. A session without a user identifier key gets the given one.

        Raises NotLive, GrantConflict, KeyTaken, resources.Missing; then nothing has changed.
        """
        at = at or timezone.now()
        checked = resources.check(wanted, workspace_id=self.workspace_id)
        with transaction.atomic():
            self._claim(at=at)
            self._take_key(user_identifier_key, by=by, at=at)
            self._add(checked, by=by, at=at)

    def replace_grants(
        self, wanted: Wanted, *, by: str, expires_at: datetime | None = None, at: datetime | None = None
    ) -> None:
        """Make the grants of each type in ``wanted`` exactly those; other types stay.

        Raises NotLive, GrantConflict, resources.Missing; then nothing has changed.
        """
        at = at or timezone.now()
        checked = resources.check(wanted, workspace_id=self.workspace_id)
        if not checked and expires_at is None:
            return
        with transaction.atomic():
            self._claim(at=at)
            if expires_at is not None and expires_at != self.expires_at:
                ClientSession.objects.filter(pk=self.pk).update(expires_at=expires_at)
                self._record("client_session.expiry_changed", by=by, at=at, expires_at=expires_at.isoformat())
                self.expires_at = expires_at
            for resource_type, ids in checked.items():
                surplus = self.grants.filter(resource_type=resource_type).exclude(resource_id__in=ids)
                if gone := sorted(surplus.values_list("resource_id", flat=True)):
                    surplus.delete()
                    self._record("client_session.grants_removed", by=by, at=at, **{resource_type: gone})
            self._add(checked, by=by, at=at)

    def revoke(self, *, by: str, at: datetime | None = None) -> bool:
        """Refuse the token from the next request on; whether that was news. An expired session can be revoked too."""
        at = at or timezone.now()
        with transaction.atomic():
            happened = ClientSession.objects.unrevoked().filter(pk=self.pk).update(revoked_at=at)
            if happened:
                self._record("client_session.revoked", by=by, at=at)
                self.revoked_at = at
        return bool(happened)

    def remove(self, *, by: str, at: datetime | None = None) -> bool:
        """Delete the row with its grants; whether it was still there. Its events stay."""
        with transaction.atomic():
            gone, _ = ClientSession.objects.filter(pk=self.pk).delete()
            if gone:
                self._record("client_session.deleted", by=by, at=at or timezone.now())
        return bool(gone)

    def _claim(self, *, at: datetime) -> None:
        """Be the only writer of this session until the transaction ends. Raises NotLive if it is over.

        An UPDATE, not SELECT FOR UPDATE: it checks and locks at once, and on SQLite too.
        """
        if not ClientSession.objects.live(at=at).filter(pk=self.pk).update(token_key=models.F("token_key")):
            raise NotLive
        self.refresh_from_db(fields=["expires_at", "user_identifier_key"])

    def _insert(self, checked: Mapping[str, set[str]], *, by: str) -> None:
        with transaction.atomic():
            if self.user_identifier_key is not None:
                expired = ClientSession.objects.in_workspace(self.workspace).holding(self.user_identifier_key)
                expired.filter(expires_at__lte=self.created_at).update(key_released_at=self.created_at)
            self.save(force_insert=True)
            self._record("client_session.created", by=by, at=self.created_at)
            self._add(checked, by=by, at=self.created_at)

    def _take_key(self, key: str | None, *, by: str, at: datetime) -> None:
        if key is None or key == self.user_identifier_key:
            return
        if self.user_identifier_key is not None:
            raise GrantConflict("user_identifier_key")
        try:
            with transaction.atomic():
                ClientSession.objects.filter(pk=self.pk).update(user_identifier_key=key)
        except IntegrityError:
            raise KeyTaken from None
        self.user_identifier_key = key

    def _add(self, checked: Mapping[str, set[str]], *, by: str, at: datetime) -> None:
        for resource_type, ids in checked.items():
            held = set(self.grants.filter(resource_type=resource_type).values_list("resource_id", flat=True))
            new = sorted(ids - held)
            if resource_type in Grant.SINGLE and len(held | ids) > 1:
                raise GrantConflict(resource_type)
            if new:
                Grant.objects.bulk_create(
                    Grant(client_session=self, resource_type=resource_type, resource_id=one, created_at=at)
                    for one in new
                )
                self._record("client_session.granted", by=by, at=at, **{resource_type: new})

    def _record(self, type: str, *, by: str, at: datetime, **data: Any) -> None:
        Event.objects.record(type, subject=str(self.pk), workspace_id=self.workspace_id, by=by, at=at, **data)


class Grant(models.Model):
    """One resource a client session may reach."""

    # A session is one person's, of one customer.
    SINGLE = ("user_identity", "customer")

    client_session = models.ForeignKey(ClientSession, on_delete=models.CASCADE, related_name="grants")
    resource_type = models.CharField(max_length=60)
    resource_id = models.CharField(max_length=255, help_text="As client_sessions.resources stores it.")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                fields=["client_session", "resource_type", "resource_id"], name="a_resource_is_granted_once"
            ),
            models.UniqueConstraint(
                fields=["client_session", "resource_type"],
                condition=Q(resource_type__in=["user_identity", "customer"]),
                name="one_identity_and_one_customer",
            ),
        ]
        indexes = [models.Index(fields=["resource_type", "resource_id"], name="grants_of_a_resource")]

    def __str__(self) -> str:
        return f"{self.resource_type} {self.resource_id}"
