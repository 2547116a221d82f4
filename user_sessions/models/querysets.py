"""Which user sessions, how one begins, and how many are closed at once."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Case, CharField, F, OuterRef, Subquery, Value, When
from django.db.models.functions import Coalesce

from sessions_core.arguments import require_instance, require_user
from sessions_core.db.returning import update_returning
from sessions_core.db.transactions import atomic
from sessions_core.models import Event, Workspace
from sessions_core.moments import duration, moment
from sessions_core.texts import LONGEST_ACTOR, LONGEST_REASON, text
from user_sessions.ids import new_id
from user_sessions.models import admission
from user_sessions.models.activities import Activity
from user_sessions.models.clients import Client
from user_sessions.models.epochs import Epoch
from user_sessions.models.json_text import require_impersonator
from user_sessions.models.jwt_templates import JwtTemplate
from user_sessions.models.policies import UserSessionPolicy
from user_sessions.models.signing_keys import SigningKey
from user_sessions.models.status import OPEN, Status, is_in, is_open
from user_sessions.models.voiding import fingerprint_of
from user_sessions.models.voiding import reason as void_reason
from user_sessions.user_agents import Device
from user_sessions.users import key_of

if TYPE_CHECKING:
    from user_sessions.models.sessions import UserSession

__all__ = ["LEAVES", "UserSessionManager", "UserSessionQuerySet", "task_name"]

# Measured from the start of the session, unless it may live longer than that.
ABANDONED_AFTER = timedelta(days=30)

# Characters
LONGEST_TASK = 200

# Which states each deed may leave; in any other it changes nothing.
LEAVES = {
    Status.ENDED: OPEN,
    Status.REVOKED: OPEN,
    Status.REPLACED: OPEN,
    Status.REMOVED: (*OPEN, Status.ENDED, Status.REVOKED, Status.REPLACED, Status.EXPIRED),
}


class UserSessionQuerySet(models.QuerySet["UserSession"]):
    def in_workspace(self, workspace: Workspace) -> Self:
        """Those of a workspace, each with this very workspace: asking a session for it costs no query."""
        sessions: Any = self.filter(workspace=workspace)
        known = sessions._known_related_objects  # as the related managers of Django do
        sessions._known_related_objects = {**known, self.model._meta.get_field("workspace"): {workspace.pk: workspace}}
        found: Self = sessions
        return found

    def of_user(self, user: Any) -> Self:
        """Those of a user, given as an instance or by its primary key."""
        return self.filter(user=user)

    def of_user_id(self, id: str) -> Self:
        """The same by the user's id on the wire, also of a user whom no workspace knows any more."""
        key = key_of(id)
        return self.none() if key is None else self.of_user(key)

    def live(self, *, at: datetime | None = None) -> Self:
        """Those that may mint tokens and be touched at this moment, or now."""
        return self.with_status(*OPEN, at=at)

    def open(self, *, at: datetime | None = None) -> Self:
        """Live ones, and those that are void because of their user."""
        return self.filter(is_open(at=at))

    def with_status(self, *statuses: str, at: datetime | None = None) -> Self:
        """Those of which ``UserSession.status_at`` says one of these."""
        return self.filter(is_in(statuses, at=at))

    def not_left(self, *, at: datetime | None = None) -> Self:
        """Those that are still on their client, newest first."""
        return self.exclude(is_in((Status.REMOVED, Status.ABANDONED), at=at)).order_by("-created_at", "-id")

    def for_minting(self, *, at: datetime) -> Self:
        """Live ones with all that goes into a token: user, the id of the signing key and the template that customises
        session tokens, in one query. ``session_token`` checks each user whose ``is_active`` is not a column."""
        return self.live(at=at).with_token_facts(at=at)

    def with_token_facts(self, *, at: datetime) -> Self:
        """Each with all that goes into a token, also those that mint none any more."""
        keys = SigningKey.objects.signing(at=at).filter(workspace=OuterRef("workspace"))
        template = JwtTemplate.objects.for_session_tokens().filter(workspace=OuterRef("workspace"))
        return self.select_related("user").annotate(
            signing_kid=Subquery(keys.values("kid")[:1]), own_claims=Subquery(template.values("claims")[:1])
        )

    @atomic()
    def start(
        self,
        workspace: Workspace,
        user: Any,
        *,
        actor: str,
        client: Client | None = None,
        at: datetime | None = None,
        impersonator: dict[str, Any] | None = None,
        lifetime: timedelta | None = None,
        tasks: Collection[str] = (),
        replacing: bool = False,
        device: Device | None = None,
    ) -> "UserSession":
        """Sign the user in on the given client, or on one of its own.

        ``impersonator`` signs in as the user; ``lifetime`` shortens what the workspace allows; with ``tasks`` the
        session is pending until they are done; ``replacing`` lets it take the place of the client's session that would
        refuse it; ``device`` is what the user signs in with.

        Raises UserInactive, ImpersonationRefused, ForeignClient, StaleClient, Impersonated, SessionExists,
        AlreadySignedIn, TooManySessions.
        """
        at = moment(at)
        _require(workspace, user, client, impersonator)
        is_impersonation = impersonator is not None
        ends, tasks = _ends(workspace, lifetime, at=at), _names(tasks)
        locked = admission.lock(user, client, impersonating=is_impersonation)
        self._make_room(
            workspace, user, client, actor=actor, at=at, replacing=replacing, impersonating=is_impersonation
        )
        session = self._begin(
            workspace=workspace,
            client=client or Client.objects.begin(workspace, at=at),
            user=user,
            tasks=tasks,
            impersonator=impersonator,
            password_fingerprint=fingerprint_of(locked),
            at=at,
            **ends,
        )
        if device is not None:
            Activity.objects.note(session, device, at=at)
        happened = "pending" if tasks else "created"
        facts = {"impersonator": impersonator} if impersonator else {}
        Event.objects.record(
            f"user_session.{happened}", subject=session.pk, workspace_id=workspace.pk, actor=actor, at=at, **facts
        )
        return session

    def _make_room(
        self,
        workspace: Workspace,
        user: Any,
        client: Client | None,
        *,
        actor: str,
        at: datetime,
        replacing: bool,
        impersonating: bool,
    ) -> None:
        """Close the sessions that make way for one that begins now."""
        everyone = self.model._default_manager.all()  # the rules hold whatever this queryset is narrowed to
        if client is not None:
            admission.make_room_on_client(
                everyone,
                workspace,
                user,
                client,
                actor=actor,
                at=at,
                replacing=replacing,
                impersonating=impersonating,
            )
        if not impersonating:
            admission.make_room_for_user(everyone, workspace, user, actor=actor, at=at)

    def _begin(self, *, tasks: list[str], at: datetime, **values: Any) -> "UserSession":
        """Create the row of a session that begins now, and select the session on its client."""
        session = self.create(
            id=new_id("sess", at=at),
            stored_status=Status.PENDING if tasks else Status.ACTIVE,
            tasks=tasks,
            created_at=at,
            updated_at=at,
            last_active_at=at,
            verified_at=at,
            **values,
        )
        session.void_reason = None
        session.client._select(session, at=at)
        return session

    def close(self, status: Status, *, actor: str, at: datetime | None = None, reason: str = "") -> Sequence[str]:
        """End, revoke, replace or remove those that can be, in one UPDATE and with an event each; their ids.

        The first deed that closed a session keeps its time, actor and reason. A void session is revoked for good.
        """
        text(actor, name="actor", longest=LONGEST_ACTOR)
        text(reason, name="reason", longest=LONGEST_REASON)
        return self._close(status, actor=actor, at=moment(at), reason=reason)

    @atomic(savepoint=False)
    def _close(self, status: Status, *, actor: str, at: datetime, reason: str) -> Sequence[str]:
        closed = update_returning(
            self.open(at=at) if status == Status.REVOKED else self.with_status(*LEAVES[status], at=at),
            ["workspace", "id"],
            stored_status=status,
            updated_at=at,
            closed_at=_unless_closed("closed_at", at, epoch="not_before"),
            closed_by=_unless_closed("closed_by", actor, _while_void(at, prefix="system:"), epoch="actor"),
            close_reason=_unless_closed("close_reason", reason, _while_void(at), epoch="reason"),
        )
        for workspace_id, rows in groupby(sorted(closed), key=itemgetter(0)):
            Event.objects.record_all(
                f"user_session.{status}",
                subjects=[id for _, id in rows],
                workspace_id=workspace_id,
                actor=actor,
                at=at,
                reason=reason,
            )
        return [id for _, id in closed]

    def revoke(self, *, actor: str, at: datetime | None = None, reason: str = "") -> Sequence[str]:
        """Revoke all of these that live, such as ``of_user(user).exclude(pk=current.pk)``; their ids."""
        return self.close(Status.REVOKED, actor=actor, at=at, reason=reason)

    @atomic()
    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the rows. Those that live are revoked first, so that events and webhooks report their end."""
        self.revoke(actor="system:session_deleted", reason="session_deleted")
        return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]  # for templates, as Django's own
    delete.queryset_only = True  # type: ignore[attr-defined]  # not of the manager


if TYPE_CHECKING:  # without the plugin of django-stubs, type checkers do not see what from_queryset makes

    class _Manager(UserSessionQuerySet, models.Manager["UserSession"]): ...  # type: ignore[misc]

else:
    _Manager = models.Manager.from_queryset(UserSessionQuerySet)


class UserSessionManager(_Manager):
    """Every session comes with ``epoch_id`` and ``void_reason``, so that its status needs no query of its own."""

    def get_queryset(self) -> UserSessionQuerySet:
        queryset: UserSessionQuerySet = super().get_queryset()  # type: ignore[assignment]  # of this very class
        return queryset.annotate(epoch_id=_epoch_id(), void_reason=void_reason())  # type: ignore[no-redef]


@cache
def _epoch_id() -> Subquery:
    """Made once: every query of sessions has it."""
    return Subquery(Epoch.objects.of(OuterRef).values("pk")[:1])


def _require(workspace: Workspace, user: Any, client: Client | None, impersonator: dict[str, Any] | None) -> None:
    """Raises TypeError or ValueError for an argument of ``start`` that is not what it must be."""
    require_instance(workspace, Workspace, name="workspace")
    require_user(user)
    if client is not None:
        require_instance(client, Client, name="client")
    if impersonator is not None:
        require_impersonator(impersonator)


def _ends(workspace: Workspace, lifetime: timedelta | None, *, at: datetime) -> dict[str, datetime | None]:
    """When a session that begins now is over: left idle, at the latest, and for good."""
    if lifetime is not None:
        duration(lifetime, name="lifetime")
    policy = UserSessionPolicy.of(workspace)
    limits = [limit for limit in (policy.lifetime, lifetime) if limit is not None]
    latest = at + min(limits) if limits else None
    expire_at = policy.end(latest, at=at)
    return {
        "expire_at": expire_at,
        "latest_expire_at": latest,
        "abandon_at": max(at + ABANDONED_AFTER, expire_at),
    }


def _names(tasks: Collection[str]) -> list[str]:
    given: object = tasks
    if not isinstance(given, Collection) or isinstance(given, str | bytes | Mapping):
        raise ValueError("tasks must be a list of names.")
    return [task_name(task) for task in tasks]


def task_name(task: str) -> str:
    """Return the name of something the user must still do. Raises ValueError."""
    return text(task, name="task", longest=LONGEST_TASK, shortest=1)


def _unless_closed(column: str, value: Any, *derived: Case, epoch: str) -> Case:
    """What the row says already, the epoch that ended it, or what made it void; the given value for one that was
    live."""
    its_epoch = Subquery(Epoch.objects.of(OuterRef).values(epoch)[:1])
    return Case(When(closed_at__isnull=False, then=F(column)), default=Coalesce(its_epoch, *derived, Value(value)))


def _while_void(at: datetime, *, prefix: str = "") -> Case:
    """Why the user's row ended it, NULL if it did not or the session had expired."""
    return Case(When(expire_at__gt=at, then=void_reason(prefix=prefix)), default=None, output_field=CharField())
