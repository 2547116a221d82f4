"""Find, create and delete client sessions."""

from contextlib import nullcontext
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.db import IntegrityError, models
from django.db.models import Q

from client_sessions import resources
from client_sessions.exceptions import KeyTaken, NotLive
from client_sessions.models.grants import ALL, Grant, Terms, check_terms
from client_sessions.models.policies import ClientSessionPolicy
from client_sessions.models.session_grants import grants_match
from client_sessions.wanted import NormalizedWanted, Wanted, normalize_wanted
from sessions_core.arguments import require_instance
from sessions_core.crypto import tokens
from sessions_core.db.asynchronous import is_twin_of
from sessions_core.db.returning import update_returning
from sessions_core.db.transactions import atomic, require_transaction
from sessions_core.models import Event, Workspace
from sessions_core.moments import moment
from sessions_core.texts import text

if TYPE_CHECKING:
    from client_sessions.models.sessions import ClientSession

TOKEN = tokens.DerivedKind("seam_cst1")

# Characters of a user identifier key.
LONGEST_KEY = 255

# Attempts before an error: another request may take or release the key between the query and the insert.
_ROUNDS = 10


class ClientSessionQuerySet(models.QuerySet["ClientSession"]):
    def in_workspace(self, workspace: Workspace) -> Self:
        return self.filter(workspace=workspace)

    def of_user(self, user_identifier_key: str) -> Self:
        """Filter sessions with this key, live or not. Raise ValueError for an invalid key."""
        return self.filter(user_identifier_key=_valid_key(user_identifier_key))

    def live(self, *, at: datetime | None = None) -> Self:
        """Filter sessions that are live at this time (default: now), like ``ClientSession.status_at``."""
        return self.filter(revoked_at=None, key_released_at=None, expires_at__gt=moment(at))

    def expired(self, *, at: datetime | None = None) -> Self:
        return self.unrevoked().filter(Q(expires_at__lte=moment(at)) | Q(key_released_at__isnull=False))

    def revoked(self) -> Self:
        return self.exclude(revoked_at=None)

    def unrevoked(self) -> Self:
        """Filter live and expired sessions, which lists and look-ups by key include."""
        return self.filter(revoked_at=None)

    def with_key(self, user_identifier_key: str) -> Self:
        """Filter the one session, live or expired, that has this key now. Raise ValueError for an invalid key."""
        return self.of_user(user_identifier_key).filter(revoked_at=None, key_released_at=None)

    def lock_for(self, grants: models.QuerySet[Grant]) -> None:
        """Lock the sessions with one of these grants, in a fixed order, until the transaction ends. Raise
        TransactionManagementError outside of a transaction."""
        require_transaction()
        holders = self.select_for_update(no_key=True).filter(pk__in=grants.values("client_session"))
        list(holders.order_by("pk").values_list("pk"))

    def _record_deleted(self, *, actor: str, at: datetime | None = None) -> list[Any]:
        """Record the deletion of each row, and lock them until the transaction ends. Return their primary keys."""
        at = moment(at)
        was_revoked = models.ExpressionWrapper(Q(revoked_at__isnull=False), models.BooleanField())
        locked = list(
            self.select_for_update()
            .annotate(was_revoked=was_revoked)
            .order_by("workspace", "was_revoked", "pk")
            .values_list("workspace", "was_revoked", "pk")
        )
        for (workspace_id, is_over), rows in groupby(locked, key=itemgetter(0, 1)):
            Event.objects.record_all(
                "client_session.deleted",
                subjects=[str(pk) for *_, pk in rows],
                workspace_id=workspace_id,
                actor=actor,
                at=at,
                **({"was_revoked": True} if is_over else {}),
            )
        return [pk for *_, pk in locked]

    @atomic()
    def revoke(self, *, actor: str, at: datetime | None = None) -> list[UUID]:
        """Revoke those that are not revoked, such as ``of_user("jane")``. Return their ids."""
        at = moment(at)
        revoked = sorted(update_returning(self.unrevoked(), ["workspace", "id"], revoked_at=at))
        for workspace_id, rows in groupby(revoked, key=itemgetter(0)):
            Event.objects.record_all(
                "client_session.revoked",
                subjects=[str(pk) for _, pk in rows],
                workspace_id=workspace_id,
                actor=actor,
                at=at,
            )
        return [pk for _, pk in revoked]

    @atomic()
    def remove(self, *, actor: str, at: datetime | None = None) -> tuple[int, dict[str, int]]:
        """Delete the sessions and their grants. Their events stay."""
        # Grants are deleted before their session, so the session is locked first.
        locked = self._record_deleted(actor=actor, at=at)
        return models.QuerySet(self.model).filter(pk__in=locked).delete()

    def delete(self) -> tuple[int, dict[str, int]]:
        return self.remove(actor="system:session_deleted")

    delete.alters_data = remove.alters_data = revoke.alters_data = True  # type: ignore[attr-defined]  # not for templates
    delete.queryset_only = True  # type: ignore[attr-defined]  # as in Django: not on the manager

    def granted(self, resource_type: str, resource_id: str, *, at: datetime | None = None) -> Self:
        """Filter sessions with a live grant of this resource itself. The id must be normalized."""
        return self.filter(_has_grant(at, resource_type=resource_type, resource_id=resource_id))

    def without_grant(self, resource_type: str, *, at: datetime | None = None) -> Self:
        """Filter sessions without a live grant of this type."""
        return self.exclude(_has_grant(at, resource_type=resource_type))

    def start(
        self,
        workspace: Workspace,
        *,
        actor: str,
        user_identifier_key: str | None = None,
        expires_at: datetime | None = None,
        wanted: Wanted | None = None,
        terms: Terms = ALL,
        at: datetime | None = None,
    ) -> "ClientSession":
        """Create a session with these grants.

        Raise KeyTaken if a live session has the key, resources.Missing for an id that cannot be granted.
        """
        require_instance(workspace, Workspace, name="workspace")
        at, wanted, terms = moment(at), normalize_wanted({} if wanted is None else wanted), check_terms(terms)
        if user_identifier_key is not None:
            check_key(user_identifier_key)
        if holder := self._holder(workspace, user_identifier_key, at=at):
            raise KeyTaken(holder)
        for _ in range(_ROUNDS):
            session = self.model(
                workspace=workspace,
                user_identifier_key=user_identifier_key,
                token_short=TOKEN.new_short(),
                token_key=tokens.newest_key_id(),
                created_at=at,
                expires_at=ClientSessionPolicy.of(workspace).end(expires_at, at=at),
            )
            try:
                session._insert(wanted, terms, actor=actor)
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
        actor: str,
        user_identifier_key: str | None = None,
        expires_at: datetime | None = None,
        wanted: Wanted | None = None,
        terms: Terms = ALL,
        at: datetime | None = None,
    ) -> "ClientSession":
        """Return the live session of this key and *replace* its grants of the types in ``wanted``, or create a session.

        Without a key, the live session without a key of the wanted user identity matches; without both, none does.
        Concurrent calls get the same session. Raise resources.Missing.
        """
        require_instance(workspace, Workspace, name="workspace")
        at, wanted, terms = moment(at), normalize_wanted({} if wanted is None else wanted), check_terms(terms)
        if user_identifier_key is not None:
            check_key(user_identifier_key)
        by_identity = user_identifier_key is None and wanted.get("user_identity")
        with atomic() if by_identity else nullcontext():
            if by_identity:
                # No constraint can ensure one session without a key per identity, so lock the workspace. ``no_key``
                # does not block inserts of rows that refer to the workspace.
                Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
            for _ in range(_ROUNDS):
                session = self._match(workspace, user_identifier_key, wanted, at=at)
                try:
                    if session is None:
                        return self.start(
                            workspace,
                            actor=actor,
                            user_identifier_key=user_identifier_key,
                            expires_at=expires_at,
                            wanted=wanted,
                            terms=terms,
                            at=at,
                        )
                    if not grants_match(session, wanted, terms=terms, expires_at=expires_at, at=at):
                        session.replace_grants(wanted, terms=terms, expires_at=expires_at, actor=actor, at=at)
                except (KeyTaken, NotLive):
                    continue
                return session
        raise KeyTaken

    @is_twin_of(start)
    async def astart(self) -> None: ...

    @is_twin_of(start_or_match)
    async def astart_or_match(self) -> None: ...

    @is_twin_of(revoke)
    async def arevoke(self) -> None: ...

    def _holder(self, workspace: Workspace, key: str | None, *, at: datetime) -> "ClientSession | None":
        session = self.model.of_key(key, workspace_id=workspace.pk) if key is not None else None
        if session is None or session.expires_at <= at:
            return None
        session.workspace = workspace
        return session

    def _match(
        self, workspace: Workspace, key: str | None, wanted: NormalizedWanted, *, at: datetime
    ) -> "ClientSession | None":
        if key is not None:
            return self._holder(workspace, key, at=at)
        identities = resources.check({"user_identity": wanted.get("user_identity", ())}, workspace_id=workspace.pk)[
            "user_identity"
        ]
        keyless = self.in_workspace(workspace).live(at=at).filter(user_identifier_key=None)
        return next(
            (session for one in identities if (session := keyless.granted("user_identity", one, at=at).first())), None
        )


def _valid_key(user_identifier_key: str) -> str:
    return text(user_identifier_key, name="user_identifier_key", longest=LONGEST_KEY)


def check_key(user_identifier_key: str) -> None:
    """Raise ValueError for an invalid user identifier key."""
    text(user_identifier_key, name="user_identifier_key", longest=LONGEST_KEY, shortest=1)


def _has_grant(at: datetime | None, **grant: str) -> models.Exists:
    return models.Exists(Grant.objects.live(at=at).filter(client_session=models.OuterRef("pk"), **grant))
