"""Decide whether a sign-in may begin, and close the sessions that it replaces.

The caller locks the user and the client first, so two sign-ins of one user or on one client run one after the other.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet

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
    # Not through the host's managers: one may hide the row, or join others that PostgreSQL refuses to lock.
    users: QuerySet[Any] = QuerySet(get_user_model()).select_for_update(no_key=True)
    locked = users.filter(pk=user.pk).first()
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
    here = list(sessions.with_status_facts().filter(client=client).open(at=at))
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
