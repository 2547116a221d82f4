"""Decide whether a sign-in may begin, and close the sessions that it replaces.

The caller locks the user and the client first, so two sign-ins of one user or on one client run one after the other.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db.models import Model, QuerySet

from sessions_core.db.compiled import CompiledQuery, kind_of
from sessions_core.db.transactions import require_transaction
from sessions_core.models import Workspace
from user_sessions.exceptions import (
    AlreadySignedIn,
    ForeignClient,
    Impersonated,
    ImpersonationRefused,
    SessionExists,
    TooManySessions,
    UserInactive,
)
from user_sessions.models.clients import Client
from user_sessions.models.policies import LimitPolicy, UserSessionPolicy
from user_sessions.models.status import Status
from user_sessions.models.voiding import binds
from user_sessions.users import may_be_impersonated

if TYPE_CHECKING:
    from user_sessions.models.querysets import UserSessionQuerySet
    from user_sessions.models.sessions import UserSession

__all__ = ["lock", "make_room_for_user", "make_room_on_client"]


def lock(user: Any, client: Client | None = None, *, impersonating: bool = False) -> Any:
    """Lock the user and the client until the transaction ends. Return the user as the database has it.

    The checks use the locked row, not the instance that the caller read earlier. Raise UserInactive,
    ImpersonationRefused or StaleClient.
    """
    require_transaction()
    locked = _locked_user(get_user_model())(user.pk)
    if locked is None or not locked.is_active:
        raise UserInactive
    if impersonating and not may_be_impersonated(locked):
        raise ImpersonationRefused
    if client is not None:
        client.hold()
    return locked


def make_room_for_user(
    sessions: "UserSessionQuerySet", workspace: Workspace, user: Any, limit: int, *, actor: str, at: datetime
) -> None:
    """Enforce a limit of live sessions of one user in the workspace. Impersonations do not count.

    Raise TooManySessions.
    """
    own = sessions.in_workspace(workspace).of_user(user).filter(impersonator__isnull=True)
    live = list(own.live(at=at).order_by("created_at", "id"))
    excess = live[: max(len(live) - limit + 1, 0)]
    if excess and UserSessionPolicy.of(workspace).limit_policy == LimitPolicy.REFUSE:
        raise TooManySessions
    _close(sessions, excess, Status.ENDED, actor=actor, at=at, reason="the user's limit of live sessions was reached")


def make_room_on_client(
    sessions: "UserSessionQuerySet",
    workspace: Workspace,
    user: Any,
    client: Client,
    *,
    actor: str,
    at: datetime,
    replacing: bool,
    impersonating: bool,
) -> None:
    """Enforce the rules for several users on one client.

    An impersonation first replaces every other session; while it lasts, nobody can sign in. A void session that
    conflicts is revoked permanently, because it must not become live again beside the new one.

    Raise ForeignClient, Impersonated, SessionExists or AlreadySignedIn.
    """
    if client.workspace_id != workspace.pk:
        raise ForeignClient
    here = list(_open_on_client(sessions.model).rows(client=client.pk, at=at))
    live = [session for session in here if session.is_live(at)]
    if any(session.impersonator for session in live):
        raise Impersonated
    is_single = UserSessionPolicy.of(workspace).single_session_mode
    replaces_all = is_single or impersonating
    conflicting = [session for session in live if replaces_all or session.user_id == user.pk]
    void = [session for session in here if session not in live and (replaces_all or session.impersonator)]
    if conflicting and not (replacing or impersonating):
        raise SessionExists if is_single else AlreadySignedIn(conflicting[0])
    _close(sessions, conflicting, Status.REPLACED, actor=actor, at=at, reason="another session took its place")
    _close(sessions, void, Status.REVOKED, actor=actor, at=at, reason="another session took its place")


@cache
def _locked_user(model: type[Model]) -> Callable[[Any], Any]:
    """Return a function that locks the user with this key, and returns the row. One query, compiled once if the key is
    of a usual kind."""

    def find(key: Any) -> QuerySet[Any]:
        # Not through the host's managers: one may hide the row, or join others that PostgreSQL refuses to lock.
        return QuerySet(model).select_for_update(no_key=True).filter(pk=key).order_by()

    field: Any = model._meta.pk
    while field.is_relation:  # the primary key is a one-to-one link to another model
        field = field.target_field
    if kind := kind_of(field):
        query = CompiledQuery(model, find, key=kind)
        return lambda key: query.get(key=key)
    return lambda key: find(key).first()


@cache
def _open_on_client(model: "type[UserSession]") -> "CompiledQuery[UserSession]":
    return CompiledQuery(
        model,
        lambda client, at: model.objects.with_status_facts().filter(client=client).open(at=at),
        depends_on=binds,
        client=str,
        at=datetime,
    )


def _close(
    sessions: "UserSessionQuerySet",
    closing: "list[UserSession]",
    status: Status,
    *,
    actor: str,
    at: datetime,
    reason: str,
) -> None:
    if closing:
        sessions.filter(pk__in=[session.pk for session in closing]).close(status, actor=actor, at=at, reason=reason)
