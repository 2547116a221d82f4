"""The client session: fields, constraints, and the methods that change it."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db import IntegrityError, models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from client_sessions import resources
from client_sessions.exceptions import GrantConflict, KeyTaken, NotLive
from client_sessions.models.grants import ALL, Grant, Terms, check_terms
from client_sessions.models.policies import ClientSessionPolicy
from client_sessions.models.querysets import LONGEST_KEY, TOKEN, ClientSessionQuerySet, check_key
from client_sessions.models.session_grants import SessionGrants
from client_sessions.models.statements import WITH_WORKSPACE, SessionChanges, SessionLookups
from client_sessions.wanted import NormalizedWanted, Wanted, normalize_wanted
from sessions_core.crypto import tokens
from sessions_core.crypto.token_keys import TokenKeyField
from sessions_core.db.asynchronous import twin_of
from sessions_core.db.transactions import atomic
from sessions_core.labels import WORKSPACE
from sessions_core.models import Event, Workspace
from sessions_core.moments import moment
from sessions_core.texts import reason_data

# The kind of caller with a client session token; see sessions_core.http.routes.
CLIENT_SESSION = "client_session"


# ``expires_at`` as the index of the dashboard has it.
ENDS_AT = Coalesce("expires_at", "created_at")


class Status(models.TextChoices):
    """The status of a client session at a time."""

    LIVE = "live", pgettext_lazy("client session", "Live")
    EXPIRED = "expired", pgettext_lazy("client session", "Expired")
    REVOKED = "revoked", pgettext_lazy("client session", "Revoked")


class ClientSession(models.Model):
    """A pass for one user's browser. Its token reaches the granted resources, and those that a grant leads to.

    ``revoked_at`` is stored; expiry follows from ``expires_at``.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="client_sessions", verbose_name=WORKSPACE
    )
    workspace_id: UUID  # for type checkers without the django-stubs plugin
    user_identifier_key = models.CharField(_("user identifier key"), max_length=LONGEST_KEY, null=True, blank=True)  # noqa: DJ001  (no key is not "")
    token_short = models.CharField(_("public part of the token"), max_length=8, unique=True, editable=False)
    token_key = TokenKeyField(max_length=tokens.KEY_IDS_LENGTH, editable=False)
    created_at = models.DateTimeField(_("created at"), editable=False)
    expires_at = models.DateTimeField(_("expires at"))
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True, editable=False)
    key_released_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text=_("When a newer session took over the key of this expired session."),
    )

    # All grants, ended ones included, as they were last read or changed with this object; None if they were not.
    loaded_grants: "list[Grant] | None" = None

    # The annotation is for type checkers without the django-stubs plugin.
    objects: ClassVar[ClientSessionQuerySet] = ClientSessionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("client session")
        verbose_name_plural = _("client sessions")
        ordering = ("created_at", "id")
        permissions = [(f"{act}_clientsession", f"Can {act} client session") for act in ("revoke", "export")]
        indexes = [
            models.Index(fields=["workspace", "created_at", "id"], name="client_sessions_page"),
            # The console finds a user's sessions in all workspaces.
            models.Index(
                fields=["user_identifier_key", "workspace", "created_at", "id"], name="client_sessions_page_of_key"
            ),
            # The dashboard counts live sessions that expire soon. If the index had the column itself, SQLite would read
            # it for lists of live sessions, and sort them all.
            models.Index(ENDS_AT, condition=Q(revoked_at=None, key_released_at=None), name="client_sessions_ends"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "user_identifier_key"],
                condition=Q(revoked_at=None, key_released_at=None),
                name="client_sessions_one_session_holds_a_key",
            ),
            models.CheckConstraint(
                condition=~Q(user_identifier_key=""), name="client_sessions_user_identifier_key_is_not_blank"
            ),
        ]

    def __str__(self) -> str:
        return gettext("client session %(id)s") % {"id": self.id}

    @property
    def token(self) -> str:
        """The token, a secret. Use it only in responses: never log it or show it to an operator."""
        return TOKEN.token(self.token_short, self.token_key)

    @property
    def credential(self) -> str:
        """The kind of caller with this session's token."""
        return CLIENT_SESSION

    @property
    def actor(self) -> str:
        """The actor that events record for changes by this session."""
        return f"client_session:{self.id}"

    @classmethod
    def of_token(
        cls, presented: tokens.Presented, *, related: Sequence[str] = WITH_WORKSPACE
    ) -> "ClientSession | None":
        """Return the session of a checked token, or None. One query, which joins ``related``."""
        session = _LOOKUPS.by_token(tuple(related)).get(short=presented.short)
        return session if session and TOKEN.agrees(presented, session.token_key) else None

    @classmethod
    def of_id(cls, id: UUID, *, workspace_id: UUID) -> "ClientSession | None":
        """Return the session with this id, or None. One query."""
        return _LOOKUPS.by_id.get(workspace=workspace_id, session=id)

    @classmethod
    def of_key(cls, user_identifier_key: str, *, workspace_id: UUID) -> "ClientSession | None":
        """Return the one session, live or expired, that has this key now, or None. One query, with its grants."""
        return _LOOKUPS.by_key(workspace_id, user_identifier_key)

    @property
    def status(self) -> Status:
        """The current status."""
        return self.status_at(timezone.now())

    def status_at(self, at: datetime) -> Status:
        """Return the status at this time. ``expired`` is not stored: it follows from ``expires_at``."""
        at = moment(at)
        if self.revoked_at is not None:
            return Status.REVOKED
        return Status.LIVE if self.expires_at > at and self.key_released_at is None else Status.EXPIRED

    def grant(
        self,
        wanted: Wanted,
        *,
        actor: str,
        terms: Terms = ALL,
        user_identifier_key: str | None = None,
        at: datetime | None = None,
    ) -> None:
        """Add or extend grants. A session without a user identifier key gets the given one.

        Raise NotLive, GrantConflict, KeyTaken or resources.Missing; then nothing changes.
        """
        at, wanted, terms = moment(at), normalize_wanted(wanted), check_terms(terms)
        if user_identifier_key is not None:
            check_key(user_identifier_key)
        with atomic():
            checked = resources.check(wanted, workspace_id=self.workspace_id, lock=True)
            self._lock(actor=actor, at=at)
            self._set_key(user_identifier_key, actor=actor, at=at)
            with SessionGrants.read(self, actor=actor, at=at) as grants:
                for resource_type, ids in checked.items():
                    grants.add(resource_type, ids, terms)

    def revoke_access(self, wanted: Wanted, *, actor: str, reason: str = "", at: datetime | None = None) -> None:
        """Delete these grants. Resources without a grant are ignored. ``reason`` is recorded, at most 200 characters.

        A resource that another grant leads to stays within reach. Raise NotLive, or resources.Missing for an id that
        is not granted and cannot be; then nothing changes.
        """
        at, wanted, because = moment(at), normalize_wanted(wanted), reason_data(reason)
        with atomic():
            self._lock(actor=actor, at=at)
            with SessionGrants.read(self, actor=actor, at=at) as grants:
                for resource_type, resource_ids in wanted.items():
                    granted = grants.of_type(resource_type)
                    ids = resources.normalize_ids(resource_type, resource_ids)
                    others = [one for stored_id, one in ids.items() if stored_id not in granted]
                    resources.check({resource_type: others}, workspace_id=self.workspace_id)
                    grants.remove(resource_type, ids, **because)

    def replace_grants(
        self,
        wanted: Wanted,
        *,
        actor: str,
        terms: Terms = ALL,
        expires_at: datetime | None = None,
        at: datetime | None = None,
    ) -> None:
        """Replace the grants of each type in ``wanted`` by these, with these terms. Grants of other types stay.

        Raise NotLive, GrantConflict or resources.Missing; then nothing changes.
        """
        at, wanted, terms = moment(at), normalize_wanted(wanted), check_terms(terms)
        if not wanted and expires_at is None:
            self.renew_token(actor=actor, at=at)
            return
        with atomic():
            checked = resources.check(wanted, workspace_id=self.workspace_id, lock=True)
            self._lock(actor=actor, at=at)
            if expires_at is not None:
                self._set_expiry(ClientSessionPolicy.of(self.workspace).end(expires_at, at=at), actor=actor, at=at)
            with SessionGrants.read(self, actor=actor, at=at) as grants:
                for resource_type, ids in checked.items():
                    grants.remove(resource_type, grants.of_type(resource_type).keys() - ids)
                for resource_type, ids in checked.items():
                    grants.add(resource_type, ids, terms)
                for resource_type in checked:
                    grants.limit(resource_type, terms)

    def revoke(self, *, actor: str, reason: str = "", at: datetime | None = None) -> bool:
        """Revoke the session: the next request with its token is refused. Return True if it was not revoked before.

        An expired session can be revoked as well. ``reason`` is recorded, at most 200 characters.
        """
        at, because = moment(at), reason_data(reason)
        with atomic():
            if happened := _CHANGES.revoke.run(workspace=self.workspace_id, session=self.pk, at=at):
                self._record("client_session.revoked", actor=actor, at=at, **because)
                self.revoked_at = at
        return bool(happened)

    def remove(self, *, actor: str, at: datetime | None = None) -> bool:
        """Delete the session and its grants. Return True if it existed. Its events stay."""
        deleted, _ = ClientSession.objects.filter(pk=self.pk).remove(actor=actor, at=at)
        return bool(deleted)

    agrant = twin_of(grant)
    arevoke_access = twin_of(revoke_access)
    arevoke = twin_of(revoke)
    aremove = twin_of(remove)

    def renew_token(self, *, actor: str, at: datetime) -> None:
        """Derive the token from the newest of the TOKEN_KEYS from now on. Raise NotLive.

        Earlier tokens work until their key is removed, so other browsers stay signed in.
        """
        at = moment(at)
        if tokens.with_newest_key(self.token_key) != self.token_key:
            with atomic():
                self._lock(actor=actor, at=at)

    def _lock(self, *, actor: str, at: datetime) -> None:
        """Lock the session until the transaction ends. Raise NotLive if it is not live.

        An UPDATE checks and locks in one statement, also on SQLite, which has no SELECT FOR UPDATE.
        """
        locked = _CHANGES.lock.run(session=self.pk, at=at)
        if not locked:
            raise NotLive
        [(self.expires_at, self.user_identifier_key, self.token_key)] = locked
        if (token_key := tokens.with_newest_key(self.token_key)) != self.token_key:
            ClientSession.objects.filter(pk=self.pk).update(token_key=token_key)
            self._record("client_session.token_renewed", actor=actor, at=at)
            self.token_key = token_key

    def _insert(self, wanted: NormalizedWanted, terms: Terms, *, actor: str) -> None:
        """Insert the session with these grants. Raise resources.Missing, or IntegrityError if key or token exist."""
        with atomic():
            checked = resources.check(wanted, workspace_id=self.workspace_id, lock=True)
            if self.user_identifier_key is not None:
                _CHANGES.release_key.run(workspace=self.workspace_id, key=self.user_identifier_key, at=self.created_at)
            with SessionGrants(self, actor=actor, at=self.created_at) as grants:
                grants.record("client_session.created")
                for resource_type, ids in checked.items():
                    grants.add(resource_type, ids, terms)

    def _set_expiry(self, expires_at: datetime, *, actor: str, at: datetime) -> None:
        if expires_at != self.expires_at:
            ClientSession.objects.filter(pk=self.pk).update(expires_at=expires_at)
            self._record("client_session.expiry_changed", actor=actor, at=at, expires_at=expires_at.isoformat())
            self.expires_at = expires_at

    def _set_key(self, key: str | None, *, actor: str, at: datetime) -> None:
        if key is None or key == self.user_identifier_key:
            return
        if self.user_identifier_key is not None:
            raise GrantConflict("user_identifier_key")
        try:
            with atomic():
                _CHANGES.release_key.run(workspace=self.workspace_id, key=key, at=at)
                ClientSession.objects.filter(pk=self.pk).update(user_identifier_key=key)
        except IntegrityError:
            raise KeyTaken from None
        self.user_identifier_key = key
        # The event does not contain the key: with a publishable key it opens the session.
        self._record("client_session.key_taken", actor=actor, at=at)

    def _record(self, type: str, *, actor: str, at: datetime, **data: Any) -> None:
        Event.objects.record(type, subject=str(self.pk), workspace_id=self.workspace_id, actor=actor, at=at, **data)


_LOOKUPS, _CHANGES = SessionLookups(ClientSession), SessionChanges(ClientSession)
