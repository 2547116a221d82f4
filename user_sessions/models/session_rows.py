"""The columns of user sessions that their JSON shows, read without instances of the models."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from sessions_core.db.compiled import CompiledQuery, kind_of
from sessions_core.db.instants import Instant
from sessions_core.models import Workspace
from user_sessions.models.pages import ListQuery, Pages, Selection
from user_sessions.models.querysets import UserSessionQuerySet
from user_sessions.models.sessions import CHANGES, UserSession
from user_sessions.models.status import Status, status_of
from user_sessions.models.voiding import binds

__all__ = ["ActivityRow", "SessionRow", "live_sessions_of", "sessions_of"]


class ActivityRow(NamedTuple):
    """The columns of an ``Activity``."""

    id: str
    device_type: str
    is_mobile: bool | None
    browser_name: str
    browser_version: str
    ip_address: str | None
    city: str
    country: str


class SessionRow(NamedTuple):
    """A user session, with the names of ``UserSession``."""

    id: str
    user_id: Any
    client_id: str
    impersonator: Any
    stored_status: str
    tasks: list[str]
    epoch_id: int | None
    void_reason: str | None
    last_active_at: datetime
    expire_at: datetime
    abandon_at: datetime
    updated_at: datetime
    created_at: datetime
    latest_activity: ActivityRow | None

    @classmethod
    def of_id(cls, workspace: UUID, id: str) -> "SessionRow | None":
        """Return the session of a workspace with this id, or None: one query."""
        return next(iter(_rows(_BY_ID.tuples(id=id, workspace=workspace))), None)

    @classmethod
    def revoke(cls, workspace: UUID, id: str, *, actor: str, at: datetime) -> "SessionRow | None":
        """Revoke the session of a workspace with this id, if it is live. Return it as it is then, or None if there is
        no such session. A live session without an activity is not read: two statements."""
        columns = CHANGES.revoke(id, workspace, actor=actor, at=at)
        if columns is None or columns["latest_activity_id"] is not None:
            return cls.of_id(workspace, id)
        # The status facts of a revoked session change nothing.
        known = {**columns, "epoch_id": None, "void_reason": None, "latest_activity": None}
        return cls._make(known[name] for name in cls._fields)

    @classmethod
    def select(
        cls,
        workspace: UUID,
        *,
        user: Any = None,
        client: str | None = None,
        status: str | None = None,
        at: datetime,
    ) -> Selection["SessionRow"]:
        """Select the sessions of a workspace: of the user with this primary key, of a client, with a status."""
        given = {"user": user, "client": client, "at": None if status in _TIMELESS else at}
        filters = {name: value for name, value in given.items() if value is not None}
        pages = _pages(status, by_user=user is not None, by_client=client is not None)
        return Selection(pages, {"workspace": workspace, **filters}, _rows)

    def status_at(self, at: datetime) -> Status:
        return status_of(self, at)


def sessions_of(user: Any, workspace: Workspace, *, at: datetime, most: int) -> list[UserSession]:
    """Return the sessions of a user that have not left their clients, newest first: one query."""
    sessions: list[UserSession] = _not_left().rows(user=user.pk, workspace=workspace.pk, at=at, most=most)
    for session in sessions:
        session.user, session.workspace = user, workspace
    return sessions


def live_sessions_of(user: Any, workspace: Workspace, *, at: datetime, most: int) -> list[SessionRow]:
    """Return the live sessions of a user, the latest used first: one query."""
    return _rows(_live().rows(user=user.pk, workspace=workspace.pk, at=at, most=most))


_COLUMNS = SessionRow._fields[:6]
_FACTS = SessionRow._fields[6:8]
_TIMES = {name: f"{name}_instant" for name in SessionRow._fields[8:-1]}
_OF_ACTIVITY = [f"latest_activity__{name}" for name in ActivityRow._fields]

# Filters that do not compare with a time.
_TIMELESS = (None, Status.REMOVED)


def _rows(found: Iterable[tuple[Any, ...]]) -> list[SessionRow]:
    place, never_null = len(_OF_ACTIVITY), ActivityRow._fields.index("is_mobile")
    return [
        SessionRow._make(
            (*columns[place:], None if columns[never_null] is None else ActivityRow._make(columns[:place]))
        )
        for columns in found
    ]


def _columns(sessions: UserSessionQuerySet) -> QuerySet[UserSession, Any]:
    """Return the columns of each session. Annotations come last, as in the SQL of every version of Django."""
    instants = {alias: Instant(name) for name, alias in _TIMES.items()}
    return (
        sessions.with_status_facts()
        .annotate(**instants)
        .values_list(*_OF_ACTIVITY, *_COLUMNS, *_FACTS, *_TIMES.values())
    )


@cache
def _pages(status: str | None, *, by_user: bool, by_client: bool) -> Pages[SessionRow]:
    """Return the pages of sessions with these filters."""

    def find(at: datetime | None = None, **by: Any) -> UserSessionQuerySet:
        sessions = UserSession.objects.filter(**by)
        return sessions if status is None else sessions.with_status(status, at=at)

    kinds: dict[str, type | None] = {"workspace": UUID}
    kinds |= _user_kind() if by_user else {}
    kinds |= {"client": str} if by_client else {}
    kinds |= {} if status in _TIMELESS else {"at": datetime}
    return Pages(UserSession, find, columns=_columns, depends_on=binds, kinds=kinds)


def _user_kind() -> dict[str, type | None]:
    return {"user": kind_of(get_user_model()._meta.pk)}


@cache
def _not_left() -> ListQuery[UserSession]:
    def find(at: datetime, most: int, **by: Any) -> UserSessionQuerySet:
        return UserSession.objects.filter(**by).with_status_facts().not_left(at=at)[:most]

    return _of_user(find, tuples=False)


@cache
def _live() -> ListQuery[tuple[Any, ...]]:
    def find(at: datetime, most: int, **by: Any) -> QuerySet[UserSession, Any]:
        return _columns(UserSession.objects.filter(**by).live(at=at).order_by("-last_active_at", "-id"))[:most]

    return _of_user(find, tuples=True)


def _of_user(find: Callable[..., QuerySet[Any, Any]], *, tuples: bool) -> ListQuery[Any]:
    kinds = {"workspace": UUID, "at": datetime, "most": int, **_user_kind()}
    return ListQuery(UserSession, find, kinds=kinds, tuples=tuples, depends_on=binds)


_BY_ID = CompiledQuery(
    UserSession,
    lambda **by: _columns(UserSession.objects.filter(**by).order_by()),
    depends_on=binds,
    id=str,
    workspace=UUID,
)
