"""Which client sessions, and how they begin."""

from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

from django.db import IntegrityError, models
from django.db.models import Q

from client_sessions import resources
from client_sessions.exceptions import KeyTaken, NotLive
from client_sessions.models.grants import ALL, Grant, Terms, check_terms
from client_sessions.models.policies import ClientSessionPolicy
from client_sessions.wanted import NormalizedWanted, Wanted, normalize_wanted
from sessions_core.arguments import require_instance
from sessions_core.crypto import tokens
from sessions_core.db.transactions import atomic, require_transaction
from sessions_core.models import Event, Workspace
from sessions_core.moments import moment
from sessions_core.texts import text

if TYPE_CHECKING:
    from client_sessions.models.sessions import ClientSession

TOKEN = tokens.DerivedKind("seam_cst1")

# Characters of a user identifier key.
LONGEST_KEY = 255

# Somebody else may take or free the key between our look and our insert; more rounds than this is not bad luck.
_ROUNDS = 10


class ClientSessionQuerySet(models.QuerySet["ClientSession"]):
    def in_workspace(self, workspace: Workspace) -> Self:
        return self.filter(workspace=workspace)

    def of_user(self, user_identifier_key: str) -> Self:
        """Those that began with this key, live or over. Raises ValueError for what can be no key."""
        return self.filter(user_identifier_key=_valid_key(user_identifier_key))

    def live(self, *, at: datetime | None = None) -> Self:
        """Those whose token works at this moment, or now; ``ClientSession.status_at`` says the same of one."""
        return self.filter(revoked_at=None, key_released_at=None, expires_at__gt=moment(at))

    def expired(self, *, at: datetime | None = None) -> Self:
        return self.unrevoked().filter(Q(expires_at__lte=moment(at)) | Q(key_released_at__isnull=False))

    def revoked(self) -> Self:
        return self.exclude(revoked_at=None)

    def unrevoked(self) -> Self:
        """What lists and look-ups by key show: live ones, and those that time alone has ended."""
        return self.filter(revoked_at=None)

    def with_key(self, user_identifier_key: str) -> Self:
        """The one session, live or expired, that this key stands for. Raises ValueError for what can be no key."""
        return self.of_user(user_identifier_key).filter(revoked_at=None, key_released_at=None)

    def _release_key(self, user_identifier_key: str, *, at: datetime) -> None:
        """Take the key from the session that time has ended, so that another may hold it. Such a session stays over."""
        self.with_key(user_identifier_key).filter(expires_at__lte=moment(at)).update(key_released_at=at)

    def lock_for(self, grants: models.QuerySet[Grant]) -> None:
        """Lock the sessions that have one of these grants until the transaction ends, in one order. Raises
        TransactionManagementError outside of a transaction."""
        require_transaction()
        holders = self.select_for_update(no_key=True).filter(pk__in=grants.values("client_session"))
        list(holders.order_by("pk").values_list("pk"))

    def _record_deleted(self, *, actor: str, at: datetime | None = None) -> list[Any]:
        """Record the deletion of each of these rows, and lock them until the transaction ends. Return their keys."""
        at = moment(at)
        locked = list(self.select_for_update().order_by("workspace", "pk").values_list("workspace", "pk"))
        for workspace_id, rows in groupby(locked, key=itemgetter(0)):
            subjects = [str(pk) for _, pk in rows]
            type = "client_session.deleted"
            Event.objects.record_all(type, subjects=subjects, workspace_id=workspace_id, actor=actor, at=at)
        return [pk for _, pk in locked]

    @atomic()
    def remove(self, *, actor: str, at: datetime | None = None) -> tuple[int, dict[str, int]]:
        """Delete the rows with their grants. Their events stay."""
        # Grants go before the row they hang on, so nobody may add one in between.
        locked = self._record_deleted(actor=actor, at=at)
        return models.QuerySet(self.model).filter(pk__in=locked).delete()

    def delete(self) -> tuple[int, dict[str, int]]:
        return self.remove(actor="system:session_deleted")

    delete.alters_data = remove.alters_data = True  # type: ignore[attr-defined]  # for templates, as Django's own
    delete.queryset_only = True  # type: ignore[attr-defined]  # not of the manager

    def granted(self, resource_type: str, resource_id: str, *, at: datetime | None = None) -> Self:
        """Those granted this very resource, by a grant that is live; the id as ``resources`` stores it."""
        return self.filter(_has_grant(at, resource_type=resource_type, resource_id=resource_id))

    def without_grant(self, resource_type: str, *, at: datetime | None = None) -> Self:
        """Those granted nothing of the type."""
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
        """A fresh session with these grants.

        Raises KeyTaken if a live one holds the key, resources.Missing for an id that may not be granted.
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
        """The live session of this key with its grants *replaced* by the types in ``wanted``, or a fresh one.

        Without a key, the live keyless session of the wanted user identity matches; with neither, none does.
        However many ask at once, one session answers. Raises resources.Missing.
        """
        require_instance(workspace, Workspace, name="workspace")
        at, wanted, terms = moment(at), normalize_wanted({} if wanted is None else wanted), check_terms(terms)
        if user_identifier_key is not None:
            check_key(user_identifier_key)
        with atomic():
            if user_identifier_key is None and wanted.get("user_identity"):
                # No constraint can hold "one keyless session an identity", so those who ask for one take turns.
                # Not its key: every row that refers to the workspace shares a lock on that.
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
                    session.replace_grants(wanted, terms=terms, expires_at=expires_at, actor=actor, at=at)
                except (KeyTaken, NotLive):
                    continue
                return session
        raise KeyTaken

    def _holder(self, workspace: Workspace, key: str | None, *, at: datetime) -> "ClientSession | None":
        return self.in_workspace(workspace).of_user(key).live(at=at).first() if key is not None else None

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
    """Raises ValueError for a text that no session can have as its key."""
    text(user_identifier_key, name="user_identifier_key", longest=LONGEST_KEY, shortest=1)


def _has_grant(at: datetime | None, **grant: str) -> models.Exists:
    return models.Exists(Grant.objects.live(at=at).filter(client_session=models.OuterRef("pk"), **grant))
