"""May this sign-in begin, and which sessions make way for it?

Whoever asks holds the locks: two sign-ins of one user, or on one client, are asked one after the other.
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
    """Let no other sign-in of this user, or on this client, begin before this transaction ends. Return the user as the
    database has it.

    The user is judged by the row, not by the instance that the caller read earlier. Raises UserInactive,
    ImpersonationRefused, StaleClient.
    """
    # By none of the host's managers: one may hide the row, or join others that PostgreSQL refuses to lock.
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
    sessions: "UserSessionQuerySet", workspace: Workspace, user: Any, *, actor: str, at: datetime
) -> None:
    """Keep to the workspace's limit of live sessions of one user, which impersonations do not count towards.

    Raises TooManySessions.
    """
    policy = UserSessionPolicy.of(workspace)
    limit = policy.limit
    if limit is None:
        return
    own = sessions.in_workspace(workspace).of_user(user).filter(impersonator__isnull=True)
    live = list(own.live(at=at).order_by("created_at", "id"))
    too_many = live[: max(len(live) - limit + 1, 0)]
    if too_many and policy.limit_policy == LimitPolicy.REFUSE:
        raise TooManySessions
    _close(sessions, too_many, Status.ENDED, actor=actor, at=at, reason="the user's limit of live sessions was reached")


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
    """Keep to the rules of who is signed in on one client. An impersonation signs everybody else out first; while it
    lasts nobody signs in. A void session in the way is revoked for good: it could not live again beside the new one.

    Raises ForeignClient, Impersonated, SessionExists, AlreadySignedIn.
    """
    if client.workspace_id != workspace.pk:
        raise ForeignClient
    here = list(sessions.with_status_facts().filter(client=client).open(at=at))
    live = [session for session in here if session.is_live(at)]
    if any(session.impersonator for session in live):
        raise Impersonated
    is_single = UserSessionPolicy.of(workspace).single_session_mode
    meets_all = is_single or impersonating
    in_the_way = [session for session in live if meets_all or session.user_id == user.pk]
    void = [session for session in here if session not in live and (meets_all or session.impersonator)]
    if in_the_way and not (replacing or impersonating):
        raise SessionExists if is_single else AlreadySignedIn(in_the_way[0])
    _close(sessions, in_the_way, Status.REPLACED, actor=actor, at=at, reason="another session took its place")
    _close(sessions, void, Status.REVOKED, actor=actor, at=at, reason="another session took its place")


def _close(
    sessions: "UserSessionQuerySet",
    leaving: "list[UserSession]",
    status: Status,
    *,
    actor: str,
    at: datetime,
    reason: str,
) -> None:
    if leaving:
        sessions.filter(pk__in=[session.pk for session in leaving]).close(status, actor=actor, at=at, reason=reason)
