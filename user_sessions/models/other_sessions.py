"""The verb of a session that ends the other sessions of its user."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import models

from sessions_core.db.asynchronous import twin_of
from sessions_core.db.transactions import atomic
from sessions_core.moments import moment
from user_sessions.exceptions import NotLive
from user_sessions.models import admission

__all__ = ["OtherSessions"]


class OtherSessions(models.Model):
    class Meta:
        abstract = True

    @atomic()
    def revoke_others(self: Any, *, at: datetime | None = None, reason: str = "") -> Sequence[str]:
        """Revoke every other live session that the user has in the workspace. Return their ids.

        It takes the lock of a sign-in, so of two sessions that revoke each other one goes on. Raise NotLive if this
        session is over, or UserInactive.
        """
        at = moment(at)
        admission.lock(self.user)
        sessions: Any = type(self)._default_manager
        if not sessions.live(at=at).filter(pk=self.pk).exists():
            raise NotLive
        others = sessions.filter(workspace=self.workspace_id, user=self.user_id).exclude(pk=self.pk)
        revoked: Sequence[str] = others.revoke(actor=self.actor, at=at, reason=reason)
        return revoked

    arevoke_others = twin_of(revoke_others)
