"""How late a view may learn that a session is over, and the session row that answers it."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from threading import Lock
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef

from sessions_core.db.compiled import CompiledQuery
from sessions_core.db.transactions import is_away
from sessions_core.moments import moment
from user_sessions.conf import settings
from user_sessions.exceptions import (
    SessionExpired,
    SessionNotFound,
    SessionPending,
    SessionRevoked,
    SessionsUnavailable,
    SessionTokenInvalid,
    SessionTokenRefused,
)
from user_sessions.models import SigningKey, Status, UserSession
from user_sessions.models.voiding import binds

__all__ = ["Freshness", "LiveSessions", "live_sessions", "presented_session"]

# Sessions that one process remembers. The one that was read longest ago is dropped first.
MOST = 10_000


class Freshness(StrEnum):
    """How late a view may learn that a session is over."""

    NETWORKLESS = "networkless"
    """When the session token expires. The signature is checked, and the database is not used."""
    CACHED = "cached"
    """After ``SESSION_CACHE_MAX_AGE``."""
    STRICT = "strict"
    """At once. One query."""


def presented_session(workspace_id: UUID, session_id: str, *, kid: str, at: datetime | None = None) -> UserSession:
    """Return an active session with its user, whose token was signed with this key: one query.

    Raise SessionNotFound, SessionTokenInvalid if the key was revoked, SessionExpired, SessionRevoked, SessionPending
    or SessionsUnavailable.
    """
    at = moment(at)
    try:
        session: Any = _PRESENTED.get(id=session_id, workspace=workspace_id, kid=kid, at=at)
    except Exception as error:
        if is_away(error):
            raise SessionsUnavailable from error
        raise
    if session is None:
        raise SessionNotFound
    if not session.is_signed_by_current_key:
        raise SessionTokenInvalid
    return _require_active(session, at)


def _require_active(session: UserSession, at: datetime) -> UserSession:
    match session.status_at(at):
        case Status.ACTIVE if session.user.is_active:  # which a host may compute
            return session
        case Status.PENDING:
            raise SessionPending
        case Status.EXPIRED | Status.ABANDONED:
            raise SessionExpired
    raise SessionRevoked


def _presented(id: str, workspace: UUID, kid: str, at: datetime) -> Any:
    key = SigningKey.objects.published(at=at).filter(pk=kid, workspace=OuterRef("workspace"))
    sessions = UserSession.objects.with_user().annotate(is_signed_by_current_key=Exists(key))
    return sessions.filter(pk=id, workspace=workspace).order_by()


_PRESENTED = CompiledQuery(UserSession, _presented, depends_on=binds, id=str, workspace=UUID, kid=str, at=datetime)


class LiveSessions:
    """The sessions that this process has found active, each with its signing key, for ``SESSION_CACHE_MAX_AGE``.

    ``clock`` returns monotonic seconds: a change of the system's time does not prolong an entry.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._read_at: OrderedDict[tuple[str, str], float] = OrderedDict()

    def clear(self) -> None:
        self._read_at.clear()

    def has(self, session_id: str, *, kid: str) -> bool:
        """Return True if the session was active at most ``SESSION_CACHE_MAX_AGE`` ago."""
        read_at = self._read_at.get((session_id, kid))
        return read_at is not None and self._clock() - read_at < settings.session_cache_max_age.total_seconds()

    @contextmanager
    def noted(self, session_id: str, *, kid: str) -> Iterator[None]:
        """Remember the session if reading it succeeds, as of the time before it was read. Forget it if it is over."""
        read_at = self._clock()
        try:
            yield
        except SessionTokenRefused:
            with self._lock:
                self._read_at.pop((session_id, kid), None)
            raise
        with self._lock:
            self._read_at[session_id, kid] = read_at
            self._read_at.move_to_end((session_id, kid))
            if len(self._read_at) > MOST:
                self._read_at.popitem(last=False)


live_sessions = LiveSessions()
