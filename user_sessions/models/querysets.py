"""Querysets of user sessions: filters, ``start``, and closing many at once."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import OuterRef, Subquery

from sessions_core.db.asynchronous import is_twin_of
from sessions_core.db.returning import Insert, Inserts
from sessions_core.db.transactions import atomic
from sessions_core.models import Event, Workspace
from sessions_core.moments import instant, moment
from user_sessions.authentication_methods import SEVERAL_FACTORS
from user_sessions.conf import settings
from user_sessions.exceptions import SignInRefused
from user_sessions.ids import new_id
from user_sessions.limits import Limits, limits_of
from user_sessions.models import admission
from user_sessions.models.activities import Activity
from user_sessions.models.clients import Client
from user_sessions.models.closing import close
from user_sessions.models.epochs import Epoch
from user_sessions.models.jwt_templates import JwtTemplate
from user_sessions.models.lifetimes import ends
from user_sessions.models.policies import UserSessionPolicy
from user_sessions.models.reverification import UNVERIFIED
from user_sessions.models.signing_keys import SigningKey
from user_sessions.models.start_arguments import method_names, require_arguments, task_names
from user_sessions.models.status import OPEN, Status, is_in, is_open
from user_sessions.models.voiding import fingerprint_of, joined_reason
from user_sessions.models.voiding import reason as void_reason
from user_sessions.risk import Verdict, assesses_risk, new_device, risk_of
from user_sessions.user_agents import Device
from user_sessions.users import key_of

if TYPE_CHECKING:
    from user_sessions.models.sessions import UserSession

__all__ = ["UserSessionManager", "UserSessionQuerySet"]


class UserSessionQuerySet(models.QuerySet["UserSession"]):
    def in_workspace(self, workspace: Workspace) -> Self:
        """Filter by workspace. Each session gets this instance, so that ``session.workspace`` costs no query."""
        sessions: Any = self.filter(workspace=workspace)
        known = sessions._known_related_objects  # as Django's related managers do
        sessions._known_related_objects = {**known, self.model._meta.get_field("workspace"): {workspace.pk: workspace}}
        found: Self = sessions
        return found

    def of_user(self, user: Any) -> Self:
        """Filter by user, given as an instance or a primary key."""
        return self.filter(user=user)

    def of_user_id(self, id: str) -> Self:
        """Filter by the API id of a user, who need not belong to the workspace any more."""
        key = key_of(id)
        return self.none() if key is None else self.of_user(key)

    def live(self, *, at: datetime | None = None) -> Self:
        """Filter sessions that can mint tokens and be touched at this moment, or now."""
        return self.with_status(*OPEN, at=at)

    def open(self, *, at: datetime | None = None) -> Self:
        """Filter live sessions, and those that are void because of their user."""
        return self.filter(is_open(at=at))

    def with_status(self, *statuses: str, at: datetime | None = None) -> Self:
        """Filter sessions for which ``UserSession.status_at`` returns one of these."""
        return self.filter(is_in(statuses, at=at))

    def not_left(self, *, at: datetime | None = None) -> Self:
        """Filter sessions that have not left their client, newest first."""
        return self.exclude(is_in((Status.REMOVED, Status.ABANDONED), at=at)).order_by("-created_at", "-id")

    def for_minting(self, *, at: datetime) -> Self:
        """Filter live sessions and add their token facts, in one query.

        ``session_token`` checks the users whose ``is_active`` is not a column.
        """
        return self.live(at=at).with_token_facts(at=at)

    def with_status_facts(self) -> Self:
        """Each with ``epoch_id`` and ``void_reason``, so that asking many for their status costs no query for each."""
        return self.annotate(epoch_id=_epoch_id(), void_reason=void_reason())

    def with_user(self) -> Self:
        """Each with its user and the status facts."""
        return self.select_related("user").annotate(epoch_id=_epoch_id(), void_reason=joined_reason())

    def with_token_facts(self, *, at: datetime) -> Self:
        """Add the token facts (user, id of the signing key, claims of the template for session tokens) and the status
        facts, also to sessions that are over."""
        keys = SigningKey.objects.signing(at=at).filter(workspace=OuterRef("workspace"))
        template = JwtTemplate.objects.for_session_tokens().filter(workspace=OuterRef("workspace")).order_by()
        return self.with_user().annotate(
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
        amr: Collection[str] = (),
        verified_at: datetime | None = None,
    ) -> "UserSession":
        """Sign the user in on the given client, or on a new one.

        ``impersonator`` signs in as the user. ``lifetime`` shortens the workspace's lifetime, for example of a user who
        does not want to be remembered. With ``tasks`` the session is pending until they are completed. ``replacing``
        replaces a conflicting session of the client instead of refusing the sign-in. ``device`` is the device of the
        sign-in. ``amr`` tells how the user signed in, as values of RFC 8176, and ``verified_at`` when: now, unless it
        was earlier; with "mfa" also of the second factor. ``USER_SESSIONS["SESSION_LIMITS"]`` can narrow the policy.

        Raise UserInactive, ImpersonationRefused, ForeignClient, StaleClient, Impersonated, SessionExists,
        AlreadySignedIn, TooManySessions or SignInRefused.
        """
        at = moment(at)
        require_arguments(workspace, user, client, impersonator)
        tasks, impersonating = task_names(tasks), impersonator is not None
        locked = admission.lock(user, client, impersonating=impersonating)
        of_kind = limits_of(locked, device, workspace)
        limits = Limits(lifetime=lifetime).within(of_kind).within(UserSessionPolicy.of(workspace))
        self._make_room(
            workspace, user, client, limits, actor=actor, at=at, replacing=replacing, impersonating=impersonating
        )
        return self._begin(
            workspace=workspace,
            client=client or Client._new(workspace, at=at),
            user=locked if user._state.adding else user,  # an instance with only the key
            tasks=tasks,
            impersonator=impersonator,
            amr=method_names(amr),
            verified_at=at if verified_at is None else instant(verified_at, name="verified_at"),
            password_fingerprint=fingerprint_of(locked),
            actor=actor,
            at=at,
            device=device,
            idle_lifetime=of_kind.idle_lifetime,
            **ends(limits, at=at),
        )

    def _make_room(
        self,
        workspace: Workspace,
        user: Any,
        client: Client | None,
        limits: Limits,
        *,
        actor: str,
        at: datetime,
        replacing: bool,
        impersonating: bool,
    ) -> None:
        """Close the sessions that make way for one that begins now."""
        everyone = self.model._default_manager.all()  # the rules apply to all sessions, whatever this queryset filters
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
        if limits.limit is not None and not impersonating:
            admission.make_room_for_user(everyone, workspace, user, limits.limit, actor=actor, at=at)

    def _begin(
        self, *, tasks: list[str], actor: str, at: datetime, device: Device | None, **values: Any
    ) -> "UserSession":
        """Insert a session that begins now, select it on its client, and record the event."""
        activity = None if device is None else Activity.of(device, at=at)
        session = self.model(
            id=new_id("sess", at=at),
            latest_activity=activity,
            stored_status=Status.PENDING if tasks else Status.ACTIVE,
            tasks=tasks,
            created_at=at,
            updated_at=at,
            last_active_at=at,
            second_factor_at=values["verified_at"] if SEVERAL_FACTORS in values["amr"] else None,
            **values,
        )
        session.void_reason = None
        facts = {} if activity is None or session.impersonator else _judge(session, activity)
        rows: list[models.Model] = []
        if session.client._state.adding:
            session.client.last_active_session_id = session.pk
            rows.append(session.client)
        else:
            session.client._select(session, at=at)
        if activity is not None:
            activity.session = session
            rows.append(activity)
        inserts: Inserts = [(_insertion(self.model), [session]), *(Insert.plain([row]) for row in rows)]
        _record_start(session, facts, inserts, actor=actor, at=at)
        return session

    def close(self, status: Status, *, actor: str, at: datetime | None = None, reason: str = "") -> Sequence[str]:
        """End, revoke, replace or remove the sessions that allow it, in one UPDATE with an event each. Return the ids.

        The first transition that closed a session keeps its time, actor and reason. Revoking a void session is
        permanent.
        """
        return close(self, status, actor=actor, at=moment(at), reason=reason)

    def revoke(self, *, actor: str, at: datetime | None = None, reason: str = "") -> Sequence[str]:
        """Revoke the live sessions, such as ``of_user(user).exclude(pk=current.pk)``. Return their ids."""
        return self.close(Status.REVOKED, actor=actor, at=at, reason=reason)

    @is_twin_of(start)
    async def astart(self) -> None: ...

    @is_twin_of(revoke)
    async def arevoke(self) -> None: ...

    @atomic()
    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the rows. Live sessions are revoked first, so that events and webhooks report their end."""
        self.revoke(actor="system:session_deleted", reason="session_deleted")
        return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]  # as in Django, so that templates cannot call it
    delete.queryset_only = True  # type: ignore[attr-defined]  # not of the manager


