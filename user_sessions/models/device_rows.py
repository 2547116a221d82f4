"""The sessions of one user as the user sees them: live ones in pages, and those that are over. One query each."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Q

from sessions_core.db.compiled import CompiledQuery, kind_of
from user_sessions.models.pages import ListQuery
from user_sessions.models.querysets import UserSessionQuerySet
from user_sessions.models.sessions import UserSession
from user_sessions.models.status import OPEN, Status
from user_sessions.models.voiding import binds

__all__ = ["FIRST_PAGE", "Position", "ended_sessions", "live_sessions", "session_on_page"]

# How long ended sessions are shown after their last use, and how many.
SHOWN_FOR = timedelta(days=28)
MOST_ENDED = 20

# Where a page begins: before a session that was created at this time and has this id.
Position = tuple[datetime, str]
FIRST_PAGE: Position = (datetime(9000, 1, 1, tzinfo=UTC), "")

OVER = [status for status in Status if status not in OPEN]


def session_on_page(id: str) -> UserSession | None:
    """Return a session with its client and latest activity."""
    return _BY_ID.get(id=id)


def live_sessions(user: Any, workspace_id: UUID, *, own: str, before: Position, most: int, at: datetime) -> list[Any]:
    """Return the live sessions of a user except ``own``, newest first."""
    created_at, id = before
    values = {"user": user.pk, "workspace": workspace_id, "own": own, "before": created_at, "before_id": id}
    return _live().rows(**values, most=most, at=at)


def ended_sessions(user: Any, workspace_id: UUID, *, at: datetime) -> list[UserSession]:
    """Return the sessions of a user that are over and were used in the last four weeks, newest first."""
    return _ended().rows(user=user.pk, workspace=workspace_id, since=at - SHOWN_FOR, at=at)


def _shown(sessions: UserSessionQuerySet) -> UserSessionQuerySet:
    return sessions.with_status_facts().select_related("client", "latest_activity").order_by("-created_at", "-id")


@cache
def _live() -> ListQuery[UserSession]:
    def find(own: str, before: datetime, before_id: str, most: int, at: datetime, **by: Any) -> UserSessionQuerySet:
        # The first condition is a range of the index, and implied by the second.
        is_later = Q(created_at__lte=before) & (Q(created_at__lt=before) | Q(pk__lt=before_id))
        return _shown(UserSession.objects.filter(is_later, **by).exclude(pk=own).live(at=at))[:most]

    return _of_user(find, own=str, before=datetime, before_id=str, most=int)


@cache
def _ended() -> ListQuery[UserSession]:
    def find(since: datetime, at: datetime, **by: Any) -> UserSessionQuerySet:
        used = UserSession.objects.filter(last_active_at__gte=since, **by)
        return _shown(used.with_status(*OVER, at=at))[:MOST_ENDED]

    return _of_user(find, since=datetime)


def _of_user(find: Callable[..., UserSessionQuerySet], **kinds: type) -> ListQuery[UserSession]:
    user = kind_of(get_user_model()._meta.pk)
    return ListQuery(
        UserSession, find, kinds={"workspace": UUID, "at": datetime, "user": user, **kinds}, depends_on=binds
    )


_BY_ID = CompiledQuery(
    UserSession,
    lambda id: _shown(UserSession.objects.filter(pk=id)).order_by(),
    depends_on=binds,
    id=str,
)
