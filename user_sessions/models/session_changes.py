"""The statements that change one session in most requests, compiled once."""

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import F, Value
from django.db.models.functions import Greatest

from sessions_core.db.compiled import CompiledUpdate
from sessions_core.db.transactions import atomic
from sessions_core.models import Event
from sessions_core.texts import LONGEST_ACTOR, LONGEST_REASON, text
from user_sessions.models.closing import LEAVES, closing, end_data
from user_sessions.models.status import Status
from user_sessions.models.voiding import binds

if TYPE_CHECKING:
    from user_sessions.models.querysets import UserSessionQuerySet
    from user_sessions.models.sessions import UserSession

__all__ = ["SessionChanges"]

# A queryset, and the new values of its rows.
Change = tuple["UserSessionQuerySet", dict[str, Any]]


class SessionChanges:
    """Each change returns the columns that the session then has, by attribute, or None if its state does not allow it.

    So nothing that was written is read again.
    """

    def __init__(self, model: "type[UserSession]") -> None:
        self._model = model
        self._fields = model._meta.concrete_fields
        self._touch = self._update(self._touched, id=str, at=datetime, before=datetime, expire_at=datetime)
        kinds: dict[str, type] = {"id": str, "actor": str, "at": datetime, "reason": str}
        self._close = {status: self._update(partial(self._closed, status), **kinds) for status in LEAVES}
        self._revoke = self._update(partial(self._closed, Status.REVOKED), workspace=UUID, **kinds)

    def touch(self, id: str, *, at: datetime, before: datetime, expire_at: datetime) -> dict[str, Any] | None:
        """Record the use of a live session that was last used until ``before``."""
        return self._run(self._touch, id=id, at=at, before=before, expire_at=expire_at)

    def close(self, id: str, status: Status, *, actor: str, at: datetime, reason: str = "") -> dict[str, Any] | None:
        """Do to one session what ``UserSessionQuerySet.close`` does to many."""
        return self._run_close(self._close[status], status, id=id, actor=actor, at=at, reason=reason)

    def revoke(self, id: str, workspace: UUID, *, actor: str, at: datetime, reason: str = "") -> dict[str, Any] | None:
        """Revoke a session if it belongs to this workspace."""
        values = {"id": id, "workspace": workspace, "actor": actor, "at": at, "reason": reason}
        return self._run_close(self._revoke, Status.REVOKED, **values)

    def _run_close(self, update: CompiledUpdate, status: Status, **values: Any) -> dict[str, Any] | None:
        id, actor, at, reason = (values[name] for name in ("id", "actor", "at", "reason"))
        text(actor, name="actor", longest=LONGEST_ACTOR)
        text(reason, name="reason", longest=LONGEST_REASON)
        with atomic(savepoint=False):
            columns = self._run(update, **values)
            if columns is not None:
                workspace_id, data = columns["workspace_id"], end_data(reason, is_first=columns["recorded_ends"] == 1)
                Event.objects.record(
                    f"user_session.{status}", subject=id, workspace_id=workspace_id, actor=actor, at=at, **data
                )
        return columns

    def _touched(self, id: str, at: datetime, before: datetime, expire_at: datetime) -> Change:
        abandon_at = Greatest(F("abandon_at"), Value(expire_at))
        changes = {"last_active_at": at, "updated_at": at, "expire_at": expire_at, "abandon_at": abandon_at}
        return self._model.objects.live(at=at).filter(pk=id, last_active_at__lte=before), changes

    def _closed(self, status: Status, actor: str, at: datetime, reason: str, **by: Any) -> Change:
        return closing(self._model.objects.filter(**by), status, actor=actor, at=at, reason=reason)

    def _update(self, change: Any, **kinds: type) -> CompiledUpdate:
        returning = [field.name for field in self._fields]
        return CompiledUpdate(self._model, change, returning, binds, **kinds)

    def _run(self, update: CompiledUpdate, **values: Any) -> dict[str, Any] | None:
        for row in update.run(**values):
            return {field.attname: value for field, value in zip(self._fields, row, strict=True)}
        return None