if TYPE_CHECKING:  # without the django-stubs plugin, type checkers do not see the methods of from_queryset

    class UserSessionManager(UserSessionQuerySet, models.Manager["UserSession"]): ...  # type: ignore[misc]

else:
    UserSessionManager = models.Manager.from_queryset(UserSessionQuerySet)


@cache
def _epoch_id() -> Subquery:
    """Build the subquery once, because most queries of sessions contain it."""
    return Subquery(Epoch.objects.of(OuterRef).values("pk")[:1])


@cache
def _insertion(model: "type[UserSession]") -> Insert:
    """Return the insert of a session, which also tells whether an epoch has ended it: one may be of the future."""
    return Insert(model, lambda: {"epoch_id": _epoch_id()})


def _judge(session: "UserSession", activity: Activity) -> dict[str, Any]:
    """Ask the host about a sign-in, and carry out its verdict. Return what the event records. Raise SignInRefused."""
    # An adoption is not a sign-in: the user has not authenticated.
    is_noticed = settings.new_device_notice != "off" and session.verified_at != UNVERIFIED
    facts: dict[str, Any] = {}
    if not is_noticed and not assesses_risk():
        return facts
    of_user = {"session__user": session.user_id, "session__workspace": session.workspace_id}
    before = Activity.objects.filter(**of_user, session__impersonator=None)  # impersonators are other people
    if is_noticed and new_device(session.user, session, activity, before):
        facts["new_device"] = True
    risk = risk_of(session, activity, before)
    if risk.verdict == Verdict.REFUSE:
        raise SignInRefused(session, risk.reason)
    if risk.verdict == Verdict.STEP_UP:
        session.verified_at, session.second_factor_at = UNVERIFIED, None
    if risk.verdict != Verdict.ALLOW:
        facts |= {"risk": risk.verdict, "reason": risk.reason}
    return facts


def _record_start(session: "UserSession", facts: dict[str, Any], inserts: Inserts, *, actor: str, at: datetime) -> None:
    """Insert the session with its other rows and the event."""
    happened = "pending" if session.tasks else "created"
    # The user and the client, so that a history can be found and erased after their rows are gone.
    facts = {"user": str(session.user_id), "client": session.client_id, **facts}
    if session.impersonator is not None:
        facts["impersonator"] = session.impersonator
    of_session = {"subject": session.pk, "workspace_id": session.workspace_id, "created_at": at}
    event = Event(type=f"user_session.{happened}", actor=actor, data=facts, **of_session)
    Event.objects.record_together([event], beside=inserts)
