"""Revocations that survive the roll-back of the request that asked for them.

With ``ATOMIC_REQUESTS``, an error that a view raises rolls back everything that the view wrote, including a revocation.
``revoke_durably`` remembers the revocation in the ``RevocationScope`` of the request, which writes it again after the
transaction of the view has ended, if that did not commit.
"""

from collections.abc import Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Self

from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured

from sessions_core.db.asynchronous import twin_of
from sessions_core.db.transactions import is_in_transaction, on_commit
from sessions_core.moments import moment
from user_sessions.models import UserSession, UserSessionQuerySet

__all__ = ["RevocationScope", "arevoke_durably", "revoke_durably"]

# Sessions that one statement revokes again.
BATCH = 500


@dataclass(frozen=True, eq=False)
class _Revocation:
    session_ids: Sequence[str]
    actor: str
    at: datetime
    reason: str

    def write(self) -> None:
        """Revoke the sessions that are live, which they are not if the first attempt has committed."""
        for start in range(0, len(self.session_ids), BATCH):
            chosen = UserSession.objects.filter(pk__in=self.session_ids[start : start + BATCH])
            chosen.revoke(actor=self.actor, at=self.at, reason=self.reason)


class RevocationScope:
    """A context manager around one request, outside of its transaction. It can also be used with ``async with``."""

    _token: Token["RevocationScope | None"]

    def __init__(self) -> None:
        self._pending: set[_Revocation] = set()

    def __enter__(self) -> Self:
        self._token = _scope.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _scope.reset(self._token)
        self._flush()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        _scope.reset(self._token)
        if self._pending:
            await sync_to_async(self._flush)()

    def _add(self, revocation: _Revocation) -> None:
        self._pending.add(revocation)
        on_commit(partial(self._pending.discard, revocation))

    def _flush(self) -> None:
        """Write what was rolled back. No query if everything has committed."""
        while self._pending:
            self._pending.pop().write()


_scope: ContextVar[RevocationScope | None] = ContextVar("user_sessions_revocation_scope", default=None)


def revoke_durably(
    sessions: UserSession | UserSessionQuerySet, *, actor: str, at: datetime | None = None, reason: str = ""
) -> Sequence[str]:
    """Revoke a session or many, even if the current transaction is rolled back. Return the ids of those revoked.

    Inside a transaction it needs a RevocationScope, such as that of ``UserSessionMiddleware``. Raise
    ImproperlyConfigured if there is none.
    """
    at, scope = moment(at), _scope.get()
    if not isinstance(sessions, UserSession | UserSessionQuerySet):
        raise ValueError(f"sessions must be a UserSession or a queryset of them, not {type(sessions).__name__}.")
    if is_in_transaction() and scope is None:
        raise ImproperlyConfigured(
            "revoke_durably() inside a transaction needs user_sessions.middleware.UserSessionMiddleware in MIDDLEWARE."
        )
    if isinstance(sessions, UserSession):
        revoked: Sequence[str] = [sessions.pk] if sessions.revoke(actor=actor, at=at, reason=reason) else []
        session_ids: Sequence[str] = [sessions.pk]  # also if it is over: what ended it may be rolled back too
    else:
        session_ids = revoked = sessions.revoke(actor=actor, at=at, reason=reason)
    if scope is not None and session_ids and is_in_transaction():
        scope._add(_Revocation(session_ids, actor, at, reason))
    return revoked


arevoke_durably = twin_of(revoke_durably)
